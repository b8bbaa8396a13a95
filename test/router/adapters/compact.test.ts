/** Dropping what is old from journal and store, and being killed while at it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { dropOldFiles } from "../../../router/adapters/dropOld.ts";
import type { CompactionRules } from "../../../router/adapters/journal/compact.ts";
import { openFileJournal, type FileJournal } from "../../../router/adapters/journal/fileJournal.ts";
import { openProjectedStore, type ProjectedStore } from "../../../router/adapters/store/projectedStore.ts";
import type { JournalRecord } from "../../../router/model/record.ts";
import { challengeableMs } from "../../../router/settlement/retention.ts";
import { JournalDamaged } from "../../../router/adapters/journal/segments.ts";
import { randomFrom } from "../../fakes/random.ts";
import {
  IDENTITY,
  sampleAttempt,
  sampleOutcome,
  samplePayment,
  SIGNER,
  silentLog,
  systemClock,
  temporaryDirectory,
} from "../../fakes/samples.ts";
import { useStoreTemplate } from "../../fakes/storeTemplate.ts";

const RECORDER = { identity: IDENTITY, sign: SIGNER.sign, clock: systemClock, log: silentLog };
const PROGRAM = fileURLToPath(import.meta.resolve("../../fakes/compactForever.ts"));
const KEY = {
  keyId: "key-1",
  accountId: 1,
  name: "laptop",
  secretHash: `0x${"cd".repeat(32)}`,
  createdAtMs: 1,
} as const;
const ENDPOINT = {
  listingId: 4,
  baseUrl: "https://api.example.com/v1",
  upstreamModel: "m",
  apiKey: undefined,
  maxOutputUnits: 4_096,
  contextUnits: 32_768,
  issuedAtSec: 100,
};
const ONE_WEI = sampleAttempt({ amountWei: 1n });

const open = (directory: string, segmentBytes = 4_000): Promise<FileJournal> =>
  openFileJournal({ ...RECORDER, directory, segmentBytes });

function rules(overrides: Partial<CompactionRules> = {}): CompactionRules {
  return {
    beforeMs: Date.now() + 1_000,
    nowMs: Date.now(),
    applied: Number.MAX_SAFE_INTEGER,
    isFinal: () => true,
    isOpenBatch: () => false,
    ...overrides,
  };
}

async function all(journal: FileJournal): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for await (const group of journal.readFrom(0)) records.push(...group.map(({ record }) => record));
  return records;
}

const spentIn = (records: readonly JournalRecord[]): bigint =>
  records.reduce((sum, record) => {
    if (record.kind === "keyDays") return record.days.reduce((total, { spentWei }) => total + spentWei, sum);
    if (record.kind !== "outcome") return sum;
    return record.outcome.receipts.reduce((total, { receipt }) => total + receipt.amountWei, sum);
  }, 0n);

/** A journal of many segments: facts first, then `rows` rows of one wei. */
async function written(directory: string, rows: number): Promise<FileJournal> {
  const journal = await open(directory);
  await journal.openAccount(1, 0);
  await journal.append({ kind: "key", key: KEY });
  await journal.append({ kind: "key", key: { ...KEY, keyId: "key-2" } });
  await journal.append({ kind: "keyRevoked", keyId: "key-2", atMs: 5 });
  await journal.append({ kind: "key", key: { ...KEY, name: "desktop" } });
  await journal.append({ kind: "endpoint", endpoint: ENDPOINT });
  for (let i = 0; i < rows; i++) await journal.commit(sampleOutcome(1, [ONE_WEI]));
  return journal;
}

const files = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => /\.(?:base|journal)$/.test(name))
    .toSorted();

