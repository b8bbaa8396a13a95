/** A journal record as one line of JSON: amounts are decimal strings. */
import type { JournalRecord, KeyTerms } from "../../model/record.ts";

const writeBigints = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString() : value;
/** By name, since JSON has no type for them; strings of callers are never keys of a record. */
const AMOUNTS: ReadonlySet<string> = new Set(["amountWei", "appFeeWei", "limitWei", "spentWei", "valueWei"]);
const readAmounts = (key: string, value: unknown): unknown =>
  AMOUNTS.has(key) && typeof value === "string" ? BigInt(value) : value;

export function recordToText(record: JournalRecord): string {
  return JSON.stringify(record, writeBigints);
}

/** The inverse; the text comes from a frame whose checksum was right. */
export function recordFromText(text: string): JournalRecord {
  return JSON.parse(text, readAmounts) as JournalRecord;
}

/** A key's terms as the store keeps them. */
export function termsToText(terms: KeyTerms): string {
  return JSON.stringify(terms, writeBigints);
}

/** The inverse. */
export function termsFromText(text: string): KeyTerms {
  return JSON.parse(text, readAmounts) as KeyTerms;
}
