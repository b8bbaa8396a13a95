import type { SignedReceipt } from "../../router/model/receipt.ts";
import type { Reply } from "../../router/request/reply.ts";
import type { Head } from "../../router/request/wire/wire.ts";

/** Keeps what the caller would see; `leave()` is the caller's leaving. */
export class FakeReply implements Reply {
  readonly #caller = new AbortController();
  head: Head | undefined;
  readonly events: Record<string, unknown>[] = [];
  readonly chunks: Uint8Array[] = [];
  body: Record<string, unknown> | undefined;
  receipt: SignedReceipt | undefined;
  isDone = false;
  readonly payments: Parameters<Reply["paid"]>[0][] = [];
  isRepeated = false;
  /** Called with each event. */
  onEvent: (event: Record<string, unknown>) => Promise<void> | undefined = () => undefined;

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  leave(): void {
    this.#caller.abort();
  }

  repeated(): void {
    this.isRepeated = true;
  }

  open(head: Head): void {
    this.head = head;
  }

  send(event: object): Promise<void> | undefined {
    this.events.push(event as Record<string, unknown>);
    return this.onEvent(event as Record<string, unknown>);
  }

  done(): void {
    this.isDone = true;
  }

  openBytes(head: Head): void {
    this.head = head;
  }

  sendBytes(chunk: Uint8Array): undefined {
    this.chunks.push(chunk);
  }

  doneBytes(chunk: Uint8Array, receipt: SignedReceipt): void {
    this.chunks.push(chunk);
    this.isDone = true;
    this.receipt = receipt;
  }

  paid(payment: Parameters<Reply["paid"]>[0]): void {
    this.payments.push(payment);
  }

  whole(body: object, _head: Head, receipt: SignedReceipt): void {
    this.body = body as Record<string, unknown>;
    this.receipt = receipt;
  }

  /** All content of the stream. */
  text(): string {
    return this.events
      .flatMap((event) => event["choices"] as { delta: { content?: string } }[])
      .map((choice) => choice.delta.content ?? "")
      .join("");
  }
}
