import type { EmbeddingAbility } from "./ability.ts";

const SHORTEST = 2;
const LONGEST = 5;
/** A whole word says more than its parts. */
const WORD_WEIGHT = 3;

/** FNV-1a, 32 bits, and a mix so that its low bits are as good as its high ones. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

/** Words and their character n-grams, with how often each occurs. */
function features(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (feature: string, weight: number): void => {
    counts.set(feature, (counts.get(feature) ?? 0) + weight);
  };
  for (const word of text
    .normalize("NFKC")
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? []) {
    const marked = `<${word.slice(0, 64)}>`;
    count(marked, WORD_WEIGHT);
    for (let size = SHORTEST; size <= LONGEST; size++) {
      for (let at = 0; at + size <= marked.length; at++) count(marked.slice(at, at + size), 1);
    }
  }
  return counts;
}

/** Hashes character n-grams into a vector of length 1: texts that share words and word parts point the same way. */
export const embedder: EmbeddingAbility = {
  kind: "embedding",
  defaultDimensions: 256,
  embed(text: string, dimensions: number): number[] {
    const vector = Array.from<number>({ length: dimensions }).fill(0);
    for (const [feature, times] of features(text)) {
      const at = hash(feature);
      const sign = hash(`${feature}#`) & 1 ? 1 : -1;
      vector[at % dimensions] = (vector[at % dimensions] ?? 0) + sign * (1 + Math.log(times));
    }
    const length = Math.hypot(...vector);
    // A text without words still has to be a unit vector.
    if (length === 0) vector[0] = 1;
    return length === 0 ? vector : vector.map((value) => value / length);
  },
};
