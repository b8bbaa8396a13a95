import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";

import { openFileJournal, type FileJournal } from "../../../router/adapters/journal/fileJournal.ts";
import { openPostgresJournal } from "../../../router/adapters/journal/postgresJournal.ts";
import { postgresDatabase } from "../../../router/adapters/store/postgresDatabase.ts";
import { sqlNonces } from "../../../router/adapters/store/sqlNonces.ts";
import { openProjectedStore, type ProjectedStore } from "../../../router/adapters/store/projectedStore.ts";
import type { PaymentAuthorization } from "../../../router/model/payment.ts";
import { MOST_SESSIONS, type Session } from "../../../router/model/session.ts";
import type { Hex } from "../../../router/model/bytes.ts";
import type { ApiKey, BuiltBatch } from "../../../router/model/record.ts";
import { JournalFailure, type Journal, type SequenceCounters, type Store } from "../../../router/ports.ts";
import { startPostgres, type TestPostgres } from "../../fakes/postgres.ts";
import {
  FAILED_ATTEMPT,
  IDENTITY,
  listeningLog,
  sampleAttempt,
  sampleOutcome,
  SIGNER,
  silentLog,
  systemClock,
  temporaryDirectory,
} from "../../fakes/samples.ts";
import { useStoreTemplate } from "../../fakes/storeTemplate.ts";

interface Durable {
  readonly journal: Journal & SequenceCounters;
  readonly store: Store;
  readonly close: () => Promise<void>;
}

const RECORDER = { identity: IDENTITY, sign: SIGNER.sign, clock: systemClock, log: silentLog };

async function openFiles(
  directory: string,
  options: { acceptTail?: boolean; log?: typeof silentLog } = {},
): Promise<Durable & { journal: FileJournal; store: ProjectedStore }> {
  const journal = await openFileJournal({
    ...RECORDER,
    ...options,
    directory: path.join(directory, "journal"),
  });
  await useStoreTemplate(path.join(directory, "store"));
  const store = await openProjectedStore({
    directory: path.join(directory, "store"),
    journal,
    identity: IDENTITY,
    log: options.log ?? silentLog,
  });
  return {
    journal,
    store,
    close: async () => {
      await store.close();
      await journal.close();
    },
  };
}

async function openPostgres(url: string): Promise<Durable> {
  const database = postgresDatabase(url, silentLog);
  const { journal, store } = await openPostgresJournal({ ...RECORDER, database });
  return {
    journal,
    store,
    close: async () => {
      await journal.close();
      await database.close();
    },
  };
}

function sampleBatch(overrides: Partial<BuiltBatch> = {}): BuiltBatch {
  return {
    batchNo: 0,
    bytes: "0x01020304",
    commitment: `0x${"77".repeat(32)}`,
    slices: [
      { accountId: 1, startSeq: 5, count: 2 },
      { accountId: 2, startSeq: 0, count: 10 },
    ],
    builtAtMs: 1_700_000_000_000,
    ...overrides,
  };
}

let postgres: TestPostgres;
before(async () => {
  postgres = await startPostgres();
});
after(() => postgres.stop());

const DRIVERS: readonly { name: string; open: (test: TestContext) => Promise<() => Promise<Durable>> }[] = [
  {
    name: "file journal and PGlite",
    open: (test) => {
      const directory = temporaryDirectory(test);
      return Promise.resolve(() => openFiles(directory));
    },
  },
  {
    name: "PostgreSQL",
    open: async () => {
      const url = await postgres.database();
      return () => openPostgres(url);
    },
  },
];

