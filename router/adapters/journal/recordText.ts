/** A journal record as one line of JSON: amounts are decimal strings. */
import type { JournalRecord } from "../../model/record.ts";

const writeBigints = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString() : value;
const readAmounts = (key: string, value: unknown): unknown =>
  key === "amountWei" && typeof value === "string" ? BigInt(value) : value;

export function recordToText(record: JournalRecord): string {
  return JSON.stringify(record, writeBigints);
}

/** The inverse; the text comes from a frame whose checksum was right. */
export function recordFromText(text: string): JournalRecord {
  return JSON.parse(text, readAmounts) as JournalRecord;
}
