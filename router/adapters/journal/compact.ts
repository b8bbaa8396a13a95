/** Drops a journal's oldest segments, and keeps what still holds of them. */
import { rm } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";

import type { JournalRecord } from "../../model/record.ts";
import { BaseFacts } from "./baseFacts.ts";
import { recordFromText, recordToText } from "./recordText.ts";
import {
  basePath,
  createFile,
  isBase,
  listSegments,
  readSegment,
  syncDirectory,
  type JournalIdentity,
  type Segment,
} from "./segments.ts";

/** What may be dropped. */
export interface CompactionRules {
  /** Only what was recorded earlier. */
  readonly beforeMs: number;
  readonly nowMs: number;
  /** Records that the store has; later ones are still to be read. */
  readonly applied: number;
  /** Whether a row is on chain for good. */
  readonly isFinal: (accountId: number, seq: number) => boolean;
  /** Whether a batch still has to be sent or followed. */
  readonly isOpenBatch: (batchNo: number) => boolean;
}

function mayDrop(record: JournalRecord, rules: CompactionRules): boolean {
  if (record.kind === "batch")
    return record.batch.builtAtMs < rules.beforeMs && !rules.isOpenBatch(record.batch.batchNo);
  if (record.kind !== "outcome") return true;
  const { recordedAtMs, receipts } = record.outcome;
  return (
    recordedAtMs < rules.beforeMs &&
    receipts.every(({ receipt }) => rules.isFinal(receipt.accountId, receipt.seq))
  );
}

async function* recordsOf(segment: Segment): AsyncGenerator<JournalRecord> {
  for (const group of segment.groups) {
    for (const line of group.toString("utf8").split("\n")) yield recordFromText(line);
    // Requests are being served meanwhile.
    await setImmediate();
  }
}

async function isDroppable(segment: Segment, rules: CompactionRules): Promise<boolean> {
  if (segment.header.firstRecord + segment.records > rules.applied) return false;
  for await (const record of recordsOf(segment)) if (!mayDrop(record, rules)) return false;
  return true;
}

/**
 * Replaces the oldest closed segments by one file of facts, the base. It is written and synced beside them under a name
 * that says where it ends, and counts from the moment it has that name: what it replaces is ignored from then on, and
 * removed. A crash leaves the segments, or the base and some segments that the next start removes.
 * @returns how many records are gone
 */
export async function compact(
  directory: string,
  identity: JournalIdentity,
  rules: CompactionRules,
): Promise<number> {
  const files = await listSegments(directory);
  const facts = new BaseFacts();
  const replaced: string[] = [];
  let begin = 0;
  let end = 0;
  let next: Segment | undefined;
  // The last one is being written.
  for (const [index, file] of files.entries()) {
    next = await readSegment(file, identity, index === files.length - 1);
    const { firstRecord } = next.header;
    if (index === 0) begin = firstRecord;
    if (index === files.length - 1 || (!isBase(file) && !(await isDroppable(next, rules)))) break;
    for await (const record of recordsOf(next)) facts.take(record);
    replaced.push(file);
    end = firstRecord + next.records;
  }
  if (!next || !replaced.some((file) => !isBase(file))) return 0;
  const kept = facts.facts(rules.beforeMs, rules.nowMs);
  // Records keep their numbers, so the base must fit before the first that stays. It always does: it sums up.
  if (kept.length === 0 || kept.length > end) return 0;
  const header = { ...next.header, firstRecord: end - kept.length };
  await createFile(basePath(directory, end), header, kept.map(recordToText));
  for (const file of replaced) await rm(file, { force: true });
  await syncDirectory(directory);
  return end - begin - kept.length;
}
