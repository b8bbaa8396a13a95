/** What the chat and the text endpoint have in common: answers are numbered choices. */
import { proofJson, usageJson } from "../receiptJson.ts";
import type { Bill, Fields, Head, JsonWire } from "./wire.ts";

const hasChoices = ({ choices }: Fields): boolean => Array.isArray(choices) && choices.length > 0;

const fingerprintOf = (body: Fields): object =>
  body["system_fingerprint"] === undefined ? {} : { system_fingerprint: body["system_fingerprint"] };

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
        ? { ...chunkHead(head), choices: event["choices"], ...fingerprintOf(event) }
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
      ...fingerprintOf(body),
      ...costs(bill),
    }),
    namesEvents: false,
    endMark: "[DONE]",
  };
}
