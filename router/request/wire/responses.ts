import { isObject } from "../../model/chat.ts";
import { contentHash } from "../../model/commitment.ts";
import { UpstreamError } from "../../ports.ts";
import { costJson, proofJson } from "../receiptJson.ts";
import type { Bill, CollectedJson, Fields, Head, JsonWire } from "./wire.ts";

/** Of an output item, what was generated. Names and call ids are, too, but weigh nothing. */
const GENERATED = ["text", "refusal", "arguments", "input", "summary", "content"] as const;

function* generatedIn(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* generatedIn(item);
  else if (isObject(value)) for (const field of GENERATED) yield* generatedIn(value[field]);
}

const isDelta = ({ type, delta }: Fields): boolean =>
  typeof type === "string" && type.endsWith(".delta") && typeof delta === "string" && delta !== "";

const hasEnded = ({ type }: Fields): boolean =>
  type === "response.completed" || type === "response.incomplete";

const itemsOf = (response: unknown): readonly unknown[] => {
  const output = isObject(response) ? response["output"] : undefined;
  return Array.isArray(output) ? output : [];
};

/**
 * `responseHash`: the content hash of `{output}`, the items as they came; for an answer that its caller left, of
 * `{pieces}`: the text of each item so far, in order.
 */
class CollectedResponse implements CollectedJson {
  #output: readonly unknown[] = [];
  readonly #pieces: string[][] = [];
  isEmpty = true;

  take(event: Fields): void {
    const { output_index: index = 0, delta, response } = event;
    if (
      isDelta(event) &&
      typeof index === "number" &&
      Number.isInteger(index) &&
      index >= 0 &&
      index < 1_024
    ) {
      (this.#pieces[index] ??= []).push(String(delta));
      this.isEmpty = false;
    } else if (hasEnded(event)) this.#keep(itemsOf(response));
  }

  takeWhole(body: Fields): void {
    if (!Array.isArray(body["output"])) throw new UpstreamError("protocol", "the answer has no `output`");
    this.#keep(itemsOf(body));
  }

  #keep(output: readonly unknown[]): void {
    this.#output = output;
    if (this.isEmpty) this.isEmpty = this.texts().every((text) => text === "");
  }

  #texts(): string[] {
    // An index that was skipped leaves a hole; `filter` closes it.
    return this.#pieces.filter(() => true).map((pieces) => pieces.join(""));
  }

  hash() {
    return contentHash(this.#output.length > 0 ? { output: this.#output } : { pieces: this.#texts() });
  }

  texts(): string[] {
    return this.#output.length > 0 ? [...generatedIn(this.#output)] : this.#texts();
  }

  units(): number {
    return 0;
  }
}

/** The provider's own response under our name, with what it cost. */
function priced(response: Fields, { id, model }: Head, bill: Bill): object {
  const { metered, details, appFeeWei } = bill;
  const { promptUnits, completionUnits } = metered;
  return {
    ...response,
    id,
    model,
    usage: {
      input_tokens: promptUnits,
      input_tokens_details: details["input_tokens_details"] ?? { cached_tokens: 0 },
      output_tokens: completionUnits,
      output_tokens_details: details["output_tokens_details"] ?? { reasoning_tokens: 0 },
      total_tokens: promptUnits + completionUnits,
      ...costJson(metered, appFeeWei),
    },
    ...proofJson(bill),
  };
}

/** `POST /v1/responses`, as far as it can be had without anybody keeping anything. */
export const responses: JsonWire = {
  answers: "json",
  path: "/responses",
  units: ["token"],
  generatesTokens: true,
  isOptional: true,
  limitField: "max_output_tokens",
  fixedFields: { store: false },
  streamFields: {},
  ownFields: [],
  collect: () => new CollectedResponse(),
  shape: {
    hasContent: isDelta,
    ends: (event) => (hasEnded(event) ? 1 : 0),
    mayEndEarly: false,
  },
  event(event, { id, model }) {
    const { type, response } = event;
    if (typeof type !== "string") return undefined;
    return isObject(response) ? { ...event, response: { ...response, id, model } } : event;
  },
  ending: (waiting, head, bill) =>
    waiting.map((event) =>
      isObject(event["response"]) ? { ...event, response: priced(event["response"], head, bill) } : event,
    ),
  broken: (_head, { code, message, param, ...error }) => ({
    type: "error",
    code: String(code),
    message,
    param,
    error: { code, message, param, ...error },
  }),
  whole: priced,
  namesEvents: true,
  endMark: undefined,
};
