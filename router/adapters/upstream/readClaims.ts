import { isObject } from "../../model/chat.ts";
import type { EndpointClaims } from "../../ports.ts";

const MOST_NAMES = 128;
const MOST_CHARACTERS = 64;

const isName = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= MOST_CHARACTERS;

const names = (value: unknown): string[] => (Array.isArray(value) ? value.filter(isName) : []);

/** Features by the parameters that ask for them. */
const FEATURES: Readonly<Record<string, readonly string[]>> = {
  tools: ["tools", "tool_choice"],
  json_mode: ["response_format"],
  structured_outputs: ["response_format", "structured_outputs"],
  logprobs: ["logprobs", "top_logprobs"],
  reasoning: ["reasoning", "reasoning_effort"],
};

/**
 * What an endpoint's list of models says of one of them, in the words of OpenRouter's lists: `quantization`, and
 * `supported_parameters` (or, as providers give them, `supported_sampling_parameters` and `supported_features`).
 */
export function readClaims(list: unknown, upstreamModel: string): EndpointClaims {
  const data = isObject(list) && Array.isArray(list["data"]) ? list["data"] : [];
  const entry: unknown = data.find((model) => isObject(model) && model["id"] === upstreamModel);
  if (!isObject(entry)) return {};
  const { quantization } = entry;
  const parameters = [
    ...names(entry["supported_parameters"]),
    ...names(entry["supported_sampling_parameters"]),
    ...names(entry["supported_features"]).flatMap((feature) => FEATURES[feature] ?? [feature]),
  ];
  return {
    ...(isName(quantization) && { quantization: quantization.toLowerCase() }),
    ...(parameters.length > 0 && { supportedParameters: [...new Set(parameters)].slice(0, MOST_NAMES) }),
  };
}
