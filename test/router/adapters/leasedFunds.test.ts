/** Several routers that spend one account's money, on a real PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { LeasedFunds } from "../../../router/adapters/funds/leasedFunds.ts";
import { PostgresLeases } from "../../../router/adapters/funds/postgresLeases.ts";
import { openPostgresJournal } from "../../../router/adapters/journal/postgresJournal.ts";
import { postgresDatabase } from "../../../router/adapters/store/postgresDatabase.ts";
import { postgresNotices } from "../../../router/adapters/store/postgresNotices.ts";
import type { Database } from "../../../router/adapters/store/sql.ts";
import { AccountBook } from "../../../router/model/account.ts";
import type { ApiKey } from "../../../router/model/record.ts";
import { JournalFailure, NotCovered } from "../../../router/ports.ts";
import { RequestHold } from "../../../router/request/hold.ts";
import { startPostgres, type TestPostgres } from "../../fakes/postgres.ts";
import {
  IDENTITY,
  sampleAttempt,
  sampleOutcome,
  SIGNER,
  silentLog,
  systemClock,
} from "../../fakes/samples.ts";
import { sampleKey, sampleSnapshot } from "../../fakes/world.ts";

const ACCOUNT = 11;
const BALANCE = 1_000_000n;

let postgres: TestPostgres;
before(async () => {
  postgres = await startPostgres();
});
after(() => postgres.stop());

interface TestRouter {
  readonly funds: LeasedFunds;
  readonly accounts: AccountBook;
  readonly store: Awaited<ReturnType<typeof openPostgresJournal>>["store"];
  /** Holds `heldWei`, waits, spends `costWei`; false when it was refused. */
  spend(heldWei: bigint, costWei: bigint, ms?: number): Promise<boolean>;
  readonly journal: Awaited<ReturnType<typeof openPostgresJournal>>["journal"];
  /** As after a SIGKILL: nothing is said to anybody. */
  vanish(): Promise<void>;
}

async function start(
  test: TestContext,
  url: string,
  key: ApiKey = sampleKey,
  leaseMs = 8_000,
): Promise<TestRouter> {
  const database = postgresDatabase(url, silentLog);
  const accounts = new AccountBook();
  accounts.refresh(sampleSnapshot({ accountId: ACCOUNT, balanceWei: BALANCE }));
  const nowMs = (): number => Date.now();
  const leases = new PostgresLeases({
    database,
    holder: `router-${Math.random()}`,
    snapshot: (id) => accounts.snapshot(id),
    nowMs,
    leaseMs,
  });
  const { journal, store } = await openPostgresJournal({
    identity: IDENTITY,
    sign: SIGNER.sign,
    clock: systemClock,
    log: silentLog,
    database,
    leases,
  });
  await journal.openAccount(ACCOUNT, 0);
  await journal.append({ kind: "key", key });
  let notices: ReturnType<typeof postgresNotices> | undefined;
  const funds = new LeasedFunds({
    accounts,
    leases,
    database,
    askBack: async (name) => notices?.send(`lease ${name}`),
    nowMs,
    leaseMs,
    log: silentLog,
  });
  await new Promise<void>((resolve) => {
    notices = postgresNotices({
      database,
      log: silentLog,
      onNotice: async (text) => {
        if (text.startsWith("lease ")) await funds.giveBack(text.slice("lease ".length));
      },
      onConnect: async () => resolve(),
    });
  });
  funds.start();
  let isGone = false;
  const vanish = async (): Promise<void> => {
    if (isGone) return;
    isGone = true;
    funds.abandon();
    await notices?.close();
    await journal.close();
    await database.close();
  };
  test.after(vanish);
  return {
    funds,
    accounts,
    store,
    journal,
    vanish,
    spend: async (heldWei, costWei, ms = 0) => {
      const hold = new RequestHold(funds.pursesOf(key));
      try {
        if (await hold.cover(heldWei)) return false;
        if (ms > 0) await sleep(ms);
        const receipts = await journal.commit({
          ...sampleOutcome(ACCOUNT, [sampleAttempt({ amountWei: costWei })]),
          keyId: key.keyId,
        });
        const rows = receipts.map(({ receipt }) => ({
          seq: receipt.seq,
          costWei: receipt.amountWei,
          servedAtSec: receipt.servedAtSec,
        }));
        funds.recorded(key, rows);
        return true;
      } finally {
        hold.release();
      }
    },
  };
}

async function spentWei({ store }: TestRouter): Promise<bigint> {
  const rows = await store.receiptsFrom(ACCOUNT, 0, 100_000);
  assert.deepEqual(
    rows.map(({ receipt }) => receipt.seq),
    rows.map((_, i) => i),
    "numbers without gaps",
  );
  return rows.reduce((sum, { receipt }) => sum + receipt.amountWei, 0n);
}

