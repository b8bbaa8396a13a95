import type { ServerResponse } from "node:http";
import type { Hex } from "../model/bytes.ts";
import { isObject } from "../model/chat.ts";
import { formatTokens } from "../model/money.ts";
import type { ColumnReply } from "../request/columns.ts";
import { CallerLeft, Refusal } from "../request/refusal.ts";
import { chat } from "../request/wire/chat.ts";
import type { Head } from "../request/wire/wire.ts";
import type { Logger } from "../ports.ts";
import { errorJson, refusalOf, sendJson } from "./errors.ts";
import type { HttpReply } from "./httpReply.ts";

type Ended = Readonly<Record<string, unknown>>;

/** Several answers side by side: events of one stream with the number of their column, or one JSON. */
export class ComparisonReply {
  readonly #res: ServerResponse;
  readonly #http: HttpReply;
  readonly #head: Head;
  readonly #isStream: boolean;
  readonly #logger: Logger;
  /** By column: the whole answer, or the cost at the end of its stream, or the error. */
  readonly #ended: Ended[] = [];
  #failures: Refusal[] = [];
  /** What the columns were charged, app fees included. */
  #chargedWei = 0n;
  readonly #payer: Hex | undefined;

  /** @param payer the wallet that pays; undefined: a key does */
  constructor(
    res: ServerResponse,
    http: HttpReply,
    head: Head,
    isStream: boolean,
    logger: Logger,
    payer: Hex | undefined,
  ) {
    this.#payer = payer;
    this.#res = res;
    this.#http = http;
    this.#head = head;
    this.#isStream = isStream;
    this.#logger = logger;
  }

  get isOpen(): boolean {
    return this.#http.isOpen;
  }

  /** A place for each model's answer. */
  begin(models: readonly string[]): ColumnReply[] {
    if (this.#payer) this.#http.paid({ payer: this.#payer, chargedWei: undefined });
    if (this.#isStream) this.#http.open(this.#head, chat);
    return models.map((model, column) => this.#column(column, model));
  }

  #column(column: number, model: string): ColumnReply {
    const http = this.#http;
    return {
      signal: http.signal,
      repeated: () => undefined,
      paid: ({ chargedWei = 0n }) => {
        this.#chargedWei += chargedWei;
      },
      open: () => undefined,
      send: (event) => {
        if ("receipt" in event) this.#ended[column] = { column, model, ...event };
        return http.send({ column, ...event });
      },
      done: () => undefined,
      whole: (body) => {
        this.#ended[column] = { column, ...body };
      },
      // A comparison is of chats: nothing of it comes as bytes.
      openBytes: () => undefined,
      sendBytes: () => undefined,
      doneBytes: () => undefined,
      fail: (error) => {
        if (error instanceof CallerLeft || http.signal.aborted) return;
        const refusal = refusalOf(error, this.#logger, this.#head.id);
        this.#failures.push(refusal);
        const failed = { column, model, error: errorJson(refusal) };
        this.#ended[column] = failed;
        if (this.#isStream) void http.send({ object: "chat.completion.chunk", ...failed });
      },
    };
  }

  /** Ends the answer, when every column has ended. @throws {Refusal} when all of them failed, and nothing was sent yet */
  done(): void {
    if (this.#http.signal.aborted) return;
    const { id, created } = this.#head;
    const costWei = this.#ended.reduce((sum, { usage }) => {
      const wei = isObject(usage) ? usage["cost_wei"] : undefined;
      return typeof wei === "string" ? sum + BigInt(wei) : sum;
    }, 0n);
    const usage = { cost: formatTokens(costWei), cost_wei: costWei.toString() };
    if (this.#isStream) {
      const columns = this.#ended.map(({ column, model, receipt, usage: spent, error }) => ({
        column,
        model,
        ...(error === undefined ? { usage: spent, receipt } : { error }),
      }));
      const payment = this.#payer && {
        payment: { payer: this.#payer, charged_wei: this.#chargedWei.toString() },
      };
      void this.#http.send({ id, object: "comparison.end", created, columns, usage, ...payment });
      this.#http.done();
      return;
    }
    const [first] = this.#failures;
    if (first && this.#failures.length === this.#ended.length)
      throw new Refusal(
        first.status,
        first.errorType,
        `no model answered; the first says: ${first.message}`,
        {
          ...first.details,
          metadata: { ...first.details.metadata, columns: this.#ended },
        },
      );
    if (this.#payer) this.#http.paid({ payer: this.#payer, chargedWei: this.#chargedWei });
    this.#res.setHeader("x-generation-id", id);
    sendJson(this.#res, 200, { id, object: "comparison", created, columns: this.#ended, usage });
  }

  /** Something broke that is no column's own. */
  fail(error: unknown): void {
    this.#http.fail(refusalOf(error, this.#logger, this.#head.id));
  }
}
