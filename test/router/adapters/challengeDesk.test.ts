/** What the router reads of challenges on a real chain, and what becomes of its answers. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { encodeBatch } from "../../../router/model/batch.ts";
import { parseTokens } from "../../../router/model/money.ts";
import type { ChallengeDesk } from "../../../router/ports.ts";
import { rowProver } from "../../../router/settlement/prove.ts";
import { mined } from "../../../scripts/mined.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import { samplePayment } from "../../fakes/samples.ts";
import { storedBatch } from "../../fakes/storedBatch.ts";

describe("challenges on the chain", () => {
  let chain: TestChain;
  let accountId = 0;
  let challenge: () => Promise<unknown>;
  before(async () => {
    chain = await startTestChain();
    const { operatorId, payer, contracts, providers } = chain.economy;
    const { token, escrow, challenges } = chain.contracts("payer");
    const terms = { owner: payer, operatorId, signer: payer, strict: true, maxAppFeePct: 0 };
    await mined(token.approve(contracts.Escrow, parseTokens("5")));
    await mined(escrow.deposit(terms, parseTokens("5")));
    accountId = Number(await escrow.accountIdOf(terms));
    const opened = await chain.open();
    const [batchNo, sec] = [await opened.nextBatchNo(), await opened.blockTimeSec()];
    const rows = [{ offerId: providers[0]!.offerId, inputUnits: 1_000, outputUnits: 200, timing: 120 }];
    const groups = [{ accountId, appId: 0, rows }];
    const { bytes } = encodeBatch({ batchNo, servedFromSec: sec, servedToSec: sec, groups });
    await mined(chain.contracts("settler").ledger.settle(operatorId, bytes));
    const batch = storedBatch(batchNo, bytes, [{ accountId, startSeq: 0, count: 1 }]);
    const proof = await rowProver(operatorId, { batchOf: async () => batch }, opened)(accountId, 0);
    assert.ok(proof);
    await mined(token.approve(contracts.Challenges, await challenges.deposit()));
    challenge = () =>
      mined(
        chain.contracts("payer").challenges.challengeAuthorization({
          ...proof,
          shortfall: proof.shortfallWei,
          siblings: [...proof.siblings],
        }),
      );
  });
  after(() => chain.stop());

  const desk = async (): Promise<ChallengeDesk> => (await chain.open()).challenges;
  const named = async (from: ChallengeDesk): Promise<number[]> =>
    (await from.look()).opened.map((opened) => opened.accountId);

  it("are named once as they come, again after a reorganization, and to whoever starts in time", async () => {
    const running = await desk();
    assert.deepEqual(await named(running), []);
    const earlier = await chain.call("evm_snapshot");
    const nowSec = (await running.look()).timeSec;
    await chain.call("evm_setNextBlockTimestamp", nowSec + 1);
    await challenge();
    assert.deepEqual(await named(running), [accountId]);
    assert.deepEqual(await named(running), []);
    assert.equal(await running.isOpen(accountId, 0), true);

    // The block is replaced by another with the same transaction.
    await chain.call("evm_revert", earlier);
    assert.equal(await running.isOpen(accountId, 0), false);
    await chain.call("evm_setNextBlockTimestamp", nowSec + 2);
    await challenge();
    assert.deepEqual(await named(running), [accountId]);
    assert.equal(await running.isOpen(accountId, 0), true);

    const started = await desk();
    const { opened, timeSec } = await started.look();
    const windowSec = Number(await chain.contracts("payer").escrow.challengeWindow());
    assert.deepEqual(opened, [{ accountId, seq: 0, answerBySec: nowSec + 2 + windowSec }]);
    const refused = await started.answer(opened[0]!, samplePayment(1));
    assert.ok(refused.status === "refused", refused.status);
    assert.match(refused.reason, /^Challenges_NotAuthorized/u);

    await chain.call("evm_setNextBlockTimestamp", timeSec + windowSec + 1);
    await chain.call("evm_mine");
    assert.deepEqual(await named(await desk()), [], "what can't be answered any more is not looked for");
  });
});
