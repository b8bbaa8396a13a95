import { batchCommitment, decodeBatch, groupLeaf } from "../model/batch.ts";
import { fromHex, toHex } from "../model/bytes.ts";
import { merkleRoot, merkleTree } from "../model/merkle.ts";
import type { Receipt } from "../model/receipt.ts";
import type { BuiltBatch } from "../model/record.ts";
import type { Chain, Clock, Journal, Logger, SettledBatch, Store, StoredBatch } from "../ports.ts";
import { buildBatch, type BatchLimits, type OfferTimes, type PendingAccount } from "./build.ts";
import { assignShortfalls } from "./shortfalls.ts";

export interface SettlementOptions {
  readonly operatorId: number;
  readonly store: Store;
  readonly journal: Journal;
  readonly chain: Chain;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: BatchLimits;
  /** A row waits no longer than this for its batch. */
  readonly maxAgeMs: number;
  /** Blocks, a settlement's own included, until it is final. */
  readonly confirmations: number;
  readonly pollMs: number;
  readonly graceSec: number;
  readonly offer: (offerId: number) => OfferTimes | undefined;
  /** An account's `nextSeq` as last read from the chain; 0 for one never read. */
  readonly nextSeq: (accountId: number) => number;
  /** Whether this process settles for the operator; false while another replica does. */
  readonly leads: () => Promise<boolean>;
  /** Accounts whose money a batch has just moved on chain. */
  readonly onMined: (accountIds: readonly number[]) => Promise<void>;
  /** Rows that are final: account and the sequence number after the last of them. */
  readonly onFinal: (accountId: number, nextSeq: number) => void;
}

/** What settlement is waiting for or failing at, for the operator's eyes. */
export interface SettlementState {
  readonly lastSettledAtMs: number | undefined;
  readonly openBatches: number;
  /** Why the last attempt came to nothing. */
  readonly trouble: string | undefined;
}

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 60_000;
/** Rows that wait this much longer than they should are an error. */
const STUCK_MS = 120_000;
/** One query's worth of rows of an account. */
const MAX_ROWS_READ = 16_384;

/** An account with rows that are in no batch. */
interface Waiting {
  readonly accountId: number;
  /** Sequence number of the first. */
  readonly from: number;
  readonly rows: number;
  readonly sinceMs: number;
}

/**
 * Brings journaled rows on chain, batch after batch. A batch is `built` when its bytes are in the journal, `sent` when a
 * transaction may be under way, `mined` when the Ledger has it, `final` when it has enough blocks on top. Where it is, the
 * chain says: after a crash or a reorganization the next step is simply asked for again. Until it is mined, the very same
 * bytes are sent for its number; the Ledger takes each number once.
 */
export class Settlement {
  readonly #options: SettlementOptions;
  /** Since when an account's first waiting row has been seen to wait. */
  readonly #since = new Map<number, { readonly from: number; readonly sinceMs: number }>();
  /** Batches of this process that the Ledger has only ever refused: no transaction of theirs exists. */
  readonly #neverSent = new Set<number>();
  #state: SettlementState = { lastSettledAtMs: undefined, openBatches: 0, trouble: undefined };
  #running: Promise<void> | undefined;
  #stopping = false;
  #failures = 0;
  #wake: () => void = () => {};

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  state(): SettlementState {
    return this.#state;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  /** Ends the loop after the step it is in. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running;
  }

