import type { SignedReceipt } from "../model/receipt.ts";
import type { Head, Wire } from "./wire/wire.ts";

/** Where an answer goes. The HTTP layer implements it. */
export interface Reply {
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal;
  /** Starts a stream: from here on there is no other provider, and no other status. */
  open(head: Head, wire: Wire): void;
  /** Sends an event. A promise, when there is no room: it resolves when there is again, or the caller left. */
  send(event: object): Promise<void> | undefined;
  /** Says that the stream was whole, and ends it. */
  done(): void;
  /** Sends a whole answer, and ends. */
  whole(body: object, head: Head, receipt: SignedReceipt): void;
}
