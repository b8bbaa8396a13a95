import { isObject } from "../../model/chat.ts";
import { contentHash } from "../../model/commitment.ts";
import { UpstreamError } from "../../ports.ts";
import { proofJson, usageJson } from "../receiptJson.ts";
import type { CollectedJson, Fields, JsonWire } from "./wire.ts";

/** `responseHash`: the content hash of `{data}`. */
class CollectedImages implements CollectedJson {
  #data: readonly unknown[] = [];

  get isEmpty(): boolean {
    return this.#data.length === 0;
  }

  take(): void {}

  takeWhole({ data }: Fields): void {
    const areImages =
      Array.isArray(data) &&
      data.length > 0 &&
      data.every((image) => isObject(image) && (isText(image["b64_json"]) || isText(image["url"])));
    if (!areImages) throw new UpstreamError("protocol", "the answer has no images");
    this.#data = data;
  }

  hash() {
    return contentHash({ data: this.#data });
  }

  texts(): string[] {
    return [];
  }

  units(): number {
    return this.#data.length;
  }
}

const isText = (value: unknown): boolean => typeof value === "string" && value !== "";

/** What OpenAI says about images besides the images. */
const PASSED_ON = ["background", "output_format", "quality", "size"] as const;

/** `POST /v1/images/generations` */
export const images: JsonWire = {
  answers: "json",
  path: "/images/generations",
  units: ["image"],
  generatesTokens: false,
  isOptional: true,
  limitField: undefined,
  fixedFields: {},
  streamFields: {},
  ownFields: [],
  collect: () => new CollectedImages(),
  shape: { hasContent: () => false, ends: () => 0, mayEndEarly: true },
  event: () => undefined,
  ending: () => [],
  broken: (_head, error) => ({ error }),
  whole: (body, { id, created, model }, bill) => ({
    id,
    created,
    model,
    data: body["data"],
    ...Object.fromEntries(
      PASSED_ON.flatMap((field) => (body[field] === undefined ? [] : [[field, body[field]]])),
    ),
    usage: usageJson(bill.metered, bill.details, bill.appFeeWei),
    ...proofJson(bill),
  }),
  namesEvents: false,
  endMark: undefined,
};
