import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Clock, StoredBatch } from "../../../router/ports.ts";
import { MAX_BATCH_GAS } from "../../../router/settlement/build.ts";
import { rowProver } from "../../../router/settlement/prove.ts";
import { Settlement } from "../../../router/settlement/settle.ts";
import type { SettlementOptions } from "../../../router/settlement/settlementOptions.ts";
import { batchCommitment, groupLeaf } from "../../../router/model/batch.ts";
import { fromHex, keccak256 } from "../../../router/model/bytes.ts";
import { SUPPLY_CAP_WEI } from "../../../router/model/money.ts";
import { rootFromProof } from "../../../router/model/merkle.ts";
import { FakeChain } from "../../fakes/chain.ts";
import { MemoryJournal, MemoryStore } from "../../fakes/memoryJournal.ts";
import { IDENTITY, listeningLog, sampleAttempt, sampleOutcome, silentLog } from "../../fakes/samples.ts";

class Scene {
  readonly chain = new FakeChain();
  readonly journal = new MemoryJournal();
  store = new MemoryStore(this.journal);
  nowMs = 1_900_000_000_000;
  readonly clock: Clock = { nowMs: () => this.nowMs };
  readonly final: string[] = [];
  served = new Map<number, number>();

  settlement(overrides: Partial<SettlementOptions> = {}): Settlement {
    return new Settlement({
      operatorId: IDENTITY.operatorId,
      store: this.store,
      journal: this.journal,
      chain: this.chain,
      clock: this.clock,
      log: silentLog,
      limits: { maxRows: 10, maxBytes: 120_000, maxGas: MAX_BATCH_GAS },
      maxAgeMs: 1_000,
      maxValueWei: () => SUPPLY_CAP_WEI,
      confirmations: 2,
      pollMs: 5,
      graceSec: 900,
      offer: () => ({ createdAtSec: 0, retiresAtSec: 2 ** 40 }),
      leads: () => Promise.resolve(true),
      onMined: () => Promise.resolve(),
      onFinal: (accountId, nextSeq) => void this.final.push(`${accountId}-${nextSeq}`),
      ...overrides,
    });
  }

  /** Rows of an account; `inputUnits` is the sequence number, so that a row is known wherever it ends up. */
  async serve(accountId: number, rows: number, appIds: readonly number[] = [0]): Promise<void> {
    await this.journal.openAccount(accountId, this.chain.firstSeqs.get(accountId) ?? 0);
    for (let i = 0; i < rows; i++) {
      const seq = this.served.get(accountId) ?? 0;
      this.served.set(accountId, seq + 1);
      const attempt = sampleAttempt({ inputUnits: seq, servedAtSec: 1_900_000_000 - 10 });
      const appId = appIds[i % appIds.length]!;
      await this.journal.commit({ ...sampleOutcome(accountId, [attempt]), appId });
    }
  }

  /** Everything served is on the chain once, under the number it was signed with. */
  check(): void {
    for (const [accountId, rows] of this.served) {
      const settled = this.chain.rows().filter((row) => row.accountId === accountId);
      const first = this.chain.firstSeqs.get(accountId) ?? 0;
      assert.deepEqual(
        settled.map(({ seq, inputUnits }) => [seq, inputUnits]),
        Array.from({ length: rows }, (_, i) => [first + i, i]),
      );
    }
  }
}

/** Lets the first `calls` calls through, the last one without its answer, then none: a process that was killed there. */
function killedAfter<T extends object>(target: T, budget: { calls: number }): T {
  const killed = (): Promise<never> => Promise.reject(new Error("killed"));
  return new Proxy(target, {
    get(object, property) {
      const value: unknown = Reflect.get(object, property, object);
      if (typeof value !== "function") return value;
      return (...args: unknown[]): unknown => {
        if (property === "failure" || property === "distrust") return Reflect.apply(value, object, args);
        const left = budget.calls--;
        if (left <= 0) return killed();
        const result = Reflect.apply(value, object, args) as Promise<unknown>;
        return left === 1 ? result.then(killed) : result;
      };
    },
  });
}

