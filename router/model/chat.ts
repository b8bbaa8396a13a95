/** The few parts of OpenAI's chat shapes that decide anything here; all else passes through. */

type Fields = Record<string, unknown>;

export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const nonEmpty = (value: unknown): boolean =>
  (typeof value === "string" && value !== "") || (Array.isArray(value) && value.length > 0);

/** Fields of a message or a delta that are something generated. Names of reasoning differ between servers. */
const GENERATED = ["content", "tool_calls", "refusal", "reasoning_content", "reasoning"] as const;

/** Whether a message or a delta carries anything generated; a role alone does not count. */
export function isGenerated(part: unknown): boolean {
  return (
    isObject(part) &&
    (GENERATED.some((field) => nonEmpty(part[field])) ||
      isObject(part["function_call"]) ||
      isObject(part["audio"]))
  );
}

/** Whether a chunk of a stream carries anything generated. */
export function hasContent(chunk: Fields): boolean {
  const choices = chunk["choices"];
  return Array.isArray(choices) && choices.some((choice) => isObject(choice) && isGenerated(choice["delta"]));
}

/** How many choices a chunk ends. */
export function choicesFinished(chunk: Fields): number {
  const choices = chunk["choices"];
  if (!Array.isArray(choices)) return 0;
  return choices.reduce<number>(
    (count, choice) => (isObject(choice) && typeof choice["finish_reason"] === "string" ? count + 1 : count),
    0,
  );
}
