/** Providers settle what no batch has settled in time; a batch comes all the same, and nobody pays twice. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import type { StoredReceipt } from "../../../router/ports.ts";
import { rowProver } from "../../../router/settlement/prove.ts";
import { mined } from "../../../scripts/mined.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import { openDurableRouter } from "../../fakes/durableRouter.ts";
import { temporaryDirectory } from "../../fakes/samples.ts";

const SETTLE_WINDOW_SEC = 60;

const total = (receipts: readonly StoredReceipt[]): bigint =>
  receipts.reduce((sum, { receipt }) => sum + receipt.amountWei, 0n);

/** As the contracts take it. */
const onChain = ({ receipt }: StoredReceipt) => {
  const { amountWei, servedAtSec, ...same } = receipt;
  return { ...same, amount: amountWei, servedAt: servedAtSec };
};

describe("rows that their providers have settled", { timeout: 240_000 }, () => {
  let anvil: TestChain;
  before(async () => {
    anvil = await startTestChain();
  });
  after(() => anvil.stop());

  it("weigh no more, are skipped by the batch, and rebates come as credits", async (t) => {
    const router = await openDurableRouter(anvil, temporaryDirectory(t));
    const { chain, accounts, store, watch, settlement } = router;
    const { accountId } = anvil.economy;
    const { disputes, ledger, escrow } = anvil.contracts("admin");
    const opening = await chain.account(accountId);
    assert.ok(opening);
    assert.equal(opening.creditsWei, 0n);

    await router.serve(accountId, 12);
    const receipts = await store.receiptsFrom(accountId, 0, 1_000);
    const paid = receipts.filter(({ receipt }) => receipt.amountWei > 0n);
    const spentWei = total(receipts);
    const spendable = opening.balanceWei - spentWei;
    assert.equal(accounts.availableWei(accountId), spendable);

    // The window has passed: two of them are settled by their provider, the last one among them.
    await anvil.call("evm_increaseTime", SETTLE_WINDOW_SEC + 5);
    await anvil.call("evm_mine");
    const [first, last] = [paid[1], paid.at(-1)];
    assert.ok(first && last);
    const from = await chain.blockNumber();
    await mined(disputes.selfSettle([first, last].map(onChain), [first.signature, last.signature]));
    assert.deepEqual((await chain.changes(from)).accountIds, [accountId], "the router hears of it");

    await watch.loadAccount(accountId);
    const selfSettled = accounts.snapshot(accountId)?.selfSettled;
    assert.deepEqual([...(selfSettled ?? [])], [first.receipt.seq, last.receipt.seq]);
    assert.equal(accounts.snapshot(accountId)?.balanceWei, opening.balanceWei - total([first, last]));
    assert.equal(accounts.unsettledWei(accountId), spentWei - total([first, last]));
    assert.equal(accounts.availableWei(accountId), spendable, "counted once");
    assert.equal(accounts.exposedWei(), spentWei - total([first, last]));

    // A batch with all of them.
    assert.equal(await settlement.flush(30_000), true);
    const closing = await chain.account(accountId);
    assert.equal(closing?.nextSeq, receipts.length);
    const events = await ledger.queryFilter(ledger.filters.BatchSettled(anvil.identity.operatorId));
    const rebatesWei = events.reduce((sum, { args }) => sum + args.rebates, 0n);
    assert.ok(rebatesWei > 0n);
    assert.equal(closing.balanceWei, spendable, "nobody paid twice");
    assert.equal(closing.creditsWei, rebatesWei);
    assert.equal(accounts.unsettledWei(accountId), 0n);
    assert.equal(accounts.exposedWei(), 0n);
    assert.equal(accounts.availableWei(accountId), spendable + rebatesWei, "rebates can be spent");

    // Proofs hold for what the batch paid and for what it only numbers.
    const prove = rowProver(anvil.identity.operatorId, store, chain);
    for (const { receipt } of receipts) {
      const proof = await prove(accountId, receipt.seq);
      assert.ok(proof);
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
      assert.equal(row.seq, BigInt(receipt.seq));
      assert.equal(row.outputUnits, BigInt(receipt.outputUnits));
    }
    await assert.rejects(disputes.selfSettle.staticCall([onChain(first)], [first.signature]));

    // Credits are spent first, and the next rows as always.
    await router.serve(accountId, 3);
    assert.equal(await settlement.flush(30_000), true);
    const later = await store.receiptsFrom(accountId, receipts.length, 1_000);
    const account = await escrow.account(accountId);
    const all = await ledger.queryFilter(ledger.filters.BatchSettled(anvil.identity.operatorId));
    const allRebatesWei = all.reduce((sum, { args }) => sum + args.rebates, 0n);
    assert.equal(account.balance + account.credits, spendable - total(later) + allRebatesWei);
    assert.equal(accounts.availableWei(accountId), account.balance + account.credits);
    await router.close();
  });
});
