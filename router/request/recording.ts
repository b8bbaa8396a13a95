import type { SignedReceipt } from "../model/receipt.ts";
import { Refusal } from "./refusal.ts";
import type { Reply } from "./reply.ts";
import type { Head, JsonWire } from "./wire/wire.ts";

/** An answer that can be given once more. */
export type Recording =
  | { readonly kind: "whole"; readonly body: object; readonly head: Head; readonly receipt: SignedReceipt }
  | {
      readonly kind: "stream";
      readonly head: Head;
      readonly wire: JsonWire;
      readonly events: readonly object[];
      /** False when the caller left before the end. */
      readonly isDone: boolean;
    }
  | {
      readonly kind: "bytes";
      readonly head: Head;
      readonly contentType: string;
      readonly chunks: readonly Uint8Array[];
      /** The last one, with what comes after it; undefined when the caller left before. */
      readonly end: { readonly chunk: Uint8Array; readonly receipt: SignedReceipt } | undefined;
    };

/** Passes an answer on and keeps it, unless it gets too big. */
export class Recorder implements Reply {
  readonly #reply: Reply;
  readonly signal: AbortSignal;
  readonly #mostBytes: number;
  #opened: { readonly head: Head; readonly wire: JsonWire } | undefined;
  #events: object[] = [];
  #isDone = false;
  #openedBytes: { readonly head: Head; readonly contentType: string } | undefined;
  #chunks: Uint8Array[] = [];
  #end: { readonly chunk: Uint8Array; readonly receipt: SignedReceipt } | undefined;
  #body: { readonly body: object; readonly head: Head } | undefined;
  #receipt: SignedReceipt | undefined;
  #bytes = 0;

  constructor(reply: Reply, mostBytes: number) {
    this.#reply = reply;
    this.signal = reply.signal;
    this.#mostBytes = mostBytes;
  }

  paid(payment: Parameters<Reply["paid"]>[0]): void {
    this.#reply.paid(payment);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What to answer with the next time; undefined when it is not all here. */
  get recording(): Recording | undefined {
    if (this.#body && this.#receipt) return { kind: "whole", ...this.#body, receipt: this.#receipt };
    if (this.#bytes > this.#mostBytes) return undefined;
    if (this.#openedBytes)
      return { kind: "bytes", ...this.#openedBytes, chunks: this.#chunks, end: this.#end };
    if (!this.#opened) return undefined;
    return { kind: "stream", ...this.#opened, events: this.#events, isDone: this.#isDone };
  }

  /** The answer has ended with this receipt. */
  close(receipt: SignedReceipt): void {
    this.#receipt = receipt;
  }

  /** The answer came to nothing. */
  discard(): void {
    this.#empty();
    this.#opened = undefined;
    this.#openedBytes = undefined;
    this.#body = undefined;
    this.#bytes = 0;
  }

  #empty(): void {
    this.#events = [];
    this.#chunks = [];
    this.#end = undefined;
  }

  /** True if there is room for so much. */
  #hasRoom(bytes: number): boolean {
    if (this.#bytes > this.#mostBytes) return false;
    this.#bytes += bytes;
    if (this.#bytes <= this.#mostBytes) return true;
    this.#empty();
    return false;
  }

  #counts(body: object): boolean {
    return this.#bytes <= this.#mostBytes && this.#hasRoom(JSON.stringify(body).length);
  }

  repeated(): void {
    this.#reply.repeated();
  }

  open(head: Head, wire: JsonWire): void {
    this.#opened = { head, wire };
    this.#reply.open(head, wire);
  }

  send(event: object): Promise<void> | undefined {
    if (this.#counts(event)) this.#events.push(event);
    return this.#reply.send(event);
  }

  done(): void {
    this.#isDone = true;
    this.#reply.done();
  }

  openBytes(head: Head, contentType: string): void {
    this.#openedBytes = { head, contentType };
    this.#reply.openBytes(head, contentType);
  }

  sendBytes(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#hasRoom(chunk.length)) this.#chunks.push(chunk);
    return this.#reply.sendBytes(chunk);
  }

  doneBytes(chunk: Uint8Array, receipt: SignedReceipt): void {
    if (this.#hasRoom(chunk.length)) this.#end = { chunk, receipt };
    this.#reply.doneBytes(chunk, receipt);
  }

  whole(body: object, head: Head, receipt: SignedReceipt): void {
    if (this.#counts(body)) this.#body = { body, head };
    this.#reply.whole(body, head, receipt);
  }
}

/** Gives an answer once more, and says so. @throws {Refusal} at the end of one that never was whole */
export async function replay(recording: Recording, reply: Reply): Promise<void> {
  reply.repeated();
  if (recording.kind === "whole") {
    reply.whole(recording.body, recording.head, recording.receipt);
    return;
  }
  if (recording.kind === "bytes") {
    reply.openBytes(recording.head, recording.contentType);
    for (const chunk of recording.chunks) {
      if (reply.signal.aborted) return;
      await reply.sendBytes(chunk);
    }
    if (recording.end) {
      reply.doneBytes(recording.end.chunk, recording.end.receipt);
      return;
    }
  } else {
    reply.open(recording.head, recording.wire);
    for (const event of recording.events) {
      if (reply.signal.aborted) return;
      await reply.send(event);
    }
    if (recording.isDone) {
      reply.done();
      return;
    }
  }
  throw new Refusal(
    409,
    "already_served",
    "the first caller left here, and paid for this much; use a new Idempotency-Key to ask again",
    { shouldRetry: false },
  );
}
