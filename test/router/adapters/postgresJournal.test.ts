import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { openPostgresJournal } from "../../../router/adapters/journal/postgresJournal.ts";
import { postgresDatabase } from "../../../router/adapters/store/postgresDatabase.ts";
import { postgresLeadership } from "../../../router/adapters/store/postgresLeadership.ts";
import type { Database } from "../../../router/adapters/store/sql.ts";
import { AlreadyServed, JournalFailure } from "../../../router/ports.ts";
import { startPostgres, type TestPostgres } from "../../fakes/postgres.ts";
import { IDENTITY, sampleOutcome, SIGNER, silentLog, systemClock } from "../../fakes/samples.ts";

const RECORDER = { identity: IDENTITY, sign: SIGNER.sign, clock: systemClock, log: silentLog };

let postgres: TestPostgres;
before(async () => {
  postgres = await startPostgres();
});
after(() => postgres.stop());

describe("PostgreSQL journal", () => {
  it("numbers without gaps or doubles when several routers use it at once", async () => {
    const url = await postgres.database();
    const databases = [1, 2, 3].map(() => postgresDatabase(url, silentLog));
    // They also migrate at once.
    const routers = await Promise.all(
      databases.map((database) => openPostgresJournal({ ...RECORDER, database })),
    );
    for (const { journal } of routers)
      for (const account of [1, 2, 3, 4, 5]) await journal.openAccount(account, 0);
    const signed = await Promise.all(
      routers.flatMap(({ journal }) =>
        Array.from({ length: 400 }, (_, i) => journal.commit(sampleOutcome(1 + (i % 5)))),
      ),
    );
    const names = signed.flat().map(({ receipt }) => `${receipt.accountId}-${receipt.seq}`);
    assert.equal(new Set(names).size, 1_200);
    for (const account of [1, 2, 3, 4, 5]) {
      const rows = await routers[0]!.store.receiptsFrom(account, 0, 1_000);
      assert.deepEqual(
        rows.map(({ receipt }) => receipt.seq),
        Array.from({ length: 240 }, (_, i) => i),
      );
    }
    const mine = signed.flat()[0]!;
    assert.equal(
      (await routers[2]!.store.receipt(mine.receipt.accountId, mine.receipt.seq))?.signature,
      mine.signature,
    );
    for (const { journal } of routers) await journal.close();
    for (const database of databases) await database.close();
  });

  it("records what has one Idempotency-Key once, whichever router is first", async () => {
    const url = await postgres.database();
    const databases = [1, 2].map(() => postgresDatabase(url, silentLog));
    const routers = await Promise.all(
      databases.map((database) => openPostgresJournal({ ...RECORDER, database })),
    );
    for (const { journal } of routers) await journal.openAccount(1, 0);
    const name = `0x${"ab".repeat(32)}` as const;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => routers[i % 2]!.journal.commit({ ...sampleOutcome(), name })),
    );
    const winners = results.flatMap((each) => (each.status === "fulfilled" ? [each.value[0]] : []));
    assert.equal(winners.length, 1);
    for (const each of results)
      if (each.status === "rejected") {
        assert.ok(each.reason instanceof AlreadyServed);
        assert.equal(each.reason.receipt.signature, winners[0]?.signature);
      }
    assert.equal((await routers[0]!.store.receiptsFrom(1, 0, 100)).length, 1);
    for (const { journal } of routers) await journal.close();
    for (const database of databases) await database.close();
  });

  it("commits once when the answer to a COMMIT is lost", async () => {
    const database = postgresDatabase(await postgres.database(), silentLog);
    const { journal, store } = await openPostgresJournal({ ...RECORDER, database });
    await journal.openAccount(1, 0);
    let faults = 0;
    const flaky: Database = {
      ...database,
      transaction: async (work) => {
        const result = await database.transaction(work);
        if (faults-- > 0) throw new Error("connection terminated unexpectedly");
        return result;
      },
    };
    const { journal: unlucky } = await openPostgresJournal({ ...RECORDER, database: flaky });
    faults = 2;
    const [signed] = await unlucky.commit(sampleOutcome());
    assert.equal(signed?.receipt.seq, 0);
    assert.deepEqual(
      (await store.receiptsFrom(1, 0, 10)).map(({ signature }) => signature),
      [signed.signature],
    );
    await database.close();
  });

  it("tells its requests when the database is gone, and goes on when it is back", async () => {
    const database = postgresDatabase(await postgres.database(), silentLog);
    let down = false;
    const unsteady: Database = {
      ...database,
      rows: (text, values) =>
        down ? Promise.reject(new Error("ECONNREFUSED")) : database.rows(text, values),
      transaction: (work) => (down ? Promise.reject(new Error("ECONNREFUSED")) : database.transaction(work)),
    };
    const { journal } = await openPostgresJournal({ ...RECORDER, database: unsteady, patienceMs: 100 });
    await journal.openAccount(1, 0);
    await journal.commit(sampleOutcome());
    down = true;
    await assert.rejects(journal.commit(sampleOutcome()), JournalFailure);
    assert.ok(journal.failure());
    down = false;
    while (journal.failure()) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await journal.commit(sampleOutcome()))[0]?.receipt.seq, 1);
    await journal.close();
    await database.close();
  });

  it("refuses a database of another deployment", async () => {
    const database = postgresDatabase(await postgres.database(), silentLog);
    await openPostgresJournal({ ...RECORDER, database });
    const other = { ...RECORDER, identity: { ...IDENTITY, operatorId: 4 }, database };
    await assert.rejects(openPostgresJournal(other), {
      name: "ForeignDatabase",
      message: /operator 3 on chain 31337/,
    });
    await database.close();
  });

  it("is settled by one router at a time, and by the next when that one is gone", async () => {
    const url = await postgres.database();
    const databases = [1, 2].map(() => postgresDatabase(url, silentLog));
    const [first, second] = databases.map((database) => postgresLeadership(database, silentLog));
    assert.equal(await first!.isLeader(), true);
    assert.equal(await second!.isLeader(), false);
    assert.equal(await first!.isLeader(), true);
    await first!.resign();
    assert.equal(await second!.isLeader(), true);
    assert.equal(await first!.isLeader(), false);
    await databases[1]!.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
    const deadlineMs = Date.now() + 5_000;
    while (!(await first!.isLeader())) assert.ok(Date.now() < deadlineMs, "nobody took over");
    assert.equal(await second!.isLeader(), false);
    await first!.resign();
    await second!.resign();
    for (const database of databases) await database.close();
  });
});