describe("compaction of the journal", () => {
  it("keeps what still holds, the numbers, and the sums", async (t) => {
    const directory = path.join(temporaryDirectory(t), "journal");
    let journal = await written(directory, 60);
    const before = files(directory).length;
    const position = journal.position();
    assert.ok((await journal.compact(rules())) > 0);
    assert.ok(
      files(directory).length <= 2 && before > 5,
      `${before} files became ${files(directory).length}`,
    );
    for (let restarts = 0; restarts < 2; restarts++) {
      assert.equal(journal.position(), position + restarts);
      const records = await all(journal);
      const keys = records.flatMap((record) => (record.kind === "key" ? [record.key] : []));
      assert.deepEqual(keys, [{ ...KEY, name: "desktop" }]);
      const endpoints = records.flatMap((record) => (record.kind === "endpoint" ? [record.endpoint] : []));
      assert.deepEqual(
        endpoints.map(({ listingId }) => listingId),
        [4],
      );
      assert.equal(spentIn(records), BigInt(60 + restarts));
      await journal.openAccount(1, 0);
      const [receipt] = await journal.commit(sampleOutcome(1, [ONE_WEI]));
      assert.equal(receipt?.receipt.seq, 60 + restarts);
      await journal.close();
      journal = await open(directory);
    }
    await journal.close();
  });

  it("is bounded: again and again, journal and base do not grow", async (t) => {
    const directory = path.join(temporaryDirectory(t), "journal");
    const journal = await written(directory, 30);
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 30; i++) await journal.commit(sampleOutcome(1, [ONE_WEI]));
      await journal.compact(rules());
      const bytes = files(directory).reduce(
        (sum, name) => sum + readFileSync(path.join(directory, name)).length,
        0,
      );
      assert.ok(bytes < 16_000, `${bytes} bytes after round ${round}`);
    }
    assert.equal(spentIn(await all(journal)), 330n);
    assert.equal(await journal.compact(rules()), 0, "a second time it has nothing to do");
    await journal.close();
  });

  const kept: readonly (readonly [string, Partial<CompactionRules>])[] = [
    ["is too young", { beforeMs: Date.now() - 60_000 }],
    ["is not final", { isFinal: () => false }],
    ["the store does not have", { applied: 3 }],
  ];
  for (const [what, overrides] of kept)
    it(`leaves what ${what}`, async (t) => {
      const directory = path.join(temporaryDirectory(t), "journal");
      const journal = await written(directory, 60);
      const before = files(directory);
      assert.equal(await journal.compact(rules(overrides)), 0);
      assert.deepEqual(files(directory), before);
      await journal.close();
    });

  it("drops up to the first row that is not final, and the last batch never", async (t) => {
    const directory = path.join(temporaryDirectory(t), "journal");
    const journal = await written(directory, 30);
    const batch = { bytes: "0x01", commitment: `0x${"77".repeat(32)}`, slices: [], builtAtMs: 5 } as const;
    for (const batchNo of [0, 1]) await journal.append({ kind: "batch", batch: { ...batch, batchNo } });
    for (let i = 0; i < 30; i++) await journal.commit(sampleOutcome(1, [ONE_WEI]));
    await journal.compact(rules({ isFinal: (_account, seq) => seq < 45 }));
    const records = await all(journal);
    const seqs = records.flatMap((record) =>
      record.kind === "outcome" ? record.outcome.receipts.map(({ receipt }) => receipt.seq) : [],
    );
    assert.ok(Number(seqs[0]) > 30 && Number(seqs[0]) <= 45, `the first row left is ${seqs[0]}`);
    assert.deepEqual(
      records.flatMap((record) => (record.kind === "batch" ? [record.batch.batchNo] : [])),
      [1],
    );
    assert.equal(spentIn(records), 60n);
    await journal.close();
  });

  it("is the same wherever a crash interrupts it", async (t) => {
    const parent = temporaryDirectory(t);
    const directory = path.join(parent, "journal");
    const aside = path.join(parent, "aside");
    const journal = await written(directory, 60);
    await journal.close();
    const before = files(directory);
    const reopened = await open(directory);
    for (const name of before) writeFileSync(`${aside}-${name}`, readFileSync(path.join(directory, name)));
    await reopened.compact(rules());
    const expected = await all(reopened);
    await reopened.close();
    const base = files(directory).find((name) => name.endsWith(".base"));
    assert.ok(base);
    // The base is there, and none, some or all of what it replaces.
    for (let left = 0; left <= before.length; left++) {
      for (const name of before.slice(0, left)) copyFileSync(`${aside}-${name}`, path.join(directory, name));
      writeFileSync(path.join(directory, `${base}.new`), "half a draft");
      const again = await open(directory);
      assert.deepEqual(await all(again), expected, `with ${left} files left`);
      assert.equal(again.nextSeq(1), 60);
      await again.close();
    }
    // The base got its name last: without it, everything is still there.
    rmSync(path.join(directory, base));
    for (const name of before) copyFileSync(`${aside}-${name}`, path.join(directory, name));
    const whole = await open(directory);
    assert.equal(spentIn(await all(whole)), 60n);
    await whole.close();
    // A base that lost its segments is damage, not an empty journal.
    await (await open(directory)).close();
  });

  it("does not start on a base whose segments are gone", async (t) => {
    const directory = path.join(temporaryDirectory(t), "journal");
    const journal = await written(directory, 60);
    await journal.compact(rules());
    await journal.close();
    for (const name of files(directory)) if (name.endsWith(".journal")) rmSync(path.join(directory, name));
    await assert.rejects(open(directory), JournalDamaged);
  });
});