for (const { name, open } of DRIVERS) {
  describe(`store: ${name}`, () => {
    it("has what keys may do and what they have spent, day by day, counted once", async (t) => {
      const start = await open(t);
      let durable = await start();
      await durable.journal.openAccount(1, 0);
      const key: ApiKey = {
        keyId: "key-1",
        accountId: 1,
        name: "laptop",
        secretHash: `0x${"cd".repeat(32)}`,
        createdAtMs: 1_700_000_000_000,
      };
      const changed: ApiKey = { ...key, name: "desktop", limitWei: 10n ** 24n, limitReset: "weekly" };
      await durable.journal.append({ kind: "key", key });
      await durable.journal.append({ kind: "key", key: changed });
      const paid = sampleAttempt({ amountWei: 1_000n });
      await durable.journal.commit({ ...sampleOutcome(1, [FAILED_ATTEMPT, paid]), appFeeWei: 7n });
      await durable.journal.commit(sampleOutcome(1, [FAILED_ATTEMPT]));
      await Promise.all(Array.from({ length: 50 }, () => durable.journal.commit(sampleOutcome(1, [paid]))));
      const today = Math.floor(Date.now() / 86_400_000);
      for (let restarts = 0; restarts < 2; restarts++) {
        assert.deepEqual(await durable.store.keys(), [changed]);
        const days = await durable.store.keyDays(today - 1);
        const spentWei = days.reduce((sum, each) => sum + each.spentWei, 0n);
        assert.deepEqual([days[0]?.keyId, spentWei], ["key-1", 51n * 1_000n + 7n]);
        // Asked for later days, it still has the sum.
        assert.deepEqual(await durable.store.keyDays(today + 9), [
          { keyId: "key-1", day: today + 8, spentWei },
        ]);
        await durable.close();
        durable = await start();
      }
      await durable.journal.append({ kind: "keyRevoked", keyId: "key-1", atMs: 5 });
      await durable.journal.append({ kind: "key", key });
      assert.equal((await durable.store.keys())[0]?.revokedAtMs, 5, "what is revoked stays so");
      await durable.close();
    });

    it("finds what was served under a name, and what a key has just asked", async (t) => {
      const start = await open(t);
      let durable = await start();
      await durable.journal.openAccount(1, 0);
      const outcome = { ...sampleOutcome(), name: `0x${"ab".repeat(32)}` as const };
      const beforeMs = Date.now();
      const [signed] = await durable.journal.commit(outcome);
      const failed = sampleOutcome(1, [FAILED_ATTEMPT]);
      await durable.journal.commit(failed);
      const key = { accountId: 1, keyId: outcome.keyId };
      for (let restarts = 0; restarts < 2; restarts++) {
        const { store } = durable;
        assert.equal(
          (await store.servedAs(outcome.name, beforeMs))?.receipts[0]?.signature,
          signed?.signature,
        );
        assert.equal(await store.servedAs(outcome.name, Date.now() + 1), undefined);
        assert.equal(await store.servedAs("0x00", 0), undefined);
        const since = (hash: Hex, ms: number, keyId = key.keyId) =>
          store.servedSince({ ...key, keyId }, hash, ms);
        assert.equal((await since(outcome.requestHash, beforeMs))?.requestId, outcome.requestId);
        assert.equal(await since(outcome.requestHash, Date.now() + 1), undefined);
        assert.equal(await since(outcome.requestHash, beforeMs, "another"), undefined);
        assert.equal(await since(failed.requestHash, beforeMs), undefined, "what failed was not served");
        await durable.close();
        durable = await start();
      }
      await durable.close();
    });

    it("has every receipt that was committed, to the wei, also after a restart", async (t) => {
      const start = await open(t);
      let durable = await start();
      await durable.journal.openAccount(1, 5);
      await durable.journal.openAccount(2, 0);
      const outcome = sampleOutcome(1, [FAILED_ATTEMPT, sampleAttempt({ amountWei: 2n ** 96n - 1n })]);
      const receipts = await durable.journal.commit(outcome);
      assert.deepEqual(
        receipts.map(({ receipt }) => receipt.seq),
        [5, 6],
      );
      for (const restarted of [false, true]) {
        if (restarted) {
          await durable.close();
          durable = await start();
        }
        const { store } = durable;
        const stored = await store.receipt(1, 6);
        assert.ok(stored);
        assert.deepEqual({ receipt: stored.receipt, signature: stored.signature }, receipts[1]);
        assert.equal(stored.requestId, outcome.requestId);
        assert.equal(stored.keyId, outcome.keyId);
        assert.equal(stored.model, outcome.model);
        const recorded = await store.outcome(outcome.requestId);
        assert.deepEqual(recorded?.receipts, receipts);
        assert.equal(await store.outcome("gen-none"), undefined);
        assert.equal(await store.receipt(1, 7), undefined);
        assert.deepEqual(await store.lastSeqs(), [{ accountId: 1, lastSeq: 6 }]);
        assert.deepEqual(
          (await store.receiptsFrom(1, 6, 10)).map(({ receipt }) => receipt.seq),
          [6],
        );
        const day = new Date(stored.recordedAtMs).toISOString().slice(0, 10);
        assert.deepEqual(await store.activity(1, 0, 10), [
          {
            day,
            model: outcome.model,
            keyId: outcome.keyId,
            requests: 1,
            failures: 1,
            inputUnits: 100,
            outputUnits: 20,
            amountWei: 2n ** 96n - 1n,
          },
        ]);
        assert.deepEqual(await store.activity(1, stored.recordedAtMs + 1, 10), []);
        assert.deepEqual(await store.activity(2, 0, 10), []);
      }
      await durable.journal.openAccount(1, 5);
      assert.equal((await durable.journal.commit(sampleOutcome()))[0]?.receipt.seq, 7);
      await durable.close();
    });

    it("keeps a model's name whatever is in it", async (t) => {
      const durable = await (await open(t))();
      await durable.journal.openAccount(1, 0);
      const names = [
        "null",
        "NULL",
        "a,b",
        "{}",
        '"quoted"',
        "back\\slash",
        " spaces ",
        "ünï/côdé",
        "two\nlines",
        "%s",
      ];
      await Promise.all(names.map((model) => durable.journal.commit({ ...sampleOutcome(), model })));
      const rows = await durable.store.receiptsFrom(1, 0, 100);
      assert.deepEqual(
        rows.map(({ model }) => model),
        names,
      );
      await durable.close();
    });

    it("numbers concurrent commits without gaps", async (t) => {
      const durable = await (await open(t))();
      for (const account of [1, 2, 3]) await durable.journal.openAccount(account, 10);
      await Promise.all(
        Array.from({ length: 300 }, (_, i) => durable.journal.commit(sampleOutcome(1 + (i % 3)))),
      );
      for (const account of [1, 2, 3]) {
        const rows = await durable.store.receiptsFrom(account, 0, 1_000);
        assert.deepEqual(
          rows.map(({ receipt }) => receipt.seq),
          Array.from({ length: 100 }, (_, i) => 10 + i),
        );
      }
      await durable.close();
    });

    it("lists a provider's receipts by time, whole milliseconds at a time", async (t) => {
      const durable = await (await open(t))();
      await durable.journal.openAccount(1, 0);
      await Promise.all(
        [7, 8, 7, 9].map((offerId) => durable.journal.commit(sampleOutcome(1, [sampleAttempt({ offerId })]))),
      );
      const rows = await durable.store.receiptsOfOffers([7, 9], 0, 100);
      assert.deepEqual(
        rows.map(({ receipt }) => receipt.offerId).toSorted((a, b) => a - b),
        [7, 7, 9],
      );
      const [first] = rows;
      assert.ok(first);
      const page = await durable.store.receiptsOfOffers([7, 9], 0, 1);
      assert.equal(page.length, rows.filter((row) => row.recordedAtMs === first.recordedAtMs).length);
      assert.deepEqual(await durable.store.receiptsOfOffers([7, 9], rows.at(-1)?.recordedAtMs ?? 0, 9), []);
      await durable.close();
    });

    it("keeps keys, endpoints and batches", async (t) => {
      const { journal, store, close } = await (await open(t))();
      const key = { keyId: "k1", accountId: 1, name: "laptop", secretHash: "0xab", createdAtMs: 5 } as const;
      await journal.append({ kind: "key", key });
      await journal.append({ kind: "key", key: { ...key, keyId: "k2", createdAtMs: 6 } });
      await journal.append({ kind: "keyRevoked", keyId: "k2", atMs: 7 });
      assert.deepEqual(await store.keys(), [key, { ...key, keyId: "k2", createdAtMs: 6, revokedAtMs: 7 }]);

      const endpoint = {
        listingId: 4,
        baseUrl: "https://api.example.com/v1",
        upstreamModel: "m",
        apiKey: undefined,
        maxOutputUnits: 4_096,
        contextUnits: 32_768,
        issuedAtSec: 100,
      };
      await journal.append({ kind: "endpoint", endpoint });
      await journal.append({ kind: "endpoint", endpoint: { ...endpoint, apiKey: "old", issuedAtSec: 99 } });
      assert.deepEqual(await store.endpoints(), [endpoint]);
      await journal.append({ kind: "endpoint", endpoint: { ...endpoint, apiKey: "new", issuedAtSec: 101 } });
      assert.equal((await store.endpoints())[0]?.apiKey, "new");
      const described = {
        ...endpoint,
        issuedAtSec: 102,
        quantization: "fp8",
        supportedParameters: ["tools"],
      };
      await journal.append({ kind: "endpoint", endpoint: described });
      assert.deepEqual(await store.endpoints(), [described]);

      const batch = sampleBatch();
      await journal.append({ kind: "batch", batch });
      assert.deepEqual(await store.openBatches(), [
        { ...batch, state: "built", txHash: undefined, blockNumber: undefined },
      ]);
      assert.equal((await store.batchOf(1, 6))?.batchNo, 0);
      assert.equal((await store.batchOf(2, 9))?.batchNo, 0);
      assert.equal(await store.batchOf(1, 7), undefined);
      assert.equal(await store.batchOf(1, 4), undefined);
      await store.setBatchState(0, "mined", `0x${"12".repeat(32)}`, 77n);
      assert.deepEqual(await store.batch(0), {
        ...batch,
        state: "mined",
        txHash: `0x${"12".repeat(32)}`,
        blockNumber: 77n,
      });
      await store.setBatchState(0, "final", `0x${"12".repeat(32)}`, 77n);
      assert.deepEqual(await store.openBatches(), []);

      const next = sampleBatch({ batchNo: 1, slices: [{ accountId: 1, startSeq: 7, count: 1 }] });
      await journal.append({ kind: "batch", batch: next });
      await journal.append({ kind: "batchDropped", batchNo: 1, commitment: next.commitment });
      assert.equal(await store.batch(1), undefined);
      assert.equal(await store.batchOf(1, 7), undefined);
      const other = sampleBatch({ ...next, bytes: "0x99", commitment: `0x${"88".repeat(32)}` });
      await journal.append({ kind: "batch", batch: other });
      assert.equal((await store.batch(1))?.bytes, "0x99");
      await close();
    });

    it("keeps sessions: one per nonce, the newest of an owner, until they are ended", async (t) => {
      const start = await open(t);
      let durable = await start();
      const session = (n: number, nonce = `nonce${n}`): Session => ({
        tokenHash: `0x${n.toString(16).padStart(64, "0")}`,
        owner: `0x${"0a".repeat(20)}`,
        nonce,
        createdAtMs: 1_900_000_000_000 + n,
        expiresAtMs: 1_900_000_100_000 + n,
      });
      const { journal } = durable;
      await journal.append({ kind: "session", session: session(1) });
      await journal.append({ kind: "session", session: session(2, "nonce1") });
      for (let n = 3; n < 3 + MOST_SESSIONS; n++)
        await journal.append({ kind: "session", session: session(n) });
      await journal.append({ kind: "sessionEnded", tokenHash: session(5).tokenHash, atMs: 1 });
      await durable.close();
      durable = await start();
      const has = async (n: number): Promise<boolean> =>
        (await durable.store.session(session(n).tokenHash)) !== undefined;
      assert.equal(await has(1), false, "pushed out by newer ones");
      assert.equal(await has(2), false, "its nonce was used");
      assert.deepEqual(await durable.store.session(session(3).tokenHash), session(3));
      assert.equal(await has(5), false, "ended");
      const late = { ...session(99), createdAtMs: 1_900_000_200_000, expiresAtMs: 1_900_000_300_000 };
      await durable.journal.append({ kind: "session", session: late });
      assert.equal(await has(4), false, "expired");
      assert.equal(await has(99), true);
      await durable.close();
    });

    it("keeps the payments of wallets with the rows that they pay for", async (t) => {
      const start = await open(t);
      let durable = await start();
      await durable.journal.openAccount(1, 5);
      const payment: PaymentAuthorization = {
        from: `0x${"0a".repeat(20)}`,
        to: `0x${"0b".repeat(20)}`,
        valueWei: 2n ** 200n,
        validAfterSec: 0,
        validBeforeSec: 1_900_000_000,
        nonce: `0x${"77".repeat(32)}`,
        signature: `0x${"12".repeat(65)}`,
      };
      await durable.journal.commit({ ...sampleOutcome(1, [FAILED_ATTEMPT, sampleAttempt()]), payment });
      for (const restarted of [false, true]) {
        if (restarted) {
          await durable.close();
          durable = await start();
        }
        assert.equal(await durable.store.payment(1, 5), undefined, "the failed row needs none");
        assert.deepEqual(await durable.store.payment(1, 6), payment);
        const { nonce, validBeforeSec } = payment;
        assert.deepEqual(await durable.store.usedPayments(validBeforeSec - 1), [
          { accountId: 1, nonce, validBeforeSec },
        ]);
        assert.deepEqual(await durable.store.usedPayments(validBeforeSec), []);
      }
      await durable.close();
    });

    it("signs nothing once the chain knows more of an account than it", async (t) => {
      const durable = await (await open(t))();
      await durable.journal.openAccount(1, 0);
      await durable.journal.commit(sampleOutcome());
      await durable.journal.openAccount(1, 1);
      assert.equal(durable.journal.failure(), undefined);
      await durable.journal.openAccount(1, 2);
      assert.match(
        durable.journal.failure()?.message ?? "",
        /unverified tail: account 1 is at .* 2 elsewhere, at 1/,
      );
      await assert.rejects(durable.journal.commit(sampleOutcome()), JournalFailure);
      await durable.close();
    });
  });
}

