/**
 * The journal in PostgreSQL, for several routers at once: one transaction per group of commits. A row per account counts
 * its numbers; its lock is held from the numbering to the commit, so numbers have no gaps and no doubles.
 */
import { NAME_MS, type Outcome } from "../../model/outcome.ts";
import type { Receipt, SignedReceipt } from "../../model/receipt.ts";
import type { Fact, JournalRecord, RecordedOutcome } from "../../model/record.ts";
import {
  AlreadyServed,
  JournalFailure,
  NotCovered,
  type Clock,
  type Journal,
  type Logger,
  type SequenceCounters,
  type Store,
} from "../../ports.ts";
import type { PostgresLeases } from "../funds/postgresLeases.ts";
import { applyRecords } from "../store/applyRecords.ts";
import { migrate } from "../store/migrate.ts";
import type { Database, Sql } from "../store/sql.ts";
import { sqlStore } from "../store/sqlStore.ts";
import { recordOutcome } from "./recordOutcome.ts";
import type { JournalIdentity } from "./segments.ts";

export interface PostgresJournalOptions {
  readonly database: Database;
  readonly identity: JournalIdentity;
  readonly sign: (receipt: Receipt) => SignedReceipt;
  readonly clock: Clock;
  readonly log: Logger;
  readonly acceptTail?: boolean;
  /** Covers what is recorded, where several routers share the money. */
  readonly leases?: Pick<PostgresLeases, "charge">;
  /** How long a group is tried again before its requests are told. */
  readonly patienceMs?: number;
}

export interface PostgresJournal extends Journal, SequenceCounters {
  /** Writes what is waiting. The database stays open. */
  close(): Promise<void>;
}

const MAX_GROUP = 1_000;
const PATIENCE_MS = 10_000;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;

type Work =
  { readonly kind: "outcome"; readonly outcome: Outcome } | { readonly kind: "fact"; readonly fact: Fact };

interface Waiting {
  readonly work: Work;
  readonly resolve: (receipts: readonly SignedReceipt[]) => void;
  readonly reject: (error: Error) => void;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Migrates the database and opens journal and store on it. */
export async function openPostgresJournal(
  options: PostgresJournalOptions,
): Promise<{ journal: PostgresJournal; store: Store }> {
  await migrate(options.database, options.identity);
  return {
    journal: new OpenJournal(options),
    store: sqlStore(options.database, options.identity.operatorId, () => Promise.resolve()),
  };
}

class OpenJournal implements PostgresJournal {
  readonly #options: PostgresJournalOptions;
  /** Numbers below which an account's counter was seen to be. */
  readonly #seen = new Map<number, number>();
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #distrusted: JournalFailure | undefined;
  #outage: JournalFailure | undefined;
  #closed = false;

  constructor(options: PostgresJournalOptions) {
    this.#options = options;
  }

  failure(): Error | undefined {
    return this.#distrusted ?? this.#outage;
  }

