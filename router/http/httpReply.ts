import type { ServerResponse } from "node:http";
import type { Hex } from "../model/bytes.ts";
import type { Wei } from "../model/money.ts";
import type { SignedReceipt } from "../model/receipt.ts";
import { receiptJson } from "../request/receiptJson.ts";
import type { Refusal } from "../request/refusal.ts";
import type { Reply } from "../request/reply.ts";
import type { Head, JsonWire } from "../request/wire/wire.ts";
import { errorJson, sendJson } from "./errors.ts";
import { paymentResponseHeader } from "./x402.ts";

/** A caller that does not read for this long altogether has left, as far as its answer goes. */
const STALL_LIMIT_MS = 60_000;

const event = (body: object, hasName: boolean): string => {
  const name = hasName && "type" in body && typeof body.type === "string" ? `event: ${body.type}\n` : "";
  return `${name}data: ${JSON.stringify(body)}\n\n`;
};

const RESPONSE_HEADER = "payment-response";
const RECEIPT_HEADER = "x-ai1net-receipt";
const receiptText = (receipt: SignedReceipt): string =>
  Buffer.from(JSON.stringify(receiptJson(receipt))).toString("base64url");

/** An answer over HTTP: server-sent events, or JSON. */
export class HttpReply implements Reply {
  readonly #res: ServerResponse;
  readonly #caller = new AbortController();
  #stream: { readonly head: Head; readonly wire: JsonWire | undefined } | undefined;
  #stalledMs = 0;
  #draining: Promise<void> | undefined;

  readonly #chainId: number;

  /** @param chainId of the wallets that pay */
  constructor(res: ServerResponse, chainId: number) {
    this.#res = res;
    this.#chainId = chainId;
    res.once("close", () => {
      if (!res.writableFinished) this.#caller.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  repeated(): void {
    this.#res.setHeader("idempotent-replayed", "true");
  }

  paid({ payer, chargedWei }: { readonly payer: Hex; readonly chargedWei: Wei | undefined }): void {
    if (this.#res.headersSent) return;
    this.#res.setHeader(RESPONSE_HEADER, paymentResponseHeader(this.#chainId, payer, chargedWei));
  }

  open(head: Head, wire: JsonWire): void {
    this.#stream = { head, wire };
    this.#res.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Proxies in front must not collect events.
      "x-accel-buffering": "no",
      "x-generation-id": head.id,
    });
  }

  send(body: object): Promise<void> | undefined {
    return this.sendBytes(this.#event(body));
  }

  openBytes(head: Head, contentType: string): void {
    this.#stream = { head, wire: undefined };
    this.#res.writeHead(200, {
      "content-type": contentType,
      "x-accel-buffering": "no",
      "x-generation-id": head.id,
      trailer: RECEIPT_HEADER,
    });
  }

  sendBytes(chunk: Uint8Array | string): Promise<void> | undefined {
    if (this.#res.destroyed || this.#res.write(chunk)) return undefined;
    // Several may wait, but the caller is late only once.
    this.#draining ??= this.#drained().finally(() => (this.#draining = undefined));
    return this.#draining;
  }

  doneBytes(chunk: Uint8Array, receipt: SignedReceipt): void {
    this.#res.addTrailers({ [RECEIPT_HEADER]: receiptText(receipt) });
    this.#res.end(chunk);
  }

  /** Resolves when the caller reads again, or is gone. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const res = this.#res;
      const sinceMs = performance.now();
      const limit = setTimeout(() => res.destroy(), STALL_LIMIT_MS - this.#stalledMs);
      const go = (): void => {
        clearTimeout(limit);
        this.#stalledMs += performance.now() - sinceMs;
        res.off("drain", go).off("close", go);
        resolve();
      };
      res.once("drain", go).once("close", go);
    });
  }

  #event(body: object): string {
    return event(body, this.#stream?.wire?.namesEvents ?? false);
  }

  done(): void {
    const mark = this.#stream?.wire?.endMark;
    this.#res.end(mark === undefined ? undefined : `data: ${mark}\n\n`);
  }

  /** Ends an open stream as broken: an error, in the endpoint's own words, and nothing that looks like an end. */
  fail(refusal: Refusal): void {
    if (!this.#stream) return;
    const { head, wire } = this.#stream;
    // Bytes have no words for it: only a connection that breaks is no clean end.
    if (!wire) this.#res.destroy();
    else this.#res.end(this.#event(wire.broken(head, errorJson(refusal))));
  }

  whole(body: object, head: Head, receipt: SignedReceipt): void {
    this.#res.setHeader(RECEIPT_HEADER, receiptText(receipt));
    this.#res.setHeader("x-generation-id", head.id);
    sendJson(this.#res, 200, body);
  }
}
