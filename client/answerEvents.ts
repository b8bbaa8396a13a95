export type Fields = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Where an answer or its last event has its receipt. */
export function receiptIn(body: Fields): unknown {
  return body["receipt"] ?? (isObject(body["response"]) ? body["response"]["receipt"] : undefined);
}

/** Collects the JSON of server-sent events as their bytes pass by. */
export class AnswerEvents {
  readonly bodies: Fields[] = [];
  /** True once the end is here: the event with the receipt, or the mark after the last one. */
  isOver = false;
  readonly #receipts: number;
  #seen = 0;
  #decoder = new TextDecoder();
  #rest = "";

  /** @param answers how many receipts come, at most */
  constructor(answers: number) {
    this.#receipts = answers;
  }

  take(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const data = /^data: ?(.*?)\r?$/.exec(line)?.[1];
      if (data === "[DONE]") this.isOver = true;
      if (data?.startsWith("{") !== true) continue;
      const body = JSON.parse(data) as Fields;
      this.bodies.push(body);
      if (receiptIn(body) !== undefined && ++this.#seen === this.#receipts) this.isOver = true;
    }
  }
}

/** What belongs to one column of a comparison, out of its events or its whole body. */
export function columnOf(bodies: readonly Fields[], column: number): Fields[] {
  const parts = bodies.flatMap((body) =>
    body["object"] === "comparison" && Array.isArray(body["columns"])
      ? (body["columns"] as unknown[])
      : [body],
  );
  return parts.filter((part): part is Fields => isObject(part) && part["column"] === column);
}
