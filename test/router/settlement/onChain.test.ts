import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { rowProver } from "../../../router/settlement/prove.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import { openDurableRouter, type DurableRouter } from "../../fakes/durableRouter.ts";
import { temporaryDirectory } from "../../fakes/samples.ts";

let anvil: TestChain;
before(async () => {
  anvil = await startTestChain();
});
after(() => anvil.stop());

/** Every receipt of an account, proven by the Ledger itself. */
async function proveAll(router: DurableRouter, accountId: number): Promise<number> {
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
    let router = await openDurableRouter(anvil, directory);
    const opening = await router.chain.account(rich);
    const { ledger } = anvil.contracts("admin");
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
      assert.ok(closing);
      const events = await ledger.queryFilter(ledger.filters.BatchSettled(anvil.identity.operatorId));
      const rebatesWei = events.reduce((sum, { args }) => sum + args.rebates, 0n);
      return opening.balanceWei + rebatesWei - closing.balanceWei - closing.creditsWei - (await spent());
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
    router = await openDurableRouter(anvil, directory);
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
    const amnesiac = await openDurableRouter(anvil, temporaryDirectory(t));
    assert.match(amnesiac.journal.failure()?.message ?? "", /unverified tail/);
    await amnesiac.close();
  });
});
