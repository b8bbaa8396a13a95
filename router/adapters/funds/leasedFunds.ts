import type { AccountBook, UnsettledRow } from "../../model/account.ts";
import type { AccountMoney, Funds, KeySpend, Purse } from "../../model/funds.ts";
import { resetsAtMs } from "../../model/keyBook.ts";
import { Lease } from "../../model/lease.ts";
import type { Wei } from "../../model/money.ts";
import type { ApiKey } from "../../model/record.ts";
import { JournalFailure, type Logger } from "../../ports.ts";
import type { Database } from "../store/sql.ts";
import { spendableWei, subjectName, type PostgresLeases, type Subject } from "./postgresLeases.ts";

export interface LeasedFundsOptions {
  readonly accounts: AccountBook;
  readonly leases: PostgresLeases;
  readonly database: Database;
  /** Asks the other routers to give back what they can spare of a subject. */
  readonly askBack: (name: string) => Promise<void>;
  readonly nowMs: () => number;
  readonly leaseMs: number;
  readonly log: Logger;
}

interface Leased {
  readonly subject: Subject;
  readonly lease: Lease;
  /** One statement about it at a time. */
  last: Promise<unknown>;
}

/** In the life of a lease. */
const RENEWALS = 4;
/** This router stops using a lease so much earlier than others may take it. */
const MARGIN_SHARE = 4;
const LATEST_BATCHES = 100;
/** Others are given a moment to give back. */
const PATIENCE_MS = [40, 120, 300] as const;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/**
 * The funds of one of several routers on a database. Requests hold out of leases that this router has on accounts and on
 * limits of keys, without a round trip; leases are filled from the database, renewed while they are used, given back when
 * they are not or when another router asks, and lapse with the router that has them.
 */
