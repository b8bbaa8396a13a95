import type { ServerResponse } from "node:http";
import type { SignedReceipt } from "../model/receipt.ts";
import { receiptJson } from "../request/receiptJson.ts";
import type { Refusal } from "../request/refusal.ts";
import type { Reply, StreamHead } from "../request/reply.ts";
import { errorJson, sendJson } from "./errors.ts";

/** A caller that does not read for this long altogether has left, as far as its answer goes. */
const STALL_LIMIT_MS = 60_000;

const event = (body: object): string => `data: ${JSON.stringify(body)}\n\n`;

/** An answer over HTTP: server-sent events, or JSON. */
export class HttpReply implements Reply {
  readonly #res: ServerResponse;
  readonly #caller = new AbortController();
  #head: StreamHead | undefined;
  #stalledMs = 0;

  constructor(res: ServerResponse) {
    this.#res = res;
    res.once("close", () => {
      if (!res.writableFinished) this.#caller.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  get isOpen(): boolean {
    return this.#head !== undefined;
  }

  open(head: StreamHead): void {
    this.#head = head;
    this.#res.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Proxies in front must not collect events.
      "x-accel-buffering": "no",
      "x-generation-id": head.id,
    });
  }

  send(body: object): Promise<void> | undefined {
    if (this.#res.destroyed || this.#res.write(event(body))) return undefined;
    return this.#drained();
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

  done(): void {
    this.#res.end("data: [DONE]\n\n");
  }

  /** Ends an open stream as broken: an error, a finish reason that says so, and no `[DONE]`. */
  fail(refusal: Refusal): void {
    const choices = [{ index: 0, delta: { content: "" }, finish_reason: "error" }];
    this.#res.end(event({ ...this.#head, error: errorJson(refusal), choices }));
  }

  whole(body: object, receipt: SignedReceipt): void {
    const json = JSON.stringify(receiptJson(receipt));
    this.#res.setHeader("x-ai1net-receipt", Buffer.from(json).toString("base64url"));
    if ("id" in body && typeof body.id === "string") this.#res.setHeader("x-generation-id", body.id);
    sendJson(this.#res, 200, body);
  }
}