describe("settlement", () => {
  it("settles everything once, under the numbers that were signed", async () => {
    const scene = new Scene();
    scene.chain.firstSeqs.set(2, 1_000);
    await scene.serve(1, 12);
    await scene.serve(2, 7, [0, 4]);
    const settlement = scene.settlement();
    await settlement.open();
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
    assert.equal(scene.chain.settlements.length, 2);
    await scene.serve(1, 3);
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
    assert.equal(settlement.state().lastSettledAtMs, scene.nowMs);
  });

  it("waits for size, age or value, and for its turn to lead", async () => {
    const scene = new Scene();
    await scene.serve(1, 3);
    scene.nowMs = Date.now();
    let leads = false;
    const settlement = scene.settlement({
      maxAgeMs: 1e9,
      maxValueWei: () => 20n * 10n ** 18n,
      leads: () => Promise.resolve(leads),
    });
    settlement.start();
    const wait = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 40));
    await wait();
    assert.equal(scene.chain.settlements.length, 0);
    await scene.serve(1, 7);
    await wait();
    assert.equal(scene.chain.settlements.length, 0, "another router leads");
    leads = true;
    await wait();
    assert.equal(scene.chain.settlements.length, 1, "by size");
    await scene.serve(1, 1);
    await wait();
    assert.equal(scene.chain.settlements.length, 1);
    scene.nowMs += 2e9;
    await wait();
    assert.equal(scene.chain.settlements.length, 2, "by age");
    scene.nowMs = Date.now();
    await scene.serve(1, 17);
    await wait();
    assert.equal(scene.chain.settlements.length, 3);
    await settlement.stop();
  });

  it("resumes wherever it was killed: nothing is settled twice, nothing is lost", async () => {
    /** Kills a settlement after so many calls, goes on with another one; returns the calls that were left. */
    const killAndResume = async (calls: number, losesAnswer: boolean): Promise<number> => {
      const scene = new Scene();
      await scene.serve(1, 12);
      await scene.serve(2, 5);
      scene.chain.losesAnswer = losesAnswer;
      const budget = { calls };
      const killed = scene.settlement({
        chain: killedAfter(scene.chain, budget),
        journal: killedAfter(scene.journal, budget),
        store: killedAfter(scene.store, budget),
      });
      await killed.flush(1_000);
      const left = budget.calls;
      // What the store knew of batches is gone, and there was more to do in the meantime.
      scene.store = new MemoryStore(scene.journal);
      await scene.serve(1, 2);
      const again = scene.settlement();
      await again.open();
      assert.equal(scene.journal.failure(), undefined);
      assert.equal(await again.flush(5_000), true, `killed after ${calls} calls`);
      scene.check();
      const forms = Map.groupBy(new Set(scene.chain.sent), (bytes) => bytes.slice(4, 12));
      for (const [batchNo, bytes] of forms) assert.equal(bytes.length, 1, `batch ${batchNo} has two forms`);
      return left;
    };
    for (const losesAnswer of [false, true]) {
      const all = 10_000 - (await killAndResume(10_000, losesAnswer));
      assert.ok(all > 30 && all < 200, `${all} calls`);
      await Promise.all(Array.from({ length: all }, (_, i) => killAndResume(i + 1, losesAnswer)));
    }
  });

  it("sends the very same bytes again after a reorganization, also of a final batch", async () => {
    const scene = new Scene();
    await scene.serve(1, 25);
    const settlement = scene.settlement();
    await settlement.open();
    await settlement.flush(5_000);
    scene.chain.head += 10n;
    await settlement.flush(5_000);
    assert.deepEqual(
      (await scene.store.openBatches()).map(({ batchNo }) => batchNo),
      [],
    );
    assert.deepEqual(scene.final, ["1-10", "1-20", "1-25"]);
    const before = scene.chain.settlements.map(({ bytes }) => bytes);
    scene.chain.reorganize(2);
    await scene.serve(1, 1);
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
    assert.deepEqual(
      scene.chain.settlements.slice(0, 3).map(({ bytes }) => bytes),
      before,
    );
    assert.equal(scene.chain.settlements.length, 4);
  });

  it("is final only as deep as it was told", async () => {
    const scene = new Scene();
    await scene.serve(1, 1);
    const settlement = scene.settlement({ confirmations: 5 });
    await settlement.open();
    await settlement.flush(5_000);
    const state = async (): Promise<StoredBatch["state"] | undefined> => (await scene.store.batch(0))?.state;
    assert.equal(await state(), "mined");
    scene.chain.head += 3n;
    await settlement.flush(5_000);
    assert.equal(await state(), "mined");
    scene.chain.head += 1n;
    await settlement.flush(5_000);
    assert.equal(await state(), "final");
  });

  it("keeps the bytes while the refusal is about the state of things", async () => {
    const scene = new Scene();
    await scene.serve(1, 3);
    scene.chain.refusals.push("Registry_NotSettler(3, 0xab)", "the settler lacks the coin for gas");
    const settlement = scene.settlement();
    await settlement.open();
    assert.equal(await settlement.flush(10_000), true);
    assert.equal(new Set(scene.chain.sent).size, 1);
    assert.equal(scene.chain.sent.length, 3);
    scene.check();
  });

  it("waits for a chain whose clock is behind, and leaves rows of its future out of the next batch", async () => {
    const scene = new Scene();
    await scene.serve(1, 3);
    scene.chain.isStrictAboutTime = true;
    // Rows are ten seconds old, and the chain is twenty behind.
    scene.chain.timeSec -= 20;
    const settlement = scene.settlement();
    await settlement.open();
    assert.equal(await settlement.flush(1_500), false);
    assert.ok(scene.chain.sent.length > 2, "asked again soon, whatever came before");
    assert.equal(new Set(scene.chain.sent).size, 1, "the same bytes");
    scene.chain.timeSec += 10;
    assert.equal(await settlement.flush(5_000), true);
    scene.check();

    await scene.serve(1, 1);
    scene.chain.timeSec -= 1;
    scene.chain.sent = [];
    assert.equal(await settlement.flush(300), false);
    assert.deepEqual(scene.chain.sent, [], "nothing that would be refused");
    scene.nowMs += 1_000_000;
    assert.equal(await settlement.flush(100), false, "refused: its clock stands still");
    scene.chain.timeSec += 1;
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
  });

  it("isolates an account that makes batches refused; all others settle", async () => {
    const scene = new Scene();
    for (const accountId of [1, 2, 3, 4, 5]) await scene.serve(accountId, 2);
    scene.chain.foreign.add(3);
    const log = listeningLog();
    const settlement = scene.settlement({ log });
    await settlement.open();
    assert.equal(await settlement.flush(4_000), false, "one account can't settle");
    const settled = new Set(scene.chain.rows().map(({ accountId }) => accountId));
    assert.deepEqual(
      [...settled].toSorted((a, b) => a - b),
      [1, 2, 4, 5],
    );
    assert.ok(log.lines.some((line) => line.includes("takes no batch with this account")));
    const sent = scene.chain.sent.length;
    await settlement.flush(500);
    assert.equal(scene.chain.sent.length, sent, "it is left alone for a while");
    await scene.serve(1, 1);
    await settlement.flush(700);
    scene.chain.foreign.clear();
    scene.nowMs += 11 * 60_000;
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
  });

  it("survives an outage, and is done within the time it is given", async () => {
    const scene = new Scene();
    await scene.serve(1, 3);
    const settlement = scene.settlement();
    await settlement.open();
    scene.chain.isDown = true;
    const startedAtMs = Date.now();
    assert.equal(await settlement.flush(300), false);
    assert.ok(Date.now() - startedAtMs < 1_000);
    assert.match(settlement.state().trouble ?? "", /ECONNREFUSED/);
    scene.chain.isDown = false;
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
  });

  it("builds nothing once the journal failed, but sends what it has", async () => {
    const scene = new Scene();
    await scene.serve(1, 2);
    scene.chain.refusals.push("Registry_NotSettler(3, 0xab)");
    const settlement = scene.settlement();
    await settlement.open();
    await settlement.flush(50);
    await scene.serve(1, 2);
    scene.journal.distrust("disk full");
    assert.equal(await settlement.flush(5_000), true);
    assert.equal(scene.chain.settlements.length, 1);
    assert.equal(scene.chain.rows().length, 2);
  });

  it("stops the journal when the Ledger has a batch that it doesn't know, and takes the batch once told to", async () => {
    const scene = new Scene();
    await scene.serve(1, 4);
    const first = scene.settlement();
    await first.open();
    await first.flush(5_000);
    const batchAt = scene.journal.records.findIndex(({ kind }) => kind === "batch");
    const [lost] = scene.journal.records.splice(batchAt, 1);
    scene.store = new MemoryStore(scene.journal);
    await scene.settlement().open();
    assert.match(scene.journal.failure()?.message ?? "", /unverified tail: the Ledger has 1 batches/);

    scene.journal.failed = undefined;
    scene.journal.distrust = () => {};
    await scene.settlement().open();
    assert.ok(lost?.kind === "batch");
    const adopted = await scene.store.batch(0);
    assert.deepEqual(adopted?.slices, lost.batch.slices);
    assert.equal(adopted?.bytes, lost.batch.bytes);
  });

  it("takes the chain's word when it has other bytes for a batch", async () => {
    const scene = new Scene();
    await scene.serve(1, 4);
    const settlement = scene.settlement({
      limits: { maxRows: 3, maxBytes: 120_000, maxGas: MAX_BATCH_GAS },
      confirmations: 20,
    });
    await settlement.open();
    await settlement.flush(5_000);
    assert.equal(scene.chain.settlements.length, 2);
    // Both are reorganized away, and somebody else settles all four rows at once.
    scene.chain.reorganize(2);
    const whole = new Scene();
    await whole.serve(1, 4);
    const other = whole.settlement();
    await other.open();
    await other.flush(5_000);
    scene.chain.head += 5n;
    const taken = scene.chain.take(whole.chain.settlements[0]!.bytes);
    assert.ok(typeof taken !== "string");
    scene.chain.settlements.push(taken);
    scene.chain.head += 50n;
    assert.equal(await settlement.flush(10_000), true);
    assert.equal((await scene.store.batch(0))?.bytes, taken.bytes);
    scene.check();
    await scene.serve(1, 1);
    assert.equal(await settlement.flush(5_000), true);
    scene.check();
  });
});

