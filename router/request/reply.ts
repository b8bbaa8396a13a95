import type { Hex } from "../model/bytes.ts";
import type { Wei } from "../model/money.ts";
import type { SignedReceipt } from "../model/receipt.ts";
import type { Head, JsonWire } from "./wire/wire.ts";

/** Where an answer goes. The HTTP layer implements it. */
export interface Reply {
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal;
  /** Says that what follows was said before. */
  repeated(): void;
  /** Says which wallet pays, and, once it is known, how much; goes into the answer's head as far as that is not gone. */
  paid(payment: { readonly payer: Hex; readonly chargedWei: Wei | undefined }): void;
  /** Starts a stream: from here on there is no other provider, and no other status. */
  open(head: Head, wire: JsonWire): void;
  /** Sends an event. A promise, when there is no room: it resolves when there is again, or the caller left. */
  send(event: object): Promise<void> | undefined;
  /** Says that the stream was whole, and ends it. */
  done(): void;
  /** Starts an answer in bytes; the same holds from here on. */
  openBytes(head: Head, contentType: string): void;
  /** Sends bytes; the promise as in `send`. */
  sendBytes(chunk: Uint8Array): Promise<void> | undefined;
  /** Sends the last bytes, with the receipt after them, and ends. */
  doneBytes(chunk: Uint8Array, receipt: SignedReceipt): void;
  /** Sends a whole answer, and ends. */
  whole(body: object, head: Head, receipt: SignedReceipt): void;
}
