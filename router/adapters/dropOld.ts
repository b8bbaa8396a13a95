import type { Clock } from "../ports.ts";
import type { FileJournal } from "./journal/fileJournal.ts";
import { prune } from "./store/prune.ts";
import type { ProjectedStore } from "./store/projectedStore.ts";
import type { Database } from "./store/sql.ts";

/** Drops old records of a journal and of its store. The journal first: what it drops, the store has applied. */
export function dropOldFiles(journal: FileJournal, store: ProjectedStore, clock: Clock) {
  return async (beforeMs: number): Promise<{ records: number; receipts: number }> => {
    await store.current();
    const applied = journal.position();
    await store.current();
    const final = await store.finalSeqs();
    const open = new Set((await store.openBatches()).map(({ batchNo }) => batchNo));
    const records = await journal.compact({
      beforeMs,
      nowMs: clock.nowMs(),
      applied,
      isFinal: (accountId, seq) => seq < (final.get(accountId) ?? 0),
      isOpenBatch: (batchNo) => open.has(batchNo),
    });
    return { records, receipts: await store.prune(beforeMs, clock.nowMs()) };
  };
}

/** The same where the tables are the journal. */
export function dropOldRows(database: Database, leads: () => Promise<boolean>, clock: Clock) {
  return async (beforeMs: number): Promise<{ records: number; receipts: number }> => {
    const receipts = (await leads()) ? await prune(database, beforeMs, clock.nowMs()) : 0;
    return { records: 0, receipts };
  };
}
