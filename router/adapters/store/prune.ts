import { FEEDBACK_MS } from "../../model/feedback.ts";
import { NAME_MS } from "../../model/outcome.ts";
import type { Database, Int } from "./sql.ts";

/** What a round of pruning goes by, in Unix ms. */
export interface PruneTimes {
  /** What was recorded earlier may go. */
  readonly beforeMs: number;
  /** If its batch was final before. */
  readonly finalBeforeMs: number;
  readonly nowMs: number;
}

/** Rows per statement, so that nobody waits long for the store. */
const ROWS_AT_ONCE = 2_000;

/**
 * First sequence number of each account that may still change, or be asked about: from batches on that were not final before
 * `finalBeforeMs`.
 */
export async function finalSeqs(database: Database, finalBeforeMs: number): Promise<Map<number, number>> {
  await database.rows(
    `UPDATE accounts SET final_seq = final.seq
     FROM (SELECT account_id, max(start_seq + count) AS seq FROM batch_slices JOIN batches USING (batch_no)
           WHERE state = 'final' AND final_at_ms < $1 GROUP BY account_id) AS final
     WHERE accounts.account_id = final.account_id AND accounts.final_seq < final.seq`,
    [finalBeforeMs],
  );
  const rows = await database.rows<{ account_id: Int; final_seq: Int }>(
    "SELECT account_id, final_seq FROM accounts WHERE final_seq > 0 ORDER BY account_id",
  );
  return new Map(rows.map((row) => [Number(row.account_id), Number(row.final_seq)]));
}

/**
 * Deletes what is old and on chain for good: receipts and what was paid with, then batches without any, except the
 * last; also keys that were revoked before, and expired names of requests. Sums of what keys have spent stay.
 * @returns how many receipts are gone
 */
export async function prune(database: Database, times: PruneTimes): Promise<number> {
  const { beforeMs, finalBeforeMs, nowMs } = times;
  let pruned = 0;
  for (const [accountId, finalSeq] of await finalSeqs(database, finalBeforeMs)) {
    for (;;) {
      // In order of number, which is the order of time: the first that is too young ends it.
      const gone = await database.rows<{ seq: Int }>(
        `DELETE FROM receipts WHERE account_id = $1 AND seq IN (
           SELECT seq FROM (SELECT seq, recorded_at_ms FROM receipts WHERE account_id = $1 AND seq < $2
                            ORDER BY seq LIMIT ${ROWS_AT_ONCE}) AS oldest WHERE recorded_at_ms < $3) RETURNING seq`,
        [accountId, finalSeq, beforeMs],
      );
      await database.rows("DELETE FROM payments WHERE account_id = $1 AND seq = ANY($2::bigint[])", [
        accountId,
        gone.map(({ seq }) => seq),
      ]);
      pruned += gone.length;
      if (gone.length < ROWS_AT_ONCE) break;
    }
  }
  await database.rows(
    `DELETE FROM batches WHERE state = 'final' AND built_at_ms < $1 AND batch_no < (SELECT max(batch_no) FROM batches)
       AND NOT EXISTS (SELECT 1 FROM batch_slices AS slice JOIN receipts AS row ON row.account_id = slice.account_id
         AND row.seq >= slice.start_seq AND row.seq < slice.start_seq + slice.count
         WHERE slice.batch_no = batches.batch_no)`,
    [beforeMs],
  );
  await database.rows("DELETE FROM api_keys WHERE revoked_at_ms < $1", [beforeMs]);
  await database.rows("DELETE FROM served_names WHERE recorded_at_ms < $1", [nowMs - NAME_MS]);
  await database.rows("DELETE FROM feedback WHERE at_ms < $1", [nowMs - FEEDBACK_MS]);
  // PGlite has nobody who would do it by itself; without, the space of deleted rows is not used again.
  if (pruned > 0)
    for (const table of ["receipts", "batches", "batch_slices"]) await database.rows(`VACUUM ${table}`);
  return pruned;
}