async function openBoth(directory: string): Promise<{ journal: FileJournal; store: ProjectedStore }> {
  const journal = await open(path.join(directory, "journal"));
  await useStoreTemplate(path.join(directory, "store"));
  const store = await openProjectedStore({
    directory: path.join(directory, "store"),
    journal,
    identity: IDENTITY,
    log: silentLog,
  });
  return { journal, store };
}

/** Drops whatever may go, however young, at a time after now. */
function dropAll(journal: FileJournal, store: ProjectedStore, keptMs: number, laterMs = 1_000) {
  const nowMs = Date.now() + laterMs;
  return dropOldFiles(journal, store, { clock: { nowMs: () => nowMs }, challengeableMs: keptMs })(nowMs);
}

describe("retention", () => {
  it("drops final rows from journal and store; sums, keys and the rest stay, also when the store is built anew", async (t) => {
    const directory = temporaryDirectory(t);
    await (await written(path.join(directory, "journal"), 60)).close();
    let { journal, store } = await openBoth(directory);
    const slices = [{ accountId: 1, startSeq: 0, count: 50 }];
    const batch = {
      batchNo: 0,
      bytes: "0x01",
      commitment: `0x${"77".repeat(32)}`,
      slices,
      builtAtMs: 5,
    } as const;
    await journal.append({ kind: "batch", batch });
    const drop = () => dropAll(journal, store, 0);
    assert.deepEqual(await drop(), { records: 0, receipts: 0 });
    await store.setBatchState(0, "final");
    const dropped = await drop();
    assert.ok(dropped.records > 30 && dropped.receipts === 50, JSON.stringify(dropped));
    assert.deepEqual(await drop(), { records: 0, receipts: 0 });
    for (let restarts = 0; restarts < 2; restarts++) {
      const seqs = (await store.receiptsFrom(1, 0, 100)).map(({ receipt }) => receipt.seq);
      assert.deepEqual(seqs.slice(-10), [50, 51, 52, 53, 54, 55, 56, 57, 58, 59]);
      const days = await store.keyDays(0);
      assert.equal(
        days.reduce((sum, { spentWei }) => sum + spentWei, 0n),
        60n,
      );
      assert.deepEqual(
        (await store.keys()).map(({ name }) => name),
        ["desktop"],
      );
      assert.equal((await store.batch(0))?.commitment, batch.commitment);
      assert.deepEqual(await store.lastSeqs(), [{ accountId: 1, lastSeq: 59 }]);
      await store.close();
      await journal.close();
      // The second time, out of the journal alone.
      rmSync(path.join(directory, "store"), { recursive: true });
      ({ journal, store } = await openBoth(directory));
    }
    await store.close();
    await journal.close();
  });

  it("keeps a row's authorization for as long as it can be asked for, from the end of its settlement on", async (t) => {
    const directory = temporaryDirectory(t);
    const journal = await open(path.join(directory, "journal"));
    await journal.openAccount(1, 0);
    for (let seq = 0; seq < 60; seq++)
      await journal.commit({ ...sampleOutcome(1, [ONE_WEI]), payment: samplePayment(seq) });
    await journal.close();
    const both = await openBoth(directory);
    const slices = [{ accountId: 1, startSeq: 0, count: 60 }];
    const commitment = `0x${"77".repeat(32)}` as const;
    await both.journal.append({
      kind: "batch",
      batch: { batchNo: 0, bytes: "0x01", commitment, slices, builtAtMs: 5 },
    });
    const nonceOf = async (seq: number) => (await both.store.payment(1, seq))?.nonce;
    const DAY_MS = 86_400_000;
    const windowsMs = challengeableMs(86_400);
    assert.equal(windowsMs, 4 * DAY_MS);

    // Unsettled for a year: as old as it may be, it is still to be challenged.
    const nothing = { records: 0, receipts: 0 };
    assert.deepEqual(await dropAll(both.journal, both.store, windowsMs, 365 * DAY_MS), nothing);
    await both.store.setBatchState(0, "mined", "0x01", 5n);
    assert.deepEqual(await dropAll(both.journal, both.store, windowsMs, 365 * DAY_MS), nothing);
    await both.store.setBatchState(0, "final", "0x01", 5n);
    assert.deepEqual(await dropAll(both.journal, both.store, windowsMs, windowsMs - 60_000), nothing);
    assert.equal(await nonceOf(0), samplePayment(0).nonce);
    // Saying it again does not make it longer.
    await both.store.setBatchState(0, "final");
    const dropped = await dropAll(both.journal, both.store, windowsMs, windowsMs + 60_000);
    assert.ok(dropped.records > 30 && dropped.receipts === 60, JSON.stringify(dropped));
    assert.equal(await nonceOf(0), undefined);
    await both.store.close();
    await both.journal.close();
  });

  it("keeps authorizations in the journal, too: a store that is built anew has them", async (t) => {
    const directory = temporaryDirectory(t);
    const journal = await open(path.join(directory, "journal"));
    await journal.openAccount(1, 0);
    for (let seq = 0; seq < 60; seq++)
      await journal.commit({ ...sampleOutcome(1, [ONE_WEI]), payment: samplePayment(seq) });
    await journal.close();
    let both = await openBoth(directory);
    const slices = [{ accountId: 1, startSeq: 0, count: 60 }];
    await both.journal.append({
      kind: "batch",
      batch: { batchNo: 0, bytes: "0x01", commitment: `0x${"77".repeat(32)}`, slices, builtAtMs: 5 },
    });
    await both.store.setBatchState(0, "final");
    await dropAll(both.journal, both.store, challengeableMs(20));
    await both.store.close();
    await both.journal.close();
    rmSync(path.join(directory, "store"), { recursive: true });
    both = await openBoth(directory);
    for (const seq of [0, 30, 59])
      assert.equal((await both.store.payment(1, seq))?.nonce, samplePayment(seq).nonce);
    await both.store.close();
    await both.journal.close();
  });

  it(
    "killed at random instants loses no number, no key and no wei of a sum",
    { timeout: 240_000 },
    async (t) => {
      const directory = path.join(temporaryDirectory(t), "journal");
      const seed = Number(process.env["TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
      t.diagnostic(`TEST_SEED=${seed}`);
      const random = randomFrom(seed);
      let acknowledged = -1;
      for (let kill = 0; kill < 12; kill++) {
        const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ["ignore", "pipe", "inherit"] });
        const ended = new Promise((resolve) => child.once("close", resolve));
        const lines = 20 + Math.floor(random() * 300);
        let count = 0;
        for await (const line of createInterface(child.stdout)) {
          acknowledged = Math.max(acknowledged, Number(line));
          if (++count === lines) child.kill("SIGKILL");
        }
        await ended;
        assert.ok(count >= lines, "the program ended by itself");
        const journal = await open(directory, 2_000);
        const next = journal.nextSeq(1);
        assert.ok(next !== undefined && next > acknowledged, `number ${acknowledged} was lost`);
        const records = await all(journal);
        assert.equal(spentIn(records), BigInt(next), "one wei for each number");
        assert.ok(records.some((record) => record.kind === "key" && record.key.keyId === KEY.keyId));
        await journal.close();
      }
    },
  );
});
