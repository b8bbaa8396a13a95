/**
 * Who may spend how much of what, in the tables. Whatever the routers believe, this decides: every statement that adds to
 * what is spent or leased runs behind the lock of the account's counter (and of the key), and compares with the balance.
 */
import type { AccountSnapshot } from "../../model/account.ts";
import { countedWei } from "../../model/keyBook.ts";
import type { KeySpend } from "../../model/funds.ts";
import type { Wei } from "../../model/money.ts";
import { dayOf, startDayOf } from "../../model/period.ts";
import type { ApiKey } from "../../model/record.ts";
import { termsFromText } from "../journal/recordText.ts";
import type { Database, Sql } from "../store/sql.ts";

/** An account, or a key that has a limit. */
export type Subject =
  { readonly kind: "account"; readonly accountId: number } | { readonly kind: "key"; readonly keyId: string };

export interface Granted {
  readonly grantedWei: Wei;
  /** Left for anybody. */
  readonly freeWei: Wei;
  /** Leased to other routers. */
  readonly othersWei: Wei;
  /** This router had no lease before, or no longer. */
  readonly hadLapsed: boolean;
}

/** What a recorded outcome takes. */
export interface Charge {
  readonly accountId: number;
  readonly keyId: string;
  readonly costWei: Wei;
}

export interface PostgresLeasesOptions {
  readonly database: Database;
  /** Names this router among those of the database. */
  readonly holder: string;
  readonly snapshot: (accountId: number) => AccountSnapshot | undefined;
  readonly nowMs: () => number;
  readonly leaseMs: number;
}

/** So many requests more are leased for at once, */
const REQUESTS_AHEAD = 32n;
/** but never more than this part of what is left: another router may need it. */
const FREE_SHARE = 4n;

const aheadWei = (leastWei: Wei, leftWei: Wei): Wei => {
  const wishedWei = leastWei * REQUESTS_AHEAD;
  return wishedWei < leftWei / FREE_SHARE ? wishedWei : leftWei / FREE_SHARE;
};

interface Sum {
  readonly sum: string | null;
}

const wei = (rows: readonly Sum[]): Wei => BigInt(rows[0]?.sum ?? 0);

export function subjectName(subject: Subject): string {
  return subject.kind === "account" ? `account ${subject.accountId}` : `key ${subject.keyId}`;
}

/** What of an account's money is its owner's to spend here, as one block has it. */
export function spendableWei({ balanceWei, creditsWei, exitWei }: AccountSnapshot): Wei {
  return (balanceWei > exitWei ? balanceWei - exitWei : 0n) + creditsWei;
}

export class PostgresLeases {
  readonly #options: PostgresLeasesOptions;

  constructor(options: PostgresLeasesOptions) {
    this.#options = options;
  }

  /** Leases `leastWei` or nothing, and some more where there is plenty. */
  grant(subject: Subject, leastWei: Wei): Promise<Granted> {
    const { database, holder, leaseMs } = this.#options;
    const name = subjectName(subject);
    return database.transaction(async (sql) => {
      await lock(sql, subject);
      await sql.rows("DELETE FROM leases WHERE subject = $1 AND expires_at < now()", [name]);
      const own = await sql.rows("SELECT 1 FROM leases WHERE subject = $1 AND holder = $2", [name, holder]);
      const freeWei = await this.#freeWei(sql, subject);
      const grantedWei = freeWei >= leastWei ? leastWei + aheadWei(leastWei, freeWei - leastWei) : 0n;
      if (grantedWei > 0n)
        await sql.rows(
          `INSERT INTO leases (subject, holder, amount, expires_at)
           VALUES ($1, $2, $3, now() + $4 * interval '1 millisecond')
           ON CONFLICT (subject, holder) DO UPDATE SET amount = leases.amount + excluded.amount,
             expires_at = excluded.expires_at`,
          [name, holder, grantedWei.toString(), leaseMs],
        );
      const others = await sql.rows<Sum>(
        "SELECT sum(amount)::text AS sum FROM leases WHERE subject = $1 AND holder <> $2",
        [name, holder],
      );
      return {
        grantedWei,
        freeWei: freeWei - grantedWei,
        othersWei: wei(others),
        hadLapsed: own.length === 0,
      };
    });
  }

