import { isObject } from "../../model/chat.ts";
import { contentHash } from "../../model/commitment.ts";
import { UpstreamError } from "../../ports.ts";
import { proofJson, usageJson } from "../receiptJson.ts";
import type { CollectedJson, Fields, JsonWire } from "./wire.ts";

/** `responseHash`: the content hash of `{data}`. */
class CollectedVectors implements CollectedJson {
  readonly isEmpty = false;
  #data: unknown;

  take(): void {}

  takeWhole({ data }: Fields): void {
    if (!Array.isArray(data) || data.length === 0 || !data.every(isObject))
      throw new UpstreamError("protocol", "the answer has no `data`");
    this.#data = data;
  }

  hash() {
    return contentHash({ data: this.#data });
  }

  texts(): string[] {
    return [];
  }

  units(): number {
    return 0;
  }
}

/** `POST /v1/embeddings`: reads, and generates nothing. */
export const embeddings: JsonWire = {
  answers: "json",
  path: "/embeddings",
  units: ["token"],
  generatesTokens: false,
  isOptional: false,
  limitField: undefined,
  fixedFields: {},
  streamFields: {},
  ownFields: [],
  collect: () => new CollectedVectors(),
  shape: { hasContent: () => false, ends: () => 0, mayEndEarly: true },
  event: () => undefined,
  ending: () => [],
  broken: (_head, error) => ({ error }),
  whole: (body, { id, model }, bill) => ({
    id,
    object: "list",
    model,
    data: body["data"],
    usage: usageJson(bill.metered, bill.details, bill.appFeeWei),
    ...proofJson(bill),
  }),
  namesEvents: false,
  endMark: undefined,
};
