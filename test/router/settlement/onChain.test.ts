import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import type { OpenedChain } from "../../../router/adapters/chain/openChain.ts";
import { openFileJournal, type FileJournal } from "../../../router/adapters/journal/fileJournal.ts";
import { openProjectedStore, type ProjectedStore } from "../../../router/adapters/store/projectedStore.ts";
import { Watch } from "../../../router/market/watch.ts";
import { AccountBook } from "../../../router/model/account.ts";
import type { MarketSnapshot } from "../../../router/model/market.ts";
import { amountOf } from "../../../router/model/offer.ts";
import type { Attempt } from "../../../router/model/outcome.ts";
import { MAX_BATCH_GAS } from "../../../router/settlement/build.ts";
import { rowProver } from "../../../router/settlement/prove.ts";
import { Settlement } from "../../../router/settlement/settle.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import {
  FAILED_ATTEMPT,
  sampleAttempt,
  sampleOutcome,
  silentLog,
  systemClock,
  temporaryDirectory,
} from "../../fakes/samples.ts";

let anvil: TestChain;
before(async () => {
  anvil = await startTestChain();
});
after(() => anvil.stop());

interface Router {
  readonly chain: OpenedChain;
  readonly journal: FileJournal;
  readonly store: ProjectedStore;
  readonly accounts: AccountBook;
  readonly watch: Watch;
  readonly settlement: Settlement;
  serve(accountId: number, rows: number, appIds?: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/** The durable half of a router on `directory`. */
async function openRouter(directory: string): Promise<Router> {
  const { identity, signer, economy } = anvil;
  const chain = await anvil.open();
  const recorder = { identity, sign: signer.sign, clock: systemClock, log: silentLog };
  const journal = await openFileJournal({ ...recorder, directory: path.join(directory, "journal") });
  const store = await openProjectedStore({
    directory: path.join(directory, "store"),
    journal,
    identity,
    log: silentLog,
  });
  const accounts = new AccountBook();
  let market: MarketSnapshot | undefined;
  const watch = new Watch({
    chain,
    operatorId: identity.operatorId,
    accounts,
    counters: journal,
    store,
    onMarket: (snapshot) => (market = snapshot),
    log: silentLog,
    pollMs: 50,
  });
  await watch.load();
  const offerOf = (offerId: number): MarketSnapshot["offers"][number] | undefined =>
    market?.offers.find((offer) => offer.offerId === offerId);
  const settlement = new Settlement({
    operatorId: identity.operatorId,
    store,
    journal,
    chain,
    clock: systemClock,
    log: silentLog,
    limits: { maxRows: 100, maxBytes: 120_000, maxGas: MAX_BATCH_GAS },
    maxAgeMs: 1_000,
    confirmations: 3,
    pollMs: 50,
    graceSec: chain.contracts.graceSec,
    offer: offerOf,
    leads: () => Promise.resolve(true),
    onMined: async (ids) => {
      for (const id of ids) await watch.loadAccount(id);
    },
    onFinal: (accountId, nextSeq) => accounts.forget(accountId, nextSeq),
  });
  await settlement.open();
  return {
    chain,
    journal,
    store,
    accounts,
    watch,
    settlement,
    serve: async (accountId, rows, appIds = [0]) => {
      await watch.loadAccount(accountId);
      const { offerId } = economy.providers[0]!;
      const offer = offerOf(offerId)!;
      for (let i = 0; i < rows; i++) {
        const units = { inputUnits: 1_000 + i, outputUnits: 200 };
        const servedAtSec = Math.floor(Date.now() / 1000);
        const amountWei = amountOf(offer, units);
        const attempt = sampleAttempt({ ...units, offerId, amountWei, servedAtSec });
        const failed: Attempt = { ...FAILED_ATTEMPT, offerId, servedAtSec };
        const attempts = i % 5 === 0 ? [failed, attempt] : [attempt];
        const appId = appIds[i % appIds.length]!;
        const receipts = await journal.commit({ ...sampleOutcome(accountId, attempts), appId });
        accounts.recorded(
          accountId,
          receipts.map(({ receipt }) => ({ seq: receipt.seq, costWei: receipt.amountWei })),
        );
      }
    },
    close: async () => {
      await settlement.stop();
      await watch.stop();
      await store.close();
      await journal.close();
    },
  };
}

/** Every receipt of an account, proven by the Ledger itself. */
async function proveAll(router: Router, accountId: number): Promise<number> {
  const { ledger } = anvil.contracts("admin");
  const prove = rowProver(anvil.identity.operatorId, router.store, router.chain);
  const receipts = await router.store.receiptsFrom(accountId, 0, 10_000);
  for (const { receipt } of receipts) {
    const proof = await prove(accountId, receipt.seq);
    assert.ok(proof, `no proof of ${accountId}-${receipt.seq}`);
    const { operatorId, header, group, startSeq, shortfallWei, rowIndex, siblings } = proof;
    const row = await ledger.proveRow({
      operatorId,
      header,
      group,
      startSeq,
      shortfall: shortfallWei,
      rowIndex,
      siblings: [...siblings],
    });
    assert.equal(row.accountId, BigInt(accountId));
    assert.equal(row.seq, BigInt(receipt.seq));
    assert.equal(row.offerId, BigInt(receipt.offerId));
    assert.equal(row.appId, BigInt(receipt.appId));
    assert.equal(row.inputUnits, BigInt(receipt.inputUnits));
    assert.equal(row.outputUnits, BigInt(receipt.outputUnits));
    assert.equal(row.timing, BigInt(receipt.timing));
    assert.equal(row.amount, receipt.amountWei);
    assert.ok(row.servedFrom <= receipt.servedAtSec && receipt.servedAtSec <= row.servedTo);
  }
  return receipts.length;
}

describe("settlement on a real chain", { timeout: 240_000 }, () => {
  it("settles, proves every row, survives restarts and reorganizations, to the wei", async (t) => {
    const directory = temporaryDirectory(t);
    const rich = anvil.economy.accountId;
    const poor = await anvil.account(1_000_000_000_000n, 10);
    const { registry } = anvil.contracts("operator");
    await (await registry.registerApp(anvil.economy.payer, 500)).wait();
    let router = await openRouter(directory);
    const opening = await router.chain.account(rich);
    assert.ok(opening);

    // The chain makes no block while nothing happens, so its time stands still; rows settle all the same.
    await router.serve(rich, 150, [0, 0, 1]);
    await router.serve(poor, 6, [0, 1]);
    assert.equal(await router.settlement.flush(30_000), true);
    assert.equal(await proveAll(router, rich), 180);
    assert.equal(await proveAll(router, poor), 8);
    const shortfalls = await Promise.all([0, 1].map((batchNo) => router.chain.shortfalls(batchNo)));
    assert.ok(shortfalls.flat().length > 1, "the poor account went short in several groups");
    const spent = async (): Promise<bigint> => {
      const rows = await router.store.receiptsFrom(rich, 0, 10_000);
      return rows.reduce((sum, { receipt }) => sum + receipt.amountWei, 0n);
    };
    const feesOf = async (): Promise<bigint> => {
      const closing = await router.chain.account(rich);
      return opening.balanceWei - (closing?.balanceWei ?? 0n) - (await spent());
    };
    const fees = await feesOf();
    const throughApp = (await router.store.receiptsFrom(rich, 0, 10_000)).filter(
      ({ receipt }) => receipt.appId === 1,
    );
    const amountWei = throughApp.reduce((sum, { receipt }) => sum + receipt.amountWei, 0n);
    const roundedDown = (amountWei * 500n) / 10_000n - fees;
    assert.ok(
      roundedDown >= 0n && roundedDown <= BigInt(throughApp.length),
      "five per cent, rounded down per group",
    );
    assert.equal(router.accounts.unsettledWei(rich), 0n);

    // A restart with rows that are journaled and not settled.
    await router.serve(rich, 30);
    await router.close();
    router = await openRouter(directory);
    assert.equal(router.journal.failure(), undefined);
    await router.serve(rich, 3);
    assert.equal(await router.settlement.flush(30_000), true);
    assert.equal(await proveAll(router, rich), 180 + 36 + 4);
    const nextBatchNo = await router.chain.nextBatchNo();

    // The newest batch is reorganized away, before it is final; the same bytes come back.
    const mined = await router.store.batch(nextBatchNo - 1);
    assert.equal(mined?.state, "mined");
    await anvil.call("evm_setAutomine", false);
    await anvil.call("anvil_reorg", 1, []);
    await anvil.call("anvil_dropAllTransactions");
    assert.equal(await router.chain.nextBatchNo(), nextBatchNo - 1);
    await anvil.call("evm_setAutomine", true);
    await router.serve(rich, 2);
    assert.equal(await router.settlement.flush(30_000), true);
    assert.equal((await router.store.batch(nextBatchNo - 1))?.bytes, mined.bytes);
    assert.equal(await proveAll(router, rich), 180 + 36 + 4 + 3);
    assert.equal(await feesOf(), fees, "nothing was charged twice");

    await anvil.call("anvil_mine", "0x5");
    assert.equal(await router.settlement.flush(5_000), true);
    assert.deepEqual(await router.store.openBatches(), []);
    await router.close();

    // A router that lost its journal signs nothing.
    const amnesiac = await openRouter(temporaryDirectory(t));
    assert.match(amnesiac.journal.failure()?.message ?? "", /unverified tail/);
    await amnesiac.close();
  });
});
