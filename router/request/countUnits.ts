/** Counts tokens (o200k) where a provider did not. The tables are big, so they are loaded when first needed. */

type Count = (text: string) => number;

let loading: Promise<Count> | undefined;

async function load(): Promise<Count> {
  const { countTokens } = await import("gpt-tokenizer/encoding/o200k_base");
  // What looks like a special token in somebody's text is text.
  const options = { disallowedSpecial: new Set<string>() };
  return (text) => countTokens(text, options);
}

/** Characters at a time: a merge takes time by the square of a run without spaces. */
const PIECE = 400;
/** Counted exactly up to here; the rest by the same ratio. */
const EXACT_CHARS = 200_000;

function countText(count: Count, text: string): number {
  const end = Math.min(text.length, EXACT_CHARS);
  let units = 0;
  for (let at = 0; at < end;) {
    let next = Math.min(at + PIECE, end);
    // A token may begin with a space, hardly ever contain one.
    const space = next < end ? text.lastIndexOf(" ", next) : -1;
    if (space > at) next = space;
    units += count(text.slice(at, next));
    at = next;
  }
  return text.length > end ? Math.ceil(units * (text.length / end)) : units;
}

/** Loads the tables now (a moment of standing still) rather than in the middle of somebody's request. */
export async function loadCounter(): Promise<void> {
  await (loading ??= load());
}

/** Tokens of all `texts` together. */
export async function countUnits(texts: Iterable<string>): Promise<number> {
  const count = await (loading ??= load());
  let units = 0;
  for (const text of texts) units += countText(count, text);
  return units;
}

/** Every text in a JSON value, keys left out. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* textsIn(item);
  else if (typeof value === "object" && value !== null) {
    for (const [field, item] of Object.entries(value)) {
      // Whatever is named here is no text of the prompt, or may be megabytes of base64.
      if (
        field !== "type" &&
        field !== "role" &&
        field !== "image_url" &&
        field !== "input_audio" &&
        field !== "file"
      )
        yield* textsIn(item);
    }
  }
}

/** What chat templates put around a message, about. */
const UNITS_PER_MESSAGE = 4;

/** How many tokens a prompt names by their numbers. */
function tokensIn(prompt: unknown): number {
  return Array.isArray(prompt) ? prompt.flat().filter((item) => typeof item === "number").length : 0;
}

/** Bodies that were counted before: several models may be considered for one request. */
const counted = new WeakMap<object, Promise<number>>();

/** Tokens of a request's prompt, about. */
export async function countPrompt(body: Readonly<Record<string, unknown>>): Promise<number> {
  let count = counted.get(body);
  if (!count) counted.set(body, (count = countBody(body)));
  return count;
}

interface PromptParts {
  readonly texts: readonly string[];
  /** Besides the texts. */
  readonly units: number;
}

function partsOf(body: Readonly<Record<string, unknown>>): PromptParts {
  const { messages, tools, input, prompt, instructions } = body;
  const shown = tools === undefined ? [] : [JSON.stringify(tools)];
  if (Array.isArray(messages))
    return { texts: [...textsIn(messages), ...shown], units: UNITS_PER_MESSAGE * messages.length };
  const texts = [...textsIn([input, prompt, instructions]), ...shown];
  return { texts, units: tokensIn(input) + tokensIn(prompt) };
}

async function countBody(body: Readonly<Record<string, unknown>>): Promise<number> {
  const { texts, units } = partsOf(body);
  return units + (await countUnits(texts));
}

/** Counts the first so many characters; the rest is like them. */
export async function countByBeginning(texts: readonly string[], mostCharacters: number): Promise<number> {
  const text = texts.filter((piece) => piece !== "").join("\n");
  const part = text.slice(0, mostCharacters);
  const units = await countUnits([part]);
  return part.length === 0 ? 0 : Math.round((units * text.length) / part.length);
}

/** Tokens of a request's prompt, about, and judged by its beginning. */
export async function countPromptByBeginning(
  body: Readonly<Record<string, unknown>>,
  mostCharacters: number,
): Promise<number> {
  const { texts, units } = partsOf(body);
  return units + (await countByBeginning(texts, mostCharacters));
}
