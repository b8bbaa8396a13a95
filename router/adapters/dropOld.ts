import type { Clock } from "../ports.ts";
import type { FileJournal } from "./journal/fileJournal.ts";
import { prune, type PruneTimes } from "./store/prune.ts";
import type { ProjectedStore } from "./store/projectedStore.ts";
import type { Database } from "./store/sql.ts";

export interface DropOptions {
  readonly clock: Clock;
  /** How long a row can be challenged, or a challenge of it answered, once its batch is final; ms. */
  readonly challengeableMs: number;
}

function timesOf({ clock, challengeableMs }: DropOptions, beforeMs: number): PruneTimes {
  const nowMs = clock.nowMs();
  return { beforeMs, finalBeforeMs: nowMs - challengeableMs, nowMs };
}

/** Drops old records of a journal and of its store. The journal first: what it drops, the store has applied. */
export function dropOldFiles(journal: FileJournal, store: ProjectedStore, options: DropOptions) {
  return async (beforeMs: number): Promise<{ records: number; receipts: number }> => {
    const times = timesOf(options, beforeMs);
    await store.current();
    const applied = journal.position();
    await store.current();
    const final = await store.finalSeqs(times.finalBeforeMs);
    const open = new Set((await store.openBatches()).map(({ batchNo }) => batchNo));
    const records = await journal.compact({
      beforeMs,
      nowMs: times.nowMs,
      applied,
      isFinal: (accountId, seq) => seq < (final.get(accountId) ?? 0),
      isOpenBatch: (batchNo) => open.has(batchNo),
    });
    return { records, receipts: await store.prune(times) };
  };
}

/** The same where the tables are the journal. */
export function dropOldRows(database: Database, leads: () => Promise<boolean>, options: DropOptions) {
  return async (beforeMs: number): Promise<{ records: number; receipts: number }> => {
    const receipts = (await leads()) ? await prune(database, timesOf(options, beforeMs)) : 0;
    return { records: 0, receipts };
  };
}