describe("money that several routers spend", () => {
  it("is never more than there is, and all of it can be spent, when they race for the last", async (t) => {
    const url = await postgres.database();
    const routers = [await start(t, url), await start(t, url), await start(t, url)];
    let served = 0;
    // 1,000 requests of 2,500 for 400 of them; each router takes what it can get.
    await Promise.all(
      routers.flatMap((router) =>
        Array.from({ length: 12 }, async () => {
          for (let misses = 0; misses < 6;) {
            if (await router.spend(2_500n, 2_500n)) served++;
            else misses++;
          }
        }),
      ),
    );
    const spent = await spentWei(routers[0]!);
    assert.equal(spent, BigInt(served) * 2_500n);
    assert.ok(spent <= BALANCE, `${spent} of ${BALANCE}`);
    assert.ok(spent >= BALANCE - 2_500n * 3n, `only ${spent} could be spent`);
    for (const router of routers) {
      const money = await router.funds.moneyOf(ACCOUNT);
      assert.deepEqual([money.heldWei, money.unsettledWei], [0n, spent]);
    }
  });

  it("within a key's limit is never more than the limit", async (t) => {
    const url = await postgres.database();
    const key: ApiKey = { ...sampleKey, limitWei: 50_000n, limitReset: "monthly" };
    const routers = [await start(t, url, key), await start(t, url, key)];
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, i) => routers[i % 2]!.spend(1_000n, 700n, i % 5)),
    );
    const served = results.filter(Boolean).length;
    const spent = await spentWei(routers[0]!);
    assert.equal(spent, BigInt(served) * 700n);
    assert.ok(spent <= 50_000n && served >= 45, `${served} were served`);
    assert.equal((await routers[1]!.funds.spendOf(key)).totalWei, spent);
  });

  it("needs no round trip for most requests", async (t) => {
    const router = await start(t, await postgres.database());
    let refills = 0;
    for (let i = 0; i < 200; i++) {
      const purses = router.funds.pursesOf(sampleKey).map((purse) => ({
        ...purse,
        ...(purse.refill && {
          refill: (neededWei: bigint) => {
            refills++;
            return purse.refill!(neededWei);
          },
        }),
      }));
      const hold = new RequestHold(purses);
      assert.equal(await hold.cover(1_000n), undefined);
      hold.release();
      await router.spend(1_000n, 500n);
    }
    assert.ok(refills <= 10, `${refills} of 400 holds asked the database`);
  });

  it("comes back from a router that was killed, once its lease has lapsed, and what it had spent does not", async (t) => {
    const url = await postgres.database();
    const doomed = await start(t, url, sampleKey, 1_500);
    const other = await start(t, url, sampleKey, 1_500);
    assert.ok(await doomed.spend(10_000n, 10_000n));
    const hold = new RequestHold(doomed.funds.pursesOf(sampleKey));
    assert.equal(await hold.cover(900_000n), undefined);
    assert.equal(await other.spend(500_000n, 500_000n), false, "while it is held it can't be had");
    await doomed.vanish();
    for (const deadline = Date.now() + 10_000; !(await other.spend(990_000n, 990_000n)); await sleep(100))
      assert.ok(Date.now() < deadline, "the lease never came back");
    assert.equal(await spentWei(other), BALANCE);
    assert.equal(await other.spend(1n, 1n), false);
  });

  it("is not spent twice by a router that slept through its lease", async (t) => {
    const url = await postgres.database();
    const sleeper = await start(t, url, sampleKey, 500);
    const other = await start(t, url, sampleKey, 8_000);
    const hold = new RequestHold(sleeper.funds.pursesOf(sampleKey));
    assert.equal(await hold.cover(600_000n), undefined);
    // No timer runs while a process is stopped.
    sleeper.funds.abandon();
    for (const deadline = Date.now() + 10_000; !(await other.spend(800_000n, 800_000n)); await sleep(50))
      assert.ok(Date.now() < deadline, "the lease never came back");
    const late = {
      ...sampleOutcome(ACCOUNT, [sampleAttempt({ amountWei: 600_000n })]),
      keyId: sampleKey.keyId,
    };
    await assert.rejects(sleeper.journal.commit(late), NotCovered);
    // What there still is may be taken.
    await other.funds.giveBack(`account ${ACCOUNT}`);
    const small = {
      ...sampleOutcome(ACCOUNT, [sampleAttempt({ amountWei: 200_000n })]),
      keyId: sampleKey.keyId,
    };
    await sleeper.journal.commit(small);
    assert.equal(await spentWei(other), BALANCE);
  });

  it("is asked of nobody while the database is away: that is no 402", async () => {
    const away = (): Promise<never> => Promise.reject(new Error("connection refused"));
    const database: Database = { rows: away, transaction: away, close: async () => undefined };
    const accounts = new AccountBook();
    accounts.refresh(sampleSnapshot({ accountId: ACCOUNT, balanceWei: BALANCE }));
    const common = { database, nowMs: () => Date.now(), leaseMs: 1_000 };
    const snapshot = (id: number) => accounts.snapshot(id);
    const leases = new PostgresLeases({ ...common, holder: "a", snapshot });
    const funds = new LeasedFunds({ ...common, accounts, leases, askBack: away, log: silentLog });
    const hold = new RequestHold(funds.pursesOf(sampleKey));
    await assert.rejects(hold.cover(1n), JournalFailure);
    await funds.renew();
  });

  it("leaves nothing leased behind when everybody is idle", async (t) => {
    const url = await postgres.database();
    const routers = [await start(t, url, sampleKey, 800), await start(t, url, sampleKey, 800)];
    for (let i = 0; i < 40; i++) await routers[i % 2]!.spend(2_000n, 1_000n);
    await sleep(2_000);
    // All of the rest, at once, by one of them.
    assert.ok(await routers[0]!.spend(BALANCE - 40_000n, 1n));
  });
});
