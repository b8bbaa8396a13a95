/** A journal and its store in memory. What the journal has survives a crash; what the store knows of batches does not. */
import { IDENTITY, SIGNER, systemClock } from "./samples.ts";
import { recordOutcome } from "../../router/adapters/journal/recordOutcome.ts";
import type { Outcome } from "../../router/model/outcome.ts";
import type { SignedReceipt } from "../../router/model/receipt.ts";
import type { JournalRecord } from "../../router/model/record.ts";
import {
  JournalFailure,
  type Journal,
  type SequenceCounters,
  type Store,
  type StoredBatch,
  type StoredReceipt,
} from "../../router/ports.ts";

export class MemoryJournal implements Journal, SequenceCounters {
  readonly records: JournalRecord[] = [];
  readonly #nextSeqs = new Map<number, number>();
  failed: JournalFailure | undefined;

  async commit(outcome: Outcome): Promise<readonly SignedReceipt[]> {
    if (this.failed) throw this.failed;
    const { accountId } = outcome;
    const recorded = recordOutcome(outcome, this.#nextSeqs.get(accountId) ?? 0, {
      identity: IDENTITY,
      sign: SIGNER.sign,
      clock: systemClock,
    });
    this.#nextSeqs.set(accountId, (this.#nextSeqs.get(accountId) ?? 0) + recorded.receipts.length);
    this.records.push({ kind: "outcome", outcome: recorded });
    return recorded.receipts;
  }

  async append(fact: JournalRecord): Promise<void> {
    if (this.failed) throw this.failed;
    this.records.push(fact);
  }

  async openAccount(accountId: number, nextSeq: number): Promise<void> {
    const own = this.#nextSeqs.get(accountId);
    if (own === undefined) this.#nextSeqs.set(accountId, nextSeq);
    else if (nextSeq > own) this.distrust(`account ${accountId} is at ${nextSeq}`);
  }

  distrust(reason: string): void {
    this.failed ??= new JournalFailure(reason);
  }

  failure(): Error | undefined {
    return this.failed;
  }
}

function receiptsOf(records: readonly JournalRecord[]): StoredReceipt[] {
  return records.flatMap((record) => {
    if (record.kind !== "outcome") return [];
    const { receipts, requestId, keyId, model, recordedAtMs } = record.outcome;
    return receipts.map((signed) => ({ ...signed, requestId, keyId, model, recordedAtMs }));
  });
}

/** Reads a {@link MemoryJournal}; a new one knows of every batch only that it was built. */
export class MemoryStore implements Store {
  readonly #journal: MemoryJournal;
  readonly #states = new Map<string, Pick<StoredBatch, "state" | "txHash" | "blockNumber">>();

  constructor(journal: MemoryJournal) {
    this.#journal = journal;
  }

  #receipts(): StoredReceipt[] {
    return receiptsOf(this.#journal.records);
  }

  #batches(): StoredBatch[] {
    const batches = new Map<number, StoredBatch>();
    for (const record of this.#journal.records) {
      if (record.kind === "batch" && !batches.has(record.batch.batchNo)) {
        const state = this.#states.get(record.batch.commitment) ?? {
          state: "built",
          txHash: undefined,
          blockNumber: undefined,
        };
        batches.set(record.batch.batchNo, { ...record.batch, ...state });
      }
      if (record.kind === "batchDropped" && batches.get(record.batchNo)?.commitment === record.commitment)
        batches.delete(record.batchNo);
    }
    return [...batches.values()].toSorted((a, b) => a.batchNo - b.batchNo);
  }

  async keys(): Promise<[]> {
    return [];
  }

  async keyDays(): Promise<[]> {
    return [];
  }

  async endpoints(): Promise<[]> {
    return [];
  }

  async feedback(): Promise<[]> {
    return [];
  }

  async feedbackOn(): Promise<undefined> {
    return undefined;
  }

  async reviewTexts(): Promise<ReadonlyMap<never, never>> {
    return new Map<never, never>();
  }

  async payment(): Promise<undefined> {
    return undefined;
  }

  async usedPayments() {
    return [];
  }

  async session(): Promise<undefined> {
    return undefined;
  }

  async receipt(accountId: number, seq: number): Promise<StoredReceipt | undefined> {
    return (await this.receiptsFrom(accountId, seq, 1)).find(({ receipt }) => receipt.seq === seq);
  }

  async outcome(): Promise<undefined> {
    return undefined;
  }

  async servedAs(): Promise<undefined> {
    return undefined;
  }

  async servedSince(): Promise<undefined> {
    return undefined;
  }

  async receiptsFrom(accountId: number, seq: number, limit: number): Promise<readonly StoredReceipt[]> {
    return this.#receipts()
      .filter(({ receipt }) => receipt.accountId === accountId && receipt.seq >= seq)
      .slice(0, limit);
  }

  async receiptsOfOffers(): Promise<[]> {
    return [];
  }

  async latestOfOffers(): Promise<[]> {
    return [];
  }

  async activity(): Promise<never> {
    throw new Error("nobody asks for it here");
  }

  async lastSeqs(): Promise<readonly { accountId: number; lastSeq: number }[]> {
    const last = new Map(this.#receipts().map(({ receipt }) => [receipt.accountId, receipt.seq]));
    return [...last].map(([accountId, lastSeq]) => ({ accountId, lastSeq }));
  }

  async openBatches(): Promise<readonly StoredBatch[]> {
    return this.#batches().filter(({ state }) => state !== "final");
  }

  async batch(batchNo: number): Promise<StoredBatch | undefined> {
    return this.#batches().find((batch) => batch.batchNo === batchNo);
  }

  async batchOf(accountId: number, seq: number): Promise<StoredBatch | undefined> {
    return this.#batches().find(({ slices }) =>
      slices.some(
        (slice) =>
          slice.accountId === accountId && slice.startSeq <= seq && seq < slice.startSeq + slice.count,
      ),
    );
  }

  async setBatchState(
    batchNo: number,
    state: StoredBatch["state"],
    txHash?: StoredBatch["txHash"],
    blockNumber?: bigint,
  ): Promise<void> {
    const batch = await this.batch(batchNo);
    if (batch) this.#states.set(batch.commitment, { state, txHash, blockNumber });
  }
}