export class LeasedFunds implements Funds {
  readonly #options: LeasedFundsOptions;
  readonly #leased = new Map<string, Leased>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LeasedFundsOptions) {
    this.#options = options;
  }

  #of(subject: Subject): Leased {
    const name = subjectName(subject);
    let leased = this.#leased.get(name);
    if (!leased) {
      leased = { subject, lease: new Lease(), last: Promise.resolve() };
      this.#leased.set(name, leased);
    }
    return leased;
  }

  pursesOf(key: ApiKey): readonly Purse[] {
    const { accounts, nowMs } = this.#options;
    const { accountId, keyId } = key;
    const purse = (source: Purse["source"], subject: Subject): Purse => ({
      source,
      resetsAtMs: source === "key_limit" ? resetsAtMs(key, nowMs()) : undefined,
      hold: (amountWei) => this.#of(subject).lease.hold(amountWei, nowMs),
      refill: (neededWei) => this.#refill(this.#of(subject), neededWei),
    });
    return [
      ...(key.limitWei === undefined ? [] : [purse("key_limit", { kind: "key", keyId })]),
      purse("account_balance", { kind: "account", accountId }),
      // The operator's bond answers for what is held, too: the book counts it.
      {
        source: "account_balance",
        resetsAtMs: undefined,
        hold: (amountWei) => accounts.hold(accountId, amountWei),
      },
    ];
  }

  /** What is asked of the tables about a lease follows upon what was asked before. */
  #alone<T>(leased: Leased, work: () => Promise<T>): Promise<T> {
    const result = leased.last.then(work);
    leased.last = result.catch(() => {});
    return result;
  }

  /** Makes room for a hold of `neededWei`. Whoever awaits this holds before anybody else is looked at. */
  async #refill(leased: Leased, neededWei: Wei): Promise<boolean> {
    for (const waitMs of [0, ...PATIENCE_MS]) {
      if (waitMs > 0) await pause(waitMs);
      const othersWei = await this.#alone(leased, () => this.#fill(leased, neededWei));
      if (othersWei === undefined) return true;
      if (othersWei === 0n) return false;
      if (waitMs === 0) await this.#options.askBack(subjectName(leased.subject));
    }
    return false;
  }

  /** @returns undefined when there is room; else what other routers have leased */
  async #fill({ subject, lease }: Leased, neededWei: Wei): Promise<Wei | undefined> {
    const { leases, nowMs } = this.#options;
    const atMs = nowMs();
    const missingWei = neededWei - lease.availableWei(atMs);
    if (missingWei <= 0n) return undefined;
    const { grantedWei, freeWei, othersWei, hadLapsed } = await leases
      .grant(subject, missingWei)
      .catch((cause: unknown) => {
        throw new JournalFailure("the database could not be asked for money", { cause });
      });
    if (hadLapsed) lease.lapse();
    lease.grant(grantedWei, freeWei, othersWei);
    if (grantedWei > 0n) lease.renew(this.#validUntilMs(atMs));
    return lease.availableWei(nowMs()) >= neededWei ? undefined : othersWei;
  }

  #validUntilMs(askedAtMs: number): number {
    const { leaseMs } = this.#options;
    return askedAtMs + leaseMs - leaseMs / MARGIN_SHARE;
  }

  recorded(key: ApiKey, rows: readonly UnsettledRow[]): void {
    const { accountId, keyId } = key;
    this.#options.accounts.recorded(accountId, rows);
    const costWei = rows.reduce((sum, row) => sum + row.costWei, 0n);
    this.#of({ kind: "account", accountId }).lease.spend(costWei);
    this.#leased.get(subjectName({ kind: "key", keyId }))?.lease.spend(costWei);
  }

  async moneyOf(accountId: number): Promise<AccountMoney> {
    const { accounts, leases, database } = this.#options;
    const snapshot = accounts.snapshot(accountId);
    if (!snapshot) return { heldWei: 0n, unsettledWei: 0n, availableWei: 0n };
    const subject: Subject = { kind: "account", accountId };
    const heldWei =
      (this.#leased.get(subjectName(subject))?.lease.heldWei ?? 0n) + (await leases.heldByOthers(subject));
    const unsettledWei = await leases.unsettledWei(database, accountId, snapshot.nextSeq);
    return { heldWei, unsettledWei, availableWei: spendableWei(snapshot) - heldWei - unsettledWei };
  }

  async spendOf({ keyId }: ApiKey): Promise<KeySpend> {
    const { leases, database } = this.#options;
    const subject: Subject = { kind: "key", keyId };
    const heldWei =
      (this.#leased.get(subjectName(subject))?.lease.heldWei ?? 0n) + (await leases.heldByOthers(subject));
    return { ...(await leases.spendOf(database, keyId)), heldWei };
  }

  /** Another router asks for what can be spared. */
  async giveBack(name: string): Promise<void> {
    const leased = this.#leased.get(name);
    if (leased) await this.#renew(leased, false);
  }

  start(): void {
    this.#timer = setInterval(() => void this.renew(), this.#options.leaseMs / RENEWALS);
    this.#timer.unref();
  }

  /** Renews what is used and gives back what is not. */
  async renew(): Promise<void> {
    await Promise.all([...this.#leased.values()].map((leased) => this.#renew(leased, true)));
    try {
      await this.forgetFinal();
      await this.#options.leases.removeLapsed();
    } catch (err) {
      this.#options.log.warn({ err }, "funds: can't see what is final");
    }
  }

  #renew(leased: Leased, keepsReserve: boolean): Promise<void> {
    const { leases, nowMs, log } = this.#options;
    const { lease, subject } = leased;
    return this.#alone(leased, async () => {
      lease.giveBack(keepsReserve);
      if (lease.isIdle && lease.validUntilMs < nowMs()) {
        this.#leased.delete(subjectName(subject));
        return;
      }
      const atMs = nowMs();
      try {
        const isThere = await leases.renew(subject, lease.amountWei, lease.heldWei);
        if (!isThere) lease.lapse();
        else if (!lease.isIdle) lease.renew(this.#validUntilMs(atMs));
      } catch (err) {
        // Not renewed, it lapses by itself, here before it does there.
        log.warn({ err, subject: subjectName(subject) }, "funds: a lease could not be renewed");
      }
    });
  }

  /** Lets the book forget rows that are final; the router that settles knows by itself, the others from the tables. */
  async forgetFinal(): Promise<void> {
    const { database, accounts } = this.#options;
    const rows = await database.rows<{ account_id: string; seq: string }>(
      `SELECT account_id, max(start_seq + count) AS seq FROM batch_slices JOIN
         (SELECT batch_no FROM batches WHERE state = 'final' ORDER BY batch_no DESC LIMIT ${LATEST_BATCHES}) AS latest
         USING (batch_no) GROUP BY account_id`,
    );
    for (const row of rows) accounts.forget(Number(row.account_id), Number(row.seq));
  }

  /** Stops renewing: what is leased lapses. */
  abandon(): void {
    clearInterval(this.#timer);
  }

  /** To be called once nothing is held any more. */
  async stop(): Promise<void> {
    this.abandon();
    await this.#options.leases.end();
  }
}
