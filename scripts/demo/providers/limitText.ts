import { TokenMeter } from "./tokenizer.ts";

export type FinishReason = "stop" | "length";

/** A part of an answer and what it took. */
export interface Part {
  readonly text: string;
  readonly tokens: number;
}

const LONGEST_PIECE = 24;

/** Short pieces of the same text, so that one of them never takes long to count. */
function* shortened(pieces: Iterable<string>): Generator<string> {
  for (const piece of pieces) {
    if (piece.length <= LONGEST_PIECE) yield piece;
    else {
      const characters = Array.from(piece);
      for (let at = 0; at < characters.length; at += LONGEST_PIECE)
        yield characters.slice(at, at + LONGEST_PIECE).join("");
    }
  }
}

/** How many characters at the end of `text` could be the beginning of a stop sequence. */
function heldBack(text: string, stops: readonly string[]): number {
  let held = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > held; length--) {
      if (stop.startsWith(text.slice(-length))) held = length;
    }
  }
  return held;
}

/** The pieces' text up to the first stop sequence; returns whether there was one. */
function* untilStop(pieces: Iterable<string>, stops: readonly string[]): Generator<string, void> {
  let buffer = "";
  for (const piece of pieces) {
    buffer += piece;
    const ends = stops.map((stop) => buffer.indexOf(stop)).filter((index) => index >= 0);
    if (ends.length > 0) {
      const text = buffer.slice(0, Math.min(...ends));
      if (text !== "") yield text;
      return;
    }
    const safe = buffer.length - heldBack(buffer, stops);
    if (safe > 0) yield buffer.slice(0, safe);
    buffer = buffer.slice(safe);
  }
  if (buffer !== "") yield buffer;
}

/** As much of the beginning of `text` as fits into `maxTokens`. */
function fitting(meter: TokenMeter, text: string, maxTokens: number): string {
  const characters = Array.from(text);
  while (characters.length > 0 && meter.with(characters.join("")) > maxTokens) characters.pop();
  return characters.join("");
}

/** Cuts an answer at the first stop sequence and at `maxTokens`; every part says its own tokens. */
export function* limitText(
  pieces: Iterable<string>,
  maxTokens: number,
  stops: readonly string[],
): Generator<Part, FinishReason> {
  const meter = new TokenMeter();
  let tokens = 0;
  for (const piece of untilStop(shortened(pieces), stops)) {
    const isWhole = meter.with(piece) <= maxTokens;
    const text = isWhole ? piece : fitting(meter, piece, maxTokens);
    meter.add(text);
    if (text !== "") {
      const total = meter.tokens;
      yield { text, tokens: total - tokens };
      tokens = total;
    }
    if (!isWhole) return "length";
  }
  return "stop";
}