  /**
   * Settles everything journaled so far, without waiting for age or size.
   * @returns false when it could not within `timeoutMs`; nothing is lost, the next start goes on
   */
  async flush(timeoutMs: number): Promise<boolean> {
    const until = this.#options.clock.nowMs() + timeoutMs;
    while (this.#options.clock.nowMs() < until) {
      const pause = await this.#attempt(true);
      if (pause === "idle") return true;
      if (pause !== "again") await this.#sleep(Math.min(200, this.#options.pollMs));
    }
    return false;
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      const next = await this.#attempt(false);
      if (next === "again" || this.#stopping) continue;
      const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(this.#failures, 10));
      const pauseMs = this.#failures > 0 ? backoff * (0.5 + Math.random() / 2) : this.#options.pollMs;
      await this.#sleep(pauseMs);
    }
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One step; whatever goes wrong is said and tried again later. */
  async #attempt(force: boolean): Promise<"again" | "wait" | "idle"> {
    try {
      if (!(await this.#options.leads())) return "wait";
      const next = await this.#step(force);
      this.#failures = 0;
      this.#state = { ...this.#state, trouble: undefined };
      return next;
    } catch (error) {
      this.#failures++;
      const trouble = error instanceof Error ? error.message : String(error);
      this.#state = { ...this.#state, trouble };
      this.#options.log.warn(
        { err: error, failures: this.#failures },
        "settlement: no progress, trying again",
      );
      return "wait";
    }
  }

  async #step(force: boolean): Promise<"again" | "wait" | "idle"> {
    const open = await this.#options.store.openBatches();
    this.#state = { ...this.#state, openBatches: open.length };
    for (const batch of open) {
      if (!(await this.#advance(batch))) return "wait";
    }
    if (await this.#build(force)) return "again";
    return open.every((batch) => batch.state === "final") || (await this.#nothingUnsettled())
      ? "idle"
      : "wait";
  }

  /** Takes an open batch as far as the chain lets it; false while it is not mined. */
  async #advance(batch: StoredBatch): Promise<boolean> {
    const { chain, store, log } = this.#options;
    const { batchNo } = batch;
    const settled = await chain.settledBatch(batchNo);
    if (settled) {
      if (batch.state !== "mined") await this.#mined(batch, settled);
      await this.#finalize(batch, settled);
      return true;
    }
    if (batch.state === "mined") {
      log.warn({ batchNo }, "settlement: a reorganization dropped a mined batch; sending it again");
      await store.setBatchState(batchNo, "sent");
    }
    return this.#send(batch);
  }

  async #send(batch: StoredBatch): Promise<boolean> {
    const { chain, store, journal, log } = this.#options;
    const { batchNo } = batch;
    const result = await chain.settle(batch.bytes);
    if (result.status === "refused") {
      log.error({ batchNo, reason: result.reason }, "settlement: the Ledger refuses a batch");
      if (this.#neverSent.has(batchNo)) {
        // No transaction with these bytes exists: its rows may go into another batch.
        await journal.append({ kind: "batchDropped", batchNo, commitment: batch.commitment });
        this.#neverSent.delete(batchNo);
      }
      throw new Error(`the Ledger refuses batch ${batchNo}: ${result.reason}`);
    }
    this.#neverSent.delete(batchNo);
    const settled = result.status === "mined" ? await chain.settledBatch(batchNo) : undefined;
    if (!settled) {
      await store.setBatchState(batchNo, "sent", result.txHash);
      return false;
    }
    await this.#mined(batch, settled);
    await this.#finalize(batch, settled);
    return true;
  }

  async #mined(batch: StoredBatch, settled: SettledBatch): Promise<void> {
    const { store, chain, log, onMined, clock, operatorId } = this.#options;
    const { batchNo } = batch;
    const commitment = await commitmentOf(operatorId, batch, chain, store);
    if (commitment !== settled.commitment)
      log.error(
        { batchNo, expected: commitment, actual: settled.commitment, txHash: settled.txHash },
        "settlement: the Ledger has other bytes for this batch: does another router settle for this operator?",
      );
    await store.setBatchState(batchNo, "mined", settled.txHash, settled.blockNumber);
    this.#state = { ...this.#state, lastSettledAtMs: clock.nowMs() };
    log.info(
      { batchNo, txHash: settled.txHash, rows: batch.slices.reduce((sum, slice) => sum + slice.count, 0) },
      "settlement: settled a batch",
    );
    await onMined([...new Set(batch.slices.map((slice) => slice.accountId))]);
  }

  async #finalize(batch: StoredBatch, settled: SettledBatch): Promise<void> {
    const { chain, store, confirmations, onFinal } = this.#options;
    const head = await chain.blockNumber();
    if (head - settled.blockNumber + 1n < BigInt(confirmations)) return;
    await store.setBatchState(batch.batchNo, "final", settled.txHash, settled.blockNumber);
    for (const { accountId, startSeq, count } of batch.slices) onFinal(accountId, startSeq + count);
  }

  /** Fixes the next batch in the journal, if it is time for one. */
  async #build(force: boolean): Promise<boolean> {
    const { store, chain, journal, clock, limits, log } = this.#options;
    const waiting = await this.#waiting();
    if (waiting.length === 0) return false;
    const rowCount = waiting.reduce((sum, account) => sum + account.rows, 0);
    const sinceMs = Math.min(...waiting.map((account) => account.sinceMs));
    const isDue = rowCount >= limits.maxRows || clock.nowMs() - sinceMs >= this.#options.maxAgeMs;
    if (!force && !isDue) return false;

    const batchNo = await chain.nextBatchNo();
    if (await store.batch(batchNo)) return false; // known already: the chain lags behind what was just seen
    const { operatorId, graceSec, offer } = this.#options;
    const accounts = await this.#read(waiting);
    const chainTimeSec = await chain.blockTimeSec();
    const planned = buildBatch({ batchNo, accounts, limits, chainTimeSec, graceSec, offer });
    if (!planned) {
      const waitedMs = clock.nowMs() - sinceMs;
      if (accounts.length > 0 && waitedMs > this.#options.maxAgeMs + STUCK_MS)
        log.error(
          { accounts: accounts.map((account) => account.accountId), waitedMs: Math.round(waitedMs) },
          "settlement: rows wait for a price list or for the chain's clock",
        );
      return false;
    }
    const { encoded, slices } = planned;
    const leaves = slices.map(({ startSeq }, i) =>
      groupLeaf(startSeq, 0n, encoded.groupBytes[i] as Uint8Array),
    );
    const batch: BuiltBatch = {
      batchNo,
      bytes: toHex(encoded.bytes),
      commitment: batchCommitment(operatorId, batchNo, encoded.header, merkleRoot(merkleTree(leaves))),
      slices,
      builtAtMs: clock.nowMs(),
    };
    await journal.append({ kind: "batch", batch });
    this.#neverSent.add(batchNo);
    log.info({ batchNo, rows: planned.rows, bytes: encoded.bytes.length }, "settlement: built a batch");
    return true;
  }

  /** Accounts with rows that are in no batch: past the chain's `nextSeq`, and past the end of their open batches. */
  async #waiting(): Promise<Waiting[]> {
    const { store, clock, nextSeq } = this.#options;
    const ends = new Map<number, number>();
    for (const { slices } of await store.openBatches()) {
      for (const { accountId, startSeq, count } of slices)
        ends.set(accountId, Math.max(ends.get(accountId) ?? 0, startSeq + count));
    }
    const waiting: Waiting[] = [];
    for (const { accountId, lastSeq } of await store.lastSeqs()) {
      const from = Math.max(nextSeq(accountId), ends.get(accountId) ?? 0);
      if (lastSeq < from) continue;
      const before = this.#since.get(accountId);
      const sinceMs = before?.from === from ? before.sinceMs : clock.nowMs();
      this.#since.set(accountId, { from, sinceMs });
      waiting.push({ accountId, from, rows: lastSeq - from + 1, sinceMs });
    }
    return waiting;
  }

  /** The rows themselves. The chain is asked again for `nextSeq`: what was known of it may be a block old. */
  async #read(waiting: readonly Waiting[]): Promise<PendingAccount[]> {
    const { store, chain, limits } = this.#options;
    const limit = Math.min(limits.maxRows, MAX_ROWS_READ);
    const pending: PendingAccount[] = [];
    for (const { accountId, from } of waiting) {
      const account = await chain.account(accountId);
      if (!account) continue;
      const stored = await store.receiptsFrom(accountId, Math.max(from, account.nextSeq), limit);
      pending.push({ accountId, rows: stored.map(({ receipt }): Receipt => receipt) });
    }
    return pending;
  }

  async #nothingUnsettled(): Promise<boolean> {
    const open = await this.#options.store.openBatches();
    return open.every((batch) => batch.state === "mined") && (await this.#waiting()).length === 0;
  }
}

/** What the Ledger must have committed to, given what it recorded as unpaid. */
async function commitmentOf(
  operatorId: number,
  batch: StoredBatch,
  chain: Chain,
  store: Store,
): Promise<string> {
  const decoded = decodeBatch(fromHex(batch.bytes));
  const shortfalls = await assignShortfalls(batch, await chain.shortfalls(batch.batchNo), store);
  const leaves = batch.slices.map(({ startSeq }, i) =>
    groupLeaf(startSeq, shortfalls[i] as bigint, decoded.groupBytes[i] as Uint8Array),
  );
  return batchCommitment(operatorId, batch.batchNo, decoded.header, merkleRoot(merkleTree(leaves)));
}
