/**
 * The demo providers' tokenizer: byte-pair encoding o200k_base, so that anyone can count what they bill.
 * `prompt_tokens` are the tokens of every message's text and four per message; `completion_tokens` are the tokens of the
 * answer's whole text.
 */
import { countTokens as count, decode } from "gpt-tokenizer/encoding/o200k_base";

const TOKENS_PER_MESSAGE = 4;
/** Merging takes time by the square of a run without spaces, so longer runs are cut here. */
const LONGEST_RUN = 400;

/** What looks like a special token in somebody's text is text. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

/** Tokens of `text`. */
export function countTokens(text: string): number {
  if (!/\S{401}/u.test(text)) return count(text, AS_TEXT);
  const runs = text.match(new RegExp(`\\s*\\S{1,${LONGEST_RUN}}|\\s+`, "gu")) ?? [];
  return runs.reduce((sum, run) => sum + count(run, AS_TEXT), 0);
}

/** Tokens of a conversation, as they are billed. */
export function countPrompt(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + countTokens(text) + TOKENS_PER_MESSAGE, 0);
}

/** The text of token ids: OpenAI's embeddings take those too. */
export function textOfTokens(tokens: readonly number[]): string {
  return decode(tokens);
}

/** Between a letter or digit and a space before another one no token spans, whatever stands around. */
const SEAM = /[\p{L}\p{N}](?= [\p{L}\p{N}])/gu;

/** Counts a growing text exactly, looking only at its end. */
export class TokenMeter {
  #settled = 0;
  #tail = "";

  /** Tokens of everything added. */
  get tokens(): number {
    return this.with("");
  }

  /** Tokens if `text` were added. */
  with(text: string): number {
    return this.#settled + countTokens(this.#tail + text);
  }

  add(text: string): void {
    this.#tail += text;
    const seam = [...this.#tail.matchAll(SEAM)].at(-1);
    if (!seam) return;
    const end = seam.index + seam[0].length;
    this.#settled += countTokens(this.#tail.slice(0, end));
    this.#tail = this.#tail.slice(end);
  }
}
