/** What the chat and the text endpoint have in common: answers are numbered choices. */
import { proofJson, usageJson } from "../receiptJson.ts";
import type { Bill, Fields, Head, JsonWire } from "./wire.ts";

const hasChoices = ({ choices }: Fields): boolean => Array.isArray(choices) && choices.length > 0;

/** Stock clients want it in every whole answer, if only as null, and in a chunk as a text or not at all. */
const fingerprintOf = ({ system_fingerprint: fingerprint }: Fields): string | null =>
  typeof fingerprint === "string" ? fingerprint : null;
const fingerprintOfChunk = (body: Fields): object => {
  const fingerprint = fingerprintOf(body);
  return fingerprint === null ? {} : { system_fingerprint: fingerprint };
};

const costs = (bill: Bill) => ({
  usage: usageJson(bill.metered, bill.details, bill.appFeeWei),
  ...proofJson(bill),
});

/** The fields of a wire that answers with choices. */
export function choicesWire(
  objects: { readonly whole: string; readonly chunk: string },
  nothing: object,
): Pick<
  JsonWire,
  | "units"
  | "generatesTokens"
  | "fixedFields"
  | "streamFields"
  | "event"
  | "ending"
  | "broken"
  | "whole"
  | "namesEvents"
  | "endMark"
> {
  const chunkHead = ({ id, created, model }: Head) => ({ id, object: objects.chunk, created, model });
  return {
    units: ["token"],
    generatesTokens: true,
    fixedFields: {},
    streamFields: { stream_options: { include_usage: true } },
    event: (event, head) =>
      hasChoices(event)
        ? { ...chunkHead(head), choices: event["choices"], ...fingerprintOfChunk(event) }
        : undefined,
    ending: (waiting, head, bill) => [...waiting, { ...chunkHead(head), choices: [], ...costs(bill) }],
    broken: (head, error) => ({
      ...chunkHead(head),
      error,
      choices: [{ index: 0, ...nothing, finish_reason: "error" }],
    }),
    whole: (body, { id, created, model }, bill) => ({
      id,
      object: objects.whole,
      created,
      model,
      choices: body["choices"],
      system_fingerprint: fingerprintOf(body),
      ...costs(bill),
    }),
    namesEvents: false,
    endMark: "[DONE]",
  };
}