  /** What is neither spent nor leased. */
  async #freeWei(sql: Sql, subject: Subject): Promise<Wei> {
    const leased = await sql.rows<Sum>(
      "SELECT sum(amount)::text AS sum FROM leases WHERE subject = $1 AND expires_at >= now()",
      [subjectName(subject)],
    );
    const unspentWei =
      subject.kind === "account"
        ? await this.#unspentOfAccount(sql, subject.accountId)
        : await this.#unspentOfKey(sql, subject.keyId);
    const freeWei = unspentWei - wei(leased);
    return freeWei > 0n ? freeWei : 0n;
  }

  /** Balance and number are of one block, so that a row is counted exactly once: in the balance, or here. */
  async #unspentOfAccount(sql: Sql, accountId: number): Promise<Wei> {
    const snapshot = this.#options.snapshot(accountId);
    if (!snapshot) return 0n;
    return spendableWei(snapshot) - (await this.unsettledWei(sql, accountId, snapshot.nextSeq));
  }

  async unsettledWei(sql: Sql, accountId: number, nextSeq: number): Promise<Wei> {
    return wei(
      await sql.rows<Sum>(
        "SELECT sum(amount + app_fee)::text AS sum FROM receipts WHERE account_id = $1 AND seq >= $2",
        [accountId, nextSeq],
      ),
    );
  }

  async #unspentOfKey(sql: Sql, keyId: string): Promise<Wei> {
    const [row] = await sql.rows<{ terms: string }>("SELECT terms FROM api_keys WHERE key_id = $1", [keyId]);
    const { limitWei, limitReset } = termsFromText(row?.terms ?? "{}");
    // A limit that was lifted a moment ago: nothing to run out of.
    if (limitWei === undefined) return 10n ** 30n;
    return limitWei - countedWei({ limitReset }, await this.spendOf(sql, keyId));
  }

  /** What a key has spent, as the tables have it. */
  async spendOf(sql: Sql, keyId: string): Promise<Omit<KeySpend, "heldWei">> {
    const nowMs = this.#options.nowMs();
    const [row] = await sql.rows<Record<"total" | "daily" | "weekly" | "monthly", string | null>>(
      `SELECT sum(spent)::text AS total, (sum(spent) FILTER (WHERE day >= $2))::text AS daily,
         (sum(spent) FILTER (WHERE day >= $3))::text AS weekly,
         (sum(spent) FILTER (WHERE day >= $4))::text AS monthly FROM key_days WHERE key_id = $1`,
      [keyId, dayOf(nowMs), startDayOf("weekly", nowMs), startDayOf("monthly", nowMs)],
    );
    return {
      totalWei: BigInt(row?.total ?? 0),
      dailyWei: BigInt(row?.daily ?? 0),
      weeklyWei: BigInt(row?.weekly ?? 0),
      monthlyWei: BigInt(row?.monthly ?? 0),
    };
  }

  /**
   * Keeps a lease for another while, at no more than `amountWei`: what was given back is anybody's. Charges under way have
   * made it less already.
   * @returns false if it had lapsed
   */
  async renew(subject: Subject, amountWei: Wei, heldWei: Wei): Promise<boolean> {
    const { database, holder, leaseMs } = this.#options;
    const rows = await database.rows(
      `UPDATE leases SET amount = least(amount, $3), held = $4, expires_at = now() + $5 * interval '1 millisecond'
       WHERE subject = $1 AND holder = $2 AND expires_at >= now() RETURNING subject`,
      [subjectName(subject), holder, amountWei.toString(), heldWei.toString(), leaseMs],
    );
    return rows.length > 0;
  }

  /** Removes what routers that are gone have left. */
  async removeLapsed(): Promise<void> {
    await this.#options.database.rows("DELETE FROM leases WHERE expires_at < now() - interval '1 minute'");
  }

  /** Ends every lease of this router. */
  async end(): Promise<void> {
    await this.#options.database.rows("DELETE FROM leases WHERE holder = $1", [this.#options.holder]);
  }

  /** Held by the requests of other routers, as of a moment ago. */
  async heldByOthers(subject: Subject): Promise<Wei> {
    return wei(
      await this.#options.database.rows<Sum>(
        `SELECT sum(least(held, amount))::text AS sum FROM leases
         WHERE subject = $1 AND holder <> $2 AND expires_at >= now()`,
        [subjectName(subject), this.#options.holder],
      ),
    );
  }

  /**
   * Takes what outcomes cost out of this router's leases, in the transaction that records them and behind its locks. A
   * lease that has lapsed meanwhile is made up for by what is free.
   * @returns for each whether it is covered
   */
  async charge(sql: Sql, charges: readonly Charge[]): Promise<boolean[]> {
    const limited = await limitedKeys(sql, charges);
    const subjectsOf = ({ accountId, keyId }: Charge): Subject[] => [
      { kind: "account", accountId },
      ...(limited.has(keyId) ? [{ kind: "key", keyId } as const] : []),
    ];
    const leased = await this.#lockLeases(sql, charges.flatMap(subjectsOf).map(subjectName));
    const before = new Map(leased);
    const free = new Map<string, Wei>();
    const covered: boolean[] = [];
    for (const charge of charges) {
      const subjects = subjectsOf(charge);
      const missing = subjects.map((subject) => {
        const leasedWei = leased.get(subjectName(subject)) ?? 0n;
        return charge.costWei > leasedWei ? charge.costWei - leasedWei : 0n;
      });
      let isCovered = true;
      for (const [i, subject] of subjects.entries()) {
        if (missing[i] === 0n) continue;
        const name = subjectName(subject);
        // Own leases count as taken there, whatever was charged to them just now.
        if (!free.has(name)) free.set(name, await this.#freeWei(sql, subject));
        if ((free.get(name) ?? 0n) < (missing[i] ?? 0n)) isCovered = false;
      }
      covered.push(isCovered);
      if (!isCovered) continue;
      for (const [i, subject] of subjects.entries()) {
        const name = subjectName(subject);
        leased.set(name, (leased.get(name) ?? 0n) - charge.costWei + (missing[i] ?? 0n));
        if (missing[i]) free.set(name, (free.get(name) ?? 0n) - missing[i]);
      }
    }
    const changed = [...leased].filter(([name, amountWei]) => before.get(name) !== amountWei);
    if (changed.some(([name]) => before.has(name)))
      await sql.rows(
        `UPDATE leases SET amount = new.amount FROM unnest($2::text[], $3::numeric[]) AS new (subject, amount)
         WHERE leases.holder = $1 AND leases.subject = new.subject`,
        [
          this.#options.holder,
          changed.map(([name]) => name),
          changed.map(([, amountWei]) => amountWei.toString()),
        ],
      );
    return covered;
  }

  async #lockLeases(sql: Sql, names: readonly string[]): Promise<Map<string, Wei>> {
    const rows = await sql.rows<{ subject: string; amount: string }>(
      `SELECT subject, amount::text AS amount FROM leases
       WHERE holder = $1 AND subject = ANY($2::text[]) AND expires_at >= now() ORDER BY subject FOR UPDATE`,
      [this.#options.holder, [...new Set(names)]],
    );
    return new Map(rows.map((row) => [row.subject, BigInt(row.amount)]));
  }
}

async function lock(sql: Sql, subject: Subject): Promise<void> {
  if (subject.kind === "account")
    await sql.rows("SELECT 1 FROM accounts WHERE account_id = $1 FOR UPDATE", [subject.accountId]);
  else await sql.rows("SELECT 1 FROM api_keys WHERE key_id = $1 FOR UPDATE", [subject.keyId]);
}

/** Locks those of the keys that have a limit, always in the same order, after the accounts. */
async function limitedKeys(sql: Sql, charges: readonly Charge[]): Promise<ReadonlySet<ApiKey["keyId"]>> {
  const rows = await sql.rows<{ key_id: string }>(
    `SELECT key_id FROM api_keys WHERE key_id = ANY($1::text[]) AND terms LIKE '%"limitWei"%'
     ORDER BY key_id FOR UPDATE`,
    [[...new Set(charges.map(({ keyId }) => keyId))]],
  );
  return new Set(rows.map((row) => row.key_id));
}
