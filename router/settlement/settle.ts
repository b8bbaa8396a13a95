/** The loop that puts journaled rows on the chain. Whatever it is interrupted by, the chain tells it where it stands. */
import type { BuiltBatch } from "../model/record.ts";
import { NEEDS_TOO_MUCH_GAS, type StoredBatch } from "../ports.ts";
import { buildBatch } from "./build.ts";
import { isolation, type Isolation } from "./isolate.ts";
import { PendingRows } from "./pendingRows.ts";
import { checkLastBatch, recover } from "./recover.ts";
import type { SettlementOptions, SettlementState } from "./settlementOptions.ts";

/** What one look came to. */
type Step = "idle" | "progress" | "waiting";

const BACKOFF_MIN_MS = 500;
/** A look costs a call or two; rows have a window to be settled in. */
const BACKOFF_MAX_MS = 10_000;
const FLUSH_POLL_MS = 50;
/** Its last argument is the time of the block that the batch was tried in. */
const BAD_SPAN = /^Ledger_BadSpan\(\d+, \d+, (\d+)\)$/;
/** A clock that is further behind than this is broken rather than late. */
const MOST_BEHIND_SEC = 120;
/** So often a node may lag behind before it is believed. */
const MISPLACED_LOOKS = 3;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Refusals of the bytes. Any other is about the state of chain or operator: the same bytes may pass later. */
const OF_THE_BYTES =
  /^(?!Ledger_BadBatchNo|Ledger_BadSpan|Registry_NotSettler|Registry_BondTooLow)(Ledger|Registry|Escrow)_/;

/**
 * Brings journaled rows on chain, batch after batch. A batch is `built` when its bytes are in the journal, `sent` when a
 * transaction may be under way, `mined` when the Ledger has it, `final` when it has enough blocks on top. Where it is, the
 * chain says: after a crash or a reorganization the next step is simply asked for again. Whatever is stored under the
 * Ledger's next number is what is sent for it; the Ledger takes each number once.
 */
export class Settlement {
  readonly #options: SettlementOptions;
  readonly #pending: PendingRows;
  readonly #isolation: Isolation;
  #state: SettlementState = { lastSettledAtMs: undefined, openBatches: 0, trouble: undefined };
  #opened = false;
  #stopping = false;
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;
  /** One look at a time, whoever asks. */
  #looking: Promise<unknown> = Promise.resolve();
  #failures = 0;
  #misplacedLooks = 0;
  /** How far the chain's clock was behind ours when it last refused rows of its future, s. */
  #chainBehindSec = 0;
  readonly #reported = new Set<string>();

  constructor(options: SettlementOptions) {
    this.#options = options;
    this.#pending = new PendingRows(options);
    this.#isolation = isolation(options);
  }

  state(): SettlementState {
    return this.#state;
  }