describe("payments at several routers", () => {
  it("are reserved once, whoever asks", async () => {
    const url = await postgres.database();
    const durable = await openPostgres(url);
    const databases = [postgresDatabase(url, silentLog), postgresDatabase(url, silentLog)];
    const routers = databases.map((database) => sqlNonces(database, systemClock));
    const nonce = `0x${"aB".repeat(32)}` as const;
    const asked = Array.from({ length: 20 }, (_, i) => routers[i % 2]!.reserve(1, nonce, 1_900_000_000));
    assert.equal((await Promise.all(asked)).filter(Boolean).length, 1);
    assert.equal(await routers[0]!.reserve(1, `0x${"ab".repeat(32)}`, 1_900_000_000), false);
    assert.equal(await routers[0]!.reserve(2, nonce, 1_900_000_000), true);
    await Promise.all(databases.map((database) => database.close()));
    await durable.close();
  });
});

describe("store as a projection of the journal", () => {
  it("is built anew when its files are gone, damaged or of an unclean machine stop", async (t) => {
    const directory = temporaryDirectory(t);
    let durable = await openFiles(directory);
    await durable.journal.openAccount(1, 0);
    for (let i = 0; i < 5; i++) await durable.journal.commit(sampleOutcome());
    const accidents: (() => void)[] = [
      () => truncateSync(path.join(directory, "store/global/pg_control"), 100),
      () => writeFileSync(path.join(directory, "store.in-use"), "another boot"),
      () => {
        rmSync(path.join(directory, "store"), { recursive: true });
        mkdirSync(path.join(directory, "store"));
        writeFileSync(path.join(directory, "store/PG_VERSION"), "12");
      },
    ];
    for (const accident of accidents) {
      await durable.close();
      accident();
      durable = await openFiles(directory);
      assert.equal((await durable.store.receiptsFrom(1, 0, 10)).length, 5);
    }
    assert.ok(readdirSync(directory).some((name) => name.startsWith("store.damaged-")));
    await durable.close();
  });

  it("notices that the journal lost its end, and gives it back once the operator decides", async (t) => {
    const directory = temporaryDirectory(t);
    const durable = await openFiles(directory);
    await durable.journal.openAccount(1, 0);
    for (let i = 0; i < 3; i++)
      await durable.journal.commit(sampleOutcome(1, [FAILED_ATTEMPT, sampleAttempt()]));
    const lost = await durable.store.receiptsFrom(1, 0, 10);
    await durable.close();
    const journalDirectory = path.join(directory, "journal");
    const segment = path.join(journalDirectory, "0000000000000000.journal");
    truncateSync(segment, 2_500);

    const refused = await openFiles(directory);
    assert.match(
      refused.journal.failure()?.message ?? "",
      /unverified tail: the store knows 3 records, the journal [12]; account 1 is at sequence number 6, at [24] in/,
    );
    await refused.journal.openAccount(1, 0);
    await assert.rejects(refused.journal.commit(sampleOutcome()), JournalFailure);
    assert.equal((await refused.store.receiptsFrom(1, 0, 10)).length, 6);
    await refused.close();

    const log = listeningLog();
    const accepted = await openFiles(directory, { acceptTail: true, log });
    assert.equal(accepted.journal.failure(), undefined);
    assert.deepEqual(await accepted.store.receiptsFrom(1, 0, 10), lost);
    await accepted.journal.openAccount(1, 0);
    assert.equal((await accepted.journal.commit(sampleOutcome()))[0]?.receipt.seq, 6);
    await accepted.close();
  });
});