  async openAccount(accountId: number, nextSeq: number): Promise<void> {
    if (nextSeq <= (this.#seen.get(accountId) ?? -1)) return;
    const { database } = this.#options;
    await database.rows(
      "INSERT INTO accounts (account_id, opened_seq, next_seq) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING",
      [accountId, nextSeq],
    );
    // An account that was opened and never used moves with the chain.
    await database.rows(
      `UPDATE accounts SET opened_seq = $2, next_seq = $2
       WHERE account_id = $1 AND opened_seq = next_seq AND next_seq < $2`,
      [accountId, nextSeq],
    );
    const [row] = await database.rows<{ next_seq: string }>(
      "SELECT next_seq FROM accounts WHERE account_id = $1",
      [accountId],
    );
    const own = Number(row?.next_seq);
    if (nextSeq > own) {
      this.distrust(
        `unverified tail: account ${accountId} is at sequence number ${nextSeq} elsewhere, at ${own} in the database`,
      );
      if (this.#distrusted) return;
      await this.append({ kind: "tailAccepted", accountId, nextSeq });
    }
    this.#seen.set(accountId, Math.max(own, nextSeq));
  }

  distrust(reason: string): void {
    if (this.#options.acceptTail === true) {
      this.#options.log.warn({ reason }, "journal: going on by the operator's decision");
      return;
    }
    this.#distrusted ??= new JournalFailure(
      `${reason}. The database was rolled back; signing on could give one number twice, which is slashed. Restore it, ` +
        "or, if it is complete, start once with AI1NET_ACCEPT_JOURNAL_TAIL=true.",
    );
    this.#options.log.error({ err: this.#distrusted }, "journal: stopped");
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#distrusted);
  }

  commit(outcome: Outcome): Promise<readonly SignedReceipt[]> {
    return this.#write({ kind: "outcome", outcome });
  }

  async append(fact: Fact): Promise<void> {
    await this.#write({ kind: "fact", fact });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  #write(work: Work): Promise<readonly SignedReceipt[]> {
    const failure =
      this.failure() ?? (this.#closed ? new JournalFailure("the journal is closed") : undefined);
    if (failure) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#store(this.#waiting.splice(0, MAX_GROUP));
    this.#running = undefined;
  }

  /** A transaction that failed has written nothing, or its connection broke while it committed: then the rows tell. */
  async #store(group: readonly Waiting[]): Promise<void> {
    const deadlineMs = Date.now() + (this.#options.patienceMs ?? PATIENCE_MS);
    for (let retryMs = RETRY_MIN_MS, first = true; ; first = false) {
      try {
        const results = await this.#options.database.transaction((sql) => this.#transact(sql, group, first));
        for (const [i, waiting] of group.entries()) {
          const result = results[i] as readonly SignedReceipt[] | Error;
          if (result instanceof Error) waiting.reject(result);
          else waiting.resolve(result);
        }
        return;
      } catch (cause) {
        this.#options.log.error({ err: cause }, "journal: the database refused a group of commits");
        if (Date.now() + retryMs > deadlineMs) {
          this.#fail(new JournalFailure("the database could not be written", { cause }), group);
          return;
        }
        await pause(retryMs);
        retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
      }
    }
  }

  async #transact(
    sql: Sql,
    group: readonly Waiting[],
    first: boolean,
  ): Promise<(readonly SignedReceipt[] | Error)[]> {
    const outcomes = group.flatMap(({ work }) => (work.kind === "outcome" ? [work.outcome] : []));
    const counters = await lockCounters(sql, outcomes);
    const earlier = first ? new Map<string, SignedReceipt[]>() : await this.#earlier(sql, outcomes);
    // Under the counters' locks: of two routers with one name, one sees the other's.
    const served = await this.#servedNames(sql, outcomes);
    const refused = await this.#uncovered(
      sql,
      outcomes.filter(({ requestId, name }) => !earlier.has(requestId) && !(name && served.has(name))),
    );
    const records: JournalRecord[] = [];
    const results = group.map(({ work }) => {
      if (work.kind === "fact") {
        records.push(work.fact);
        return [];
      }
      const done = earlier.get(work.outcome.requestId);
      if (done) return done;
      const { accountId, name } = work.outcome;
      const before = name === undefined ? undefined : served.get(name);
      if (before) return before;
      if (refused.has(work.outcome)) return new NotCovered(work.outcome.requestId);
      const seq = counters.get(accountId);
      if (seq === undefined) return new RangeError(`account ${accountId} was not opened`);
      const recorded = this.#record(work.outcome, seq);
      if (recorded instanceof Error) return recorded;
      counters.set(accountId, seq + recorded.receipts.length);
      const [last] = recorded.receipts.slice(-1);
      if (name !== undefined && last) served.set(name, new AlreadyServed(recorded.requestId, last));
      records.push({ kind: "outcome", outcome: recorded });
      return recorded.receipts;
    });
    await applyRecords(sql, records);
    for (const [accountId, seq] of counters)
      this.#seen.set(accountId, Math.max(seq, this.#seen.get(accountId) ?? 0));
    return results;
  }

  async #uncovered(sql: Sql, outcomes: readonly Outcome[]): Promise<ReadonlySet<Outcome>> {
    const { leases } = this.#options;
    if (!leases) return new Set();
    const charged = outcomes.filter((outcome) => costOf(outcome) > 0n);
    if (charged.length === 0) return new Set();
    const charges = charged.map((outcome) => ({
      accountId: outcome.accountId,
      keyId: outcome.keyId,
      costWei: costOf(outcome),
    }));
    const covered = await leases.charge(sql, charges);
    return new Set(charged.filter((_, i) => covered[i] !== true));
  }

  #record(outcome: Outcome, seq: number): RecordedOutcome | Error {
    try {
      return recordOutcome(outcome, seq, this.#options);
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** What an attempt whose commit got no answer has stored after all; the counters' locks make it wait for that. */
  async #earlier(sql: Sql, outcomes: readonly Outcome[]): Promise<Map<string, SignedReceipt[]>> {
    const store = sqlStore(sql, this.#options.identity.operatorId, () => Promise.resolve());
    const found = new Map<string, SignedReceipt[]>();
    for (const { requestId } of outcomes) {
      const outcome = await store.outcome(requestId);
      if (outcome) found.set(requestId, [...outcome.receipts]);
    }
    return found;
  }

  async #servedNames(sql: Sql, outcomes: readonly Outcome[]): Promise<Map<string, AlreadyServed>> {
    const names = outcomes.flatMap(({ name }) => (name === undefined ? [] : [name]));
    if (names.length === 0) return new Map();
    const store = sqlStore(sql, this.#options.identity.operatorId, () => Promise.resolve());
    const found = new Map<string, AlreadyServed>();
    for (const name of names) {
      const outcome = await store.servedAs(name, this.#options.clock.nowMs() - NAME_MS);
      const receipt = outcome?.receipts.at(-1);
      if (outcome && receipt) found.set(name, new AlreadyServed(outcome.requestId, receipt));
    }
    return found;
  }

  #fail(failure: JournalFailure, group: readonly Waiting[]): void {
    this.#outage = failure;
    for (const waiting of [...group, ...this.#waiting.splice(0)]) waiting.reject(failure);
    void this.#heal();
  }

  /** Nothing was signed that anybody saw, so the journal may go on once the database answers. */
  async #heal(): Promise<void> {
    while (this.#outage && !this.#closed) {
      await pause(RETRY_MAX_MS);
      await this.#options.database.rows("SELECT 1").then(
        () => (this.#outage = undefined),
        () => {},
      );
    }
  }
}

const costOf = ({ attempts, appFeeWei = 0n }: Outcome): bigint =>
  attempts.reduce((sum, { amountWei }) => sum + amountWei, appFeeWei);

/** Locks the accounts' counters, always in the same order, and reads them. */
async function lockCounters(sql: Sql, outcomes: readonly Outcome[]): Promise<Map<number, number>> {
  if (outcomes.length === 0) return new Map();
  const rows = await sql.rows<{ account_id: string; next_seq: string }>(
    `SELECT account_id, next_seq FROM accounts WHERE account_id = ANY($1::bigint[])
     ORDER BY account_id FOR UPDATE`,
    [[...new Set(outcomes.map(({ accountId }) => accountId))]],
  );
  return new Map(rows.map((row) => [Number(row.account_id), Number(row.next_seq)]));
}
