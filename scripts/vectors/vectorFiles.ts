import { batchVectors } from "./batches.ts";
import { merkleVectors } from "./merkle.ts";
import { priceVectors } from "./prices.ts";
import { receiptVectors } from "./receipts.ts";
import { timingVectors } from "./timing.ts";

/** Indented, but for lists of numbers, which take a line each. */
function jsonOf(value: object): string {
  const text = JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === "bigint" ? String(part) : part),
    1,
  );
  return `${text.replaceAll(/\[[\d\s,]+\]/g, (list) => list.replaceAll(/\s+/g, ""))}\n`;
}

/** Every file of `test/vectors/` and its text. bigints are decimal strings. */
export function vectorFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["batches.json", jsonOf(batchVectors())],
    ["merkle.json", jsonOf(merkleVectors())],
    ["prices.json", jsonOf(priceVectors())],
    ["receipts.json", jsonOf(receiptVectors())],
    ["timing.json", jsonOf(timingVectors())],
  ]);
}