describe("row proofs", () => {
  it("lead to the commitment, with and without unpaid parts", async () => {
    const scene = new Scene();
    await scene.serve(1, 4, [0, 0, 5, 5]);
    await scene.serve(2, 3);
    await scene.serve(3, 3, [0, 6]);
    scene.chain.short.set(1, [0n, 77n]);
    scene.chain.short.set(3, [0n, 5n, 6n]);
    const settlement = scene.settlement();
    await settlement.open();
    await settlement.flush(5_000);
    const prove = rowProver(IDENTITY.operatorId, scene.store, scene.chain);
    for (const { accountId, seq } of scene.chain.rows()) {
      const proof = await prove(accountId, seq);
      assert.ok(proof);
      const leaf = groupLeaf(proof.startSeq, proof.shortfallWei, fromHex(proof.group));
      const root = rootFromProof(
        leaf,
        proof.siblings.map((sibling) => fromHex(sibling)),
      );
      assert.equal(
        batchCommitment(proof.operatorId, proof.batchNo, fromHex(proof.header), root),
        scene.chain.settlements[0]!.commitment,
      );
      assert.equal(proof.startSeq + proof.rowIndex, seq);
      assert.equal(keccak256(fromHex(proof.group)).length, 32);
    }
    assert.equal((await prove(1, 2))?.shortfallWei, 77n);
    assert.equal((await prove(1, 0))?.shortfallWei, 0n);
    assert.equal((await prove(3, 2))?.shortfallWei, 6n);
    assert.equal(await prove(1, 4), undefined);
    assert.equal(await prove(9, 0), undefined);
  });
});
