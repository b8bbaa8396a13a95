/** D4 of a receipt that its provider settled itself, and what all challenges hold. */
import { expect } from "chai";

import type { ILedger } from "../../types/contracts/index.ts";
import { loadFixture, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  effect,
  HALF,
  rewardable,
  served,
  signedReceipt,
  withAppFee,
} from "./fixtures/disputeWorld.ts";
import type { TestReceipt } from "./fixtures/evidence.ts";
import { fieldsOf } from "./fixtures/fieldsOf.ts";
import { PENALTY, WINDOWS } from "./fixtures/market.ts";
import {
  STAKE,
  OPEN,
  deployStrict,
  settleRows,
  authorized,
  answer,
  resolve,
  letItPass,
  leaveBond,
  expectError,
} from "./fixtures/strictWorld.ts";

describe("Challenges", () => {
  describe("challengeSelfSettled", () => {
    /** A receipt of the strict account that its provider settled itself. */
    async function selfSettled(changes: Partial<TestReceipt> = {}) {
      const strict = await loadFixture(deployStrict);
      const { market } = strict;
      const signed = await signedReceipt(strict, { appId: 1, ...changes });
      await time.increase(WINDOWS.settle + 1);
      await market.disputes.selfSettle([signed.receipt], [signed.signature]);
      return { strict, settledAt: await market.now(), ...signed };
    }

    it("asks for the payer's authorization, and freezes nothing: the provider has its receipt", async () => {
      const { strict, settledAt, receipt } = await selfSettled();
      const { market, accountId, challenger, challenges, asChallenger } = strict;
      const charge = await market.disputes.strictCharge(accountId, 0);
      expect(fieldsOf(charge)).to.deep.equal({
        taken: withAppFee(AMOUNT),
        due: withAppFee(AMOUNT),
        servedAt: BigInt(receipt.servedAt),
        settledAt: BigInt(settledAt),
        operatorId: 1n,
        listingId: 1n,
        appId: 1n,
        paid: AMOUNT,
      });
      const { delta } = await effect(strict, async () => asChallenger.challengeSelfSettled(accountId, 0));
      expect(delta).to.deep.include({ challenger: -STAKE, challenges: STAKE, frozen1: 0n, provider1: 0n });
      const opened = await challenges.challenge(accountId, 0);
      expect(fieldsOf(opened)).to.deep.equal({
        challenger: challenger.address,
        answerBy: BigInt((await market.now()) + WINDOWS.challenge),
        state: OPEN,
        operatorId: 1n,
        taken: withAppFee(AMOUNT),
        due: withAppFee(AMOUNT),
        listingId: 1n,
        appId: 1n,
        paid: AMOUNT,
        frozen: 0n,
        servedFrom: BigInt(receipt.servedAt),
        servedTo: BigInt(receipt.servedAt),
        epoch: await market.ledger.epochAt(settledAt),
      });
      await expectError(
        strict,
        asChallenger.challengeSelfSettled(accountId, 0),
        "Challenges_AlreadyChallenged",
        [accountId, 0],
      );
    });

    it("refunds what was taken and slashes, when nobody answers", async () => {
      const { strict, settledAt } = await selfSettled();
      const { market, accountId, asChallenger } = strict;
      const epoch = await market.ledger.epochAt(settledAt);
      await asChallenger.challengeSelfSettled(accountId, 0);
      await letItPass(strict);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({
        claimedByAccount: withAppFee(AMOUNT),
        bond: -PENALTY,
        challenger: HALF + STAKE,
        provider1: 0n,
        account: 0n,
      });
      expect(await rewardable(market, epoch)).to.deep.equal({ listing: 0n, app: 0n });
    });

    it("leaves the provider its own, even when the bond has nothing", async () => {
      const { strict } = await selfSettled();
      await strict.asChallenger.challengeSelfSettled(strict.accountId, 0);
      await leaveBond(strict, 0n);
      await letItPass(strict);
      const resolved = async () => {
        const sent = await resolve(strict);
        await expect(sent).not.to.emit(strict.market.escrow, "Thawed");
        return sent;
      };
      const { delta } = await effect(strict, resolved);
      expect(delta).to.deep.include({ account: 0n, claimedByAccount: withAppFee(AMOUNT), provider1: 0n });
    });

    it("is answered with an authorization valid when it was served", async () => {
      const { strict, receipt } = await selfSettled();
      const { accountId, asChallenger } = strict;
      await asChallenger.challengeSelfSettled(accountId, 0);
      const { servedAt } = receipt;
      const value = withAppFee(AMOUNT);
      for (const [validAfter, validBefore] of [
        [0, servedAt - 1],
        [servedAt + 1, servedAt + 10],
      ] as const)
        await expectError(
          strict,
          answer(strict, await authorized(strict, { value, validAfter, validBefore })),
          "Challenges_AuthorizationExpired",
        );
      const exact = { value, validAfter: servedAt, validBefore: servedAt };
      await expectError(
        strict,
        answer(strict, await authorized(strict, { ...exact, value: value - 1n })),
        "Challenges_AuthorizationTooLow",
        [value - 1n, value],
      );
      await answer(strict, await authorized(strict, exact));
    });

    it("asks an answer for the whole price, of an account that was short", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, signer, asChallenger, challenges } = strict;
      const poor = await market.openAccount(AMOUNT - 10n, 19, 1, { signer: signer.address, strict: true });
      const signed = await signedReceipt(strict, { accountId: poor, seq: 0, appId: 1 });
      await time.increase(WINDOWS.settle + 1);
      await market.disputes.selfSettle([signed.receipt], [signed.signature]);
      await asChallenger.challengeSelfSettled(poor, 0);
      const { taken, due, paid } = await challenges.challenge(poor, 0);
      expect([taken, due, paid]).to.deep.equal([AMOUNT - 10n, withAppFee(AMOUNT), AMOUNT - 10n]);
    });

    it("is open until the bucket after that of its settlement ends, to the second", async () => {
      const { strict, settledAt } = await selfSettled();
      const { accountId, asChallenger } = strict;
      const closesAt = (Math.floor(settledAt / WINDOWS.challenge) + 2) * WINDOWS.challenge;
      await time.setNextBlockTimestamp(closesAt);
      await expectError(strict, asChallenger.challengeSelfSettled(accountId, 0), "Challenges_TooLate", [
        closesAt,
        closesAt,
      ]);
      const other = await selfSettled();
      const lastMoment = (Math.floor(other.settledAt / WINDOWS.challenge) + 2) * WINDOWS.challenge - 1;
      await time.setNextBlockTimestamp(lastMoment);
      await other.strict.asChallenger.challengeSelfSettled(accountId, 0);
    });

    it("is for strict accounts that were charged something", async () => {
      const { strict } = await selfSettled();
      const { market, accountId, signer, asChallenger } = strict;
      const broke = await market.openAccount(AMOUNT, 19, 1, { signer: signer.address, strict: true });
      const receipts = [
        await signedReceipt(strict, { accountId: 1, seq: 0 }),
        await signedReceipt(strict, { accountId: broke, seq: 0 }),
        await signedReceipt(strict, { accountId: broke, seq: 1 }),
      ];
      await time.increase(WINDOWS.settle + 1);
      await market.disputes.selfSettle(
        receipts.map(({ receipt }) => receipt),
        receipts.map(({ signature }) => signature),
      );
      for (const [id, seq] of [
        [accountId, 1],
        [1, 0],
        [broke, 1],
        [99, 0],
      ] as const)
        await expectError(strict, asChallenger.challengeSelfSettled(id, seq), "Challenges_NothingTaken", [
          id,
          seq,
        ]);
      await asChallenger.challengeSelfSettled(broke, 0);
    });

    it("shares used authorizations with the rows of batches", async () => {
      const { strict } = await selfSettled();
      const { accountId, asChallenger } = strict;
      await asChallenger.challengeSelfSettled(accountId, 0);
      const value = withAppFee(AMOUNT);
      const window = { value, validAfter: 0, validBefore: 2 ** 40 };
      const shown = await authorized(strict, window);
      await answer(strict, shown);
      const { proofs } = await settleRows(strict, [served, served]); // 0 is skipped
      await asChallenger.challengeAuthorization(proofs[1] as ILedger.RowProofStruct);
      await expectError(strict, answer(strict, shown, 1), "Challenges_AuthorizationUsed", [accountId, 0]);
    });
  });

  describe("what it holds", () => {
    it("is the deposits of open challenges, and nothing else", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, asChallenger, challenges } = strict;
      const { proofs } = await settleRows(strict, [served, served, served]);
      for (const proof of proofs) await asChallenger.challengeAuthorization(proof);
      expect(await market.token.balanceOf(challenges)).to.equal(3n * STAKE);
      await answer(strict, await authorized(strict), 0);
      await letItPass(strict, 2);
      await resolve(strict, 1);
      await resolve(strict, 2);
      expect(await market.token.balanceOf(challenges)).to.equal(0n);
      expect(await market.escrow.frozenOf(1)).to.equal(0n);
      expect(await market.escrow.owed()).to.equal(await market.token.balanceOf(market.escrow));
    });
  });
});