  /**
   * Compares journal and chain, and resumes what a crash interrupted. To be done before anything is signed: a batch that
   * the journal does not know stops it. Throws while the chain does not answer.
   */
  async open(): Promise<void> {
    await checkLastBatch(this.#options);
    await recover(this.#options);
    this.#opened = true;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  /** Something has changed: look now. */
  wake(): void {
    this.#wake();
  }

  /** Ends the loop after the step it is in. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running;
  }

  /**
   * Settles everything journaled so far, without waiting for age, size or value.
   * @returns false when it could not within `timeoutMs`; nothing is lost, the next start goes on
   */
  async flush(timeoutMs: number): Promise<boolean> {
    const late = AbortSignal.timeout(timeoutMs);
    const isLate = new Promise<false>((resolve) => {
      late.addEventListener("abort", () => resolve(false), { once: true });
    });
    const work = async (): Promise<boolean> => {
      while (!late.aborted) {
        const step = await this.#look(true);
        if (step === "idle") return true;
        if (step === "waiting") await pause(this.#failures === 0 ? FLUSH_POLL_MS : this.#delayMs());
      }
      return false;
    };
    return Promise.race([work(), isLate]);
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      const step = await this.#look(false);
      if (step !== "progress") await this.#sleep(this.#delayMs());
    }
  }

  #delayMs(): number {
    if (this.#failures === 0) return this.#options.pollMs;
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** (this.#failures - 1));
    return backoffMs * (0.5 + Math.random() / 2);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        // A wake-up does not shorten a backoff.
        if (this.#failures > 0 && !this.#stopping) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #look(force: boolean): Promise<Step> {
    const step = this.#looking.then(async (): Promise<Step> => {
      try {
        return await this.#step(force);
      } catch (err) {
        this.#failures++;
        this.#state = { ...this.#state, trouble: err instanceof Error ? err.message : String(err) };
        this.#options.log.warn({ err, failures: this.#failures }, "settlement: no progress, trying again");
        return "waiting";
      }
    });
    this.#looking = step;
    return step;
  }

  async #step(force: boolean): Promise<Step> {
    const { journal, store, leads } = this.#options;
    // Rows are settled by the router that leads.
    if (!(await leads())) {
      this.#pending.reset();
      return "idle";
    }
    if (!this.#opened) await this.open();
    const batchNo = await recover(this.#options);
    // A journal that can't write takes no batch, but what it has is sent.
    const stored = await store.batch(batchNo);
    const batch = stored ?? (journal.failure() ? "nothing" : await this.#build(batchNo, force));
    this.#state = { ...this.#state, openBatches: (await store.openBatches()).length };
    if (batch === "nothing" || batch === "later") {
      this.#failures = 0;
      return batch === "nothing" ? "idle" : "waiting";
    }
    if (stored && !(await this.#startsAgree(stored))) return this.#misplaced(stored);
    this.#misplacedLooks = 0;
    return this.#send(batch);
  }

  /** Builds and journals the next batch. */
  async #build(batchNo: number, force: boolean): Promise<StoredBatch | "nothing" | "later"> {
    const { chain, store, journal, clock, log, limits, operatorId, graceSec, offer } = this.#options;
    await this.#pending.load();
    const { rows, valueWei, oldestMs } = this.#pending.figures();
    const ageMs = oldestMs === undefined ? 0 : clock.nowMs() - oldestMs;
    if (rows === 0) return "nothing";
    const { maxAgeMs, maxValueWei } = this.#options;
    const isDue = rows >= limits.maxRows || ageMs >= maxAgeMs || valueWei >= maxValueWei();
    if (!isDue && !force && !this.#isolation.active()) return "later";

    const nowSec = Math.floor(clock.nowMs() / 1000);
    const built = buildBatch(
      this.#pending.accounts((accountId) => this.#isolation.includes(accountId)),
      {
        operatorId,
        batchNo,
        offer,
        graceSec,
        // A chain that makes no blocks while nothing happens has an old time; the node's simulation is the judge then.
        chainTimeSec: Math.max(await chain.blockTimeSec(), nowSec - this.#chainBehindSec),
        builtAtMs: clock.nowMs(),
        limits,
      },
    );
    for (const { accountId, seq, reason } of built.blocked) {
      this.#state = {
        ...this.#state,
        trouble: `account ${accountId} can't settle past row ${seq}: ${reason}`,
      };
      if (this.#reported.has(`${accountId}-${seq}`)) continue;
      this.#reported.add(`${accountId}-${seq}`);
      log.error(
        { accountId, seq, reason },
        "settlement: a row fits into no batch; its account can't settle past it",
      );
    }
    if (!built.batch) {
      this.#isolation.nothingLeft();
      return "later";
    }
    if (!(await this.#startsAgree(built.batch))) {
      log.warn({ batchNo }, "settlement: accounts moved while a batch was built; built again");
      this.#pending.reset();
      return "later";
    }
    await journal.append({ kind: "batch", batch: built.batch });
    for (const { accountId, startSeq, count } of built.batch.slices)
      this.#pending.taken(accountId, startSeq + count);
    log.info(
      { batchNo, rows: built.rows, bytes: (built.batch.bytes.length - 2) / 2 },
      "settlement: built a batch",
    );
    // What is stored is what is sent: another router may have been first.
    return (await store.batch(batchNo)) ?? "later";
  }

  /** A row's number is its position: a batch that begins elsewhere than the account would be a lie. */
  async #startsAgree({ batchNo, slices }: BuiltBatch): Promise<boolean> {
    const { chain } = this.#options;
    const starts = new Map<number, number>();
    for (const { accountId, startSeq } of slices) if (!starts.has(accountId)) starts.set(accountId, startSeq);
    const agree = await Promise.all(
      [...starts].map(
        async ([accountId, startSeq]) => (await chain.account(accountId))?.nextSeq === startSeq,
      ),
    );
    return agree.every(Boolean) && (await chain.nextBatchNo()) === batchNo;
  }

  /** A stored batch doesn't begin where its accounts are: a lagging node says so, or its rows were settled otherwise. */
  async #misplaced(batch: StoredBatch): Promise<Step> {
    const { journal, log } = this.#options;
    const { batchNo, commitment } = batch;
    this.#failures++;
    this.#misplacedLooks++;
    this.#state = { ...this.#state, trouble: `batch ${batchNo} does not begin where its accounts are` };
    log.error(
      { batchNo, looks: this.#misplacedLooks },
      "settlement: a batch does not begin where its accounts are",
    );
    if (this.#misplacedLooks < MISPLACED_LOOKS) return "waiting";
    this.#misplacedLooks = 0;
    await journal.append({ kind: "batchDropped", batchNo, commitment });
    this.#pending.reset();
    return "waiting";
  }

  async #send(batch: StoredBatch): Promise<Step> {
    const { chain, store, log } = this.#options;
    const { batchNo } = batch;
    if (batch.state !== "sent") await store.setBatchState(batchNo, "sent");
    const result = await chain.settle(batch.bytes);
    if (result.status === "refused") return this.#refused(batch, result.reason);
    if (result.status === "unknown") {
      this.#failures++;
      this.#state = { ...this.#state, trouble: `no answer about batch ${batchNo} yet` };
      log.warn({ batchNo, txHash: result.txHash }, "settlement: no answer about a batch yet");
      return "waiting";
    }
    this.#failures = 0;
    this.#isolation.settled();
    this.#chainBehindSec = Math.max(0, this.#chainBehindSec - 1);
    this.#state = { ...this.#state, lastSettledAtMs: this.#options.clock.nowMs(), trouble: undefined };
    // Its state is what the chain says, also about these very bytes.
    await recover(this.#options);
    return "progress";
  }

  async #refused(batch: StoredBatch, reason: string): Promise<Step> {
    const { chain, log } = this.#options;
    const { batchNo } = batch;
    if (reason.startsWith("Ledger_BadBatchNo") && (await chain.nextBatchNo()) !== batchNo) return "progress";
    this.#state = { ...this.#state, trouble: `the Ledger refuses batch ${batchNo}: ${reason}` };
    this.#failures++;
    log.error({ batchNo, reason }, "settlement: a batch is refused");
    this.#learnClock(reason);
    if (OF_THE_BYTES.test(reason) || reason === NEEDS_TOO_MUCH_GAS) await this.#split(batch);
    return "waiting";
  }

  /**
   * Rows of the chain's future wait until its clock has got there, which is a matter of seconds; the next batch leaves such
   * rows out.
   */
  #learnClock(reason: string): void {
    const chainTimeSec = Number(BAD_SPAN.exec(reason)?.[1] ?? Number.NaN);
    if (Number.isNaN(chainTimeSec)) return;
    const behindSec = Math.floor(this.#options.clock.nowMs() / 1000) - chainTimeSec;
    this.#chainBehindSec = Math.min(MOST_BEHIND_SEC, Math.max(this.#chainBehindSec, behindSec));
    this.#failures = 1;
  }

  /**
   * These bytes will never pass, and the node refused them before they were sent. Their rows go into smaller batches,
   * until the accounts that spoil them stand alone. Should an earlier transaction with them be mined after all, the
   * batch number keeps the new one out, and `recover` takes the old one back.
   */
  async #split(batch: StoredBatch): Promise<void> {
    const { journal } = this.#options;
    await journal.append({ kind: "batchDropped", batchNo: batch.batchNo, commitment: batch.commitment });
    this.#pending.reset();
    this.#isolation.refused([...new Set(batch.slices.map(({ accountId }) => accountId))]);
    this.#failures = Math.min(this.#failures, 1);
  }
}
