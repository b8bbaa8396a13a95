/** D4, unanswered: the payer is refunded, the operator slashed, and a provider with a receipt keeps its own. */
import { expect } from "chai";

import type { AI1NET, ILedger } from "../../types/contracts/index.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  challenge as challengeRow,
  DEARER,
  effect,
  failed,
  feeOf,
  furnish,
  HALF,
  net,
  priceOf,
  rewardable,
  served,
  signedReceipt,
  withAppFee,
} from "./fixtures/disputeWorld.ts";
import { signReceipt, type TestReceipt } from "./fixtures/evidence.ts";
import { BOND, Market, PENALTY, PROTOCOL_FEE_BPS, WINDOWS } from "./fixtures/market.ts";
import {
  STAKE,
  NONE,
  OPEN,
  REFUNDED,
  makeStrict,
  deployStrict,
  settleRows,
  challenged,
  stateOf,
  authorized,
  answer,
  resolve,
  letItPass,
  leaveBond,
  expectError,
} from "./fixtures/strictWorld.ts";

describe("Challenges", () => {
  describe("resolve", () => {
    it("refunds the payer from the bond, slashes the operator and gives the deposit back", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, challenger } = strict;
      await challenged(strict, [served], 1);
      await letItPass(strict);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({
        claimedByAccount: withAppFee(AMOUNT),
        compensations: 0n,
        bond: -PENALTY,
        sink: HALF,
        challenger: HALF + STAKE,
        challenges: -STAKE,
        // The bond covers it, so the provider keeps its own.
        frozen1: -net(AMOUNT),
        provider1: net(AMOUNT),
        account: 0n,
      });
      expect(await stateOf(strict)).to.equal(REFUNDED);
      const { refunded, penalized } = await market.disputes.judgement(1, accountId, 0);
      expect([refunded, penalized]).to.deep.equal([withAppFee(AMOUNT), true]);
      const evidence = ethers.keccak256(
        ethers.AbiCoder.defaultAbiCoder().encode(["uint32", "uint40"], [accountId, 0]),
      );
      const events = await market.disputes.queryFilter(market.disputes.filters.EvidencePaid());
      expect(
        events.map(({ args }) => [args.challenger, args.kind, args.evidence, args.refund, args.reward]),
      ).to.deep.equal([[challenger.address, 2n, evidence, withAppFee(AMOUNT), HALF]]);
    });

    it("is decided by anyone, but not before the last second to answer is over", async () => {
      const strict = await loadFixture(deployStrict);
      const { challenges, accountId } = strict;
      await challenged(strict);
      const { answerBy } = await challenges.challenge(accountId, 0);
      await time.setNextBlockTimestamp(answerBy);
      await expectError(strict, resolve(strict), "Challenges_TooEarly", [answerBy, answerBy]);
      await time.setNextBlockTimestamp(answerBy + 1n);
      await resolve(strict);
      await expectError(strict, resolve(strict, 5), "Challenges_NotOpen", [accountId, 5, NONE]);
    });

    it("takes the fee of the whole row out of what rewards are measured by", async () => {
      const strict = await loadFixture(deployStrict);
      const { market } = strict;
      const epoch = await market.ledger.epochAt(await market.now());
      await challenged(strict, [served, served], 1);
      const before = await rewardable(market, epoch);
      await letItPass(strict);
      const fee = (AMOUNT * PROTOCOL_FEE_BPS + 9_999n) / 10_000n;
      await expect(resolve(strict)).to.emit(market.ledger, "FeesReversed").withArgs(1, epoch, 1, 1, fee);
      expect(await rewardable(market, epoch)).to.deep.equal({
        listing: before.listing - fee,
        app: before.app - fee,
      });
    });

    it("takes out the fee of what was paid of a short row, rounded up", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, signer } = strict;
      const accountId = await market.openAccount(AMOUNT - 10n, 19, 1, {
        signer: signer.address,
        strict: true,
      });
      const poor = { ...strict, accountId };
      await challenged(poor);
      await letItPass(poor);
      await resolve(poor);
      const [event] = await market.ledger.queryFilter(market.ledger.filters.FeesReversed());
      expect(event?.args.fee).to.equal(feeOf(AMOUNT - 10n) + 1n);
    });

    /** A challenge that nobody answers, and a bond of `bondWei`. */
    async function unanswered(bondWei: bigint, appId = 0) {
      const strict = await loadFixture(deployStrict);
      const settled = await challenged(strict, [served, served], appId);
      await leaveBond(strict, bondWei);
      await letItPass(strict);
      return { strict, ...settled };
    }

    it("from a bond that is empty: reverses the provider's frozen credit, and claims the fee that it lacks", async () => {
      const { strict } = await unanswered(0n);
      const { market, accountId } = strict;
      const sent = async () => resolve(strict);
      const { delta } = await effect(strict, sent);
      expect(delta).to.deep.include({
        account: net(AMOUNT),
        frozen1: -net(AMOUNT),
        provider1: 0n,
        claimedByAccount: feeOf(AMOUNT),
        bond: 0n,
        sink: 0n,
        challenger: STAKE,
        owed: 0n,
      });
      // No more than the row took, however it came back.
      expect((await market.disputes.judgement(1, accountId, 0)).refunded).to.equal(AMOUNT);
      const events = await market.escrow.queryFilter(market.escrow.filters.Reversed());
      expect(events.map(({ args }) => [args.providerId, args.accountId, args.amount])).to.deep.equal([
        [1n, BigInt(accountId), net(AMOUNT)],
      ]);
    });

    it("from a bond that has a part: the bond first, and the provider's credit for what it lacks only", async () => {
      const { strict } = await unanswered(AMOUNT - 100n);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({
        account: 100n,
        claimedByAccount: AMOUNT - 100n,
        frozen1: -net(AMOUNT),
        provider1: net(AMOUNT) - 100n,
        bond: 0n,
        sink: 0n,
      });
    });

    it("from a bond that just has the refund: all of it, no reversal and no penalty", async () => {
      const { strict } = await unanswered(AMOUNT);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({
        account: 0n,
        claimedByAccount: AMOUNT,
        provider1: net(AMOUNT),
        bond: 0n,
      });
    });

    it("from a bond that other refunds claim: counts what they leave", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, asChallenger, accountId } = strict;
      const { proofs } = await settleRows(strict, [served, served]);
      for (const proof of proofs) await asChallenger.challengeAuthorization(proof);
      await leaveBond(strict, AMOUNT);
      await letItPass(strict, 1);
      await resolve(strict, 1);
      expect(await market.disputes.freeOfRefunds(1)).to.equal(0n);
      const { delta } = await effect(strict, async () => resolve(strict, 0));
      expect(delta).to.deep.include({
        account: net(AMOUNT),
        claimedByAccount: feeOf(AMOUNT),
        frozen1: -net(AMOUNT),
      });
      expect((await market.disputes.judgement(1, accountId, 0)).penalized).to.equal(true);
    });

    it("a refund against a provider that shows its receipt is the bond's alone, however small that is", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, challenges, other } = strict;
      const { receipt, signature } = await signedReceipt(strict);
      await challenged(strict);
      await leaveBond(strict, 0n);
      const shown = async () => challenges.connect(other).showReceipt(receipt, signature);
      const { delta } = await effect(strict, shown);
      expect(delta).to.deep.include({ frozen1: -net(AMOUNT), provider1: net(AMOUNT) });
      expect(await market.escrow.claimable(0, 1)).to.equal(net(AMOUNT));
      expect(await stateOf(strict)).to.equal(OPEN);
      const events = await challenges.queryFilter(challenges.filters.ReceiptShown());
      expect(
        events.map(({ args }) => [args.operatorId, args.accountId, args.seq, args.digest]),
      ).to.deep.equal([[1n, BigInt(accountId), 0n, await market.ledger.hashReceipt(receipt)]]);
      await letItPass(strict);
      const { delta: resolved } = await effect(strict, async () => resolve(strict));
      expect(resolved).to.deep.include({ account: 0n, claimedByAccount: AMOUNT, frozen1: 0n, provider1: 0n });
      await expectError(strict, shown(), "Challenges_NotOpen", [accountId, 0, REFUNDED]);
    });

    it("after a receipt was shown, an answer still wins the deposit, and thaws nothing twice", async () => {
      const strict = await loadFixture(deployStrict);
      const { challenges } = strict;
      const { receipt, signature } = await signedReceipt(strict);
      await challenged(strict);
      await challenges.showReceipt(receipt, signature);
      await challenges.showReceipt(receipt, signature);
      const { delta } = await effect(strict, async () => answer(strict, await authorized(strict)));
      expect(delta).to.deep.include({ operatorPayee: STAKE, provider1: 0n, frozen1: 0n });
    });

    it("after D1 took all: no second refund or penalty, and the deposit goes back", async () => {
      const strict = await loadFixture(deployStrict);
      const { proofs } = await challenged(strict, [served], 1);
      const attempt = { ...failed, amount: 0n, seq: 0 };
      const evidence = await signedReceipt(strict, attempt);
      await challengeRow(strict, { ...evidence, proof: proofs[0] as ILedger.RowProofStruct });
      await letItPass(strict);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({
        refunds: 0n,
        bond: 0n,
        challenger: STAKE,
        frozen1: -net(AMOUNT),
        account: 0n,
      });
      expect(await stateOf(strict)).to.equal(REFUNDED);
    });

    it("after D1 took a part: the rest of the refund, and no second penalty", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId } = strict;
      const { proofs } = await challenged(strict);
      const lower = await signedReceipt(strict, { seq: 0, amount: AMOUNT - 70n });
      await challengeRow(strict, { ...lower, proof: proofs[0] as ILedger.RowProofStruct });
      await letItPass(strict);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({ claimedByAccount: AMOUNT - 70n, bond: 0n, challenger: STAKE });
      expect((await market.disputes.judgement(1, accountId, 0)).refunded).to.equal(AMOUNT);
      // And D1 after it finds nothing more to give.
      const attempt = await signedReceipt(strict, { ...failed, amount: 0n, seq: 0 });
      await expect(
        challengeRow(strict, { ...attempt, proof: proofs[0] as ILedger.RowProofStruct }),
      ).to.be.revertedWithCustomError(market.disputes, "Disputes_NothingLeft");
    });

    it("two disputes on one piece of evidence: a penalty that D2 took is not taken again, the refund is", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, challenger } = strict;
      const [a, b] = [
        await signedReceipt(strict),
        await signedReceipt(strict, { responseHash: ethers.id("b") }),
      ];
      await challenged(strict);
      await market.disputes
        .connect(challenger)
        .challengeEquivocation(a.receipt, a.signature, b.receipt, b.signature);
      await letItPass(strict);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({ claimedByAccount: AMOUNT, bond: 0n, sink: 0n, challenger: STAKE });
    });

    it("a refund that is reversed whole still costs no second penalty, and is no error", async () => {
      const { strict, proofs } = await unanswered(0n);
      const { market } = strict;
      // D1 took the penalty, of which there was none, and the fee that the frozen credit lacks.
      const lower = await signedReceipt(strict, { seq: 0, amount: net(AMOUNT) });
      await market.registry.addBond(1, BOND);
      await leaveBond(strict, 0n);
      await challengeRow(strict, { ...lower, proof: proofs[0] as ILedger.RowProofStruct });
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({ account: net(AMOUNT), refunds: 0n, frozen1: -net(AMOUNT) });
    });

    it("is not stopped by a pause (I-06)", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, asChallenger } = strict;
      const { proofs } = await settleRows(strict, [served, served]);
      await market.ledger.pause(WINDOWS.maxPause);
      await market.escrow.pause(WINDOWS.maxPause);
      for (const proof of proofs) await asChallenger.challengeAuthorization(proof);
      await answer(strict, await authorized(strict), 0);
      await letItPass(strict, 1);
      await resolve(strict, 1);
    });

    it("is Disputes' own, to pay and to be asked for", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, challenger } = strict;
      const charge = {
        challenger,
        operatorId: 1,
        accountId: 1,
        seq: 0,
        listingId: 1,
        appId: 0,
        epoch: 0,
        servedFrom: 0,
        taken: 1,
        paid: 1,
        frozen: 0,
      };
      for (const by of [challenger, market.owner])
        await expect(market.disputes.connect(by).payUnauthorized(charge))
          .to.be.revertedWithCustomError(market.disputes, "Disputes_NotChallenges")
          .withArgs(by.address);
      const { escrow } = market;
      for (const call of [escrow.freeze(1, 1), escrow.thaw(1, 1), escrow.reverse(1, 1, 1)])
        await expect(call)
          .to.be.revertedWithCustomError(escrow, "Escrow_NotDisputes")
          .withArgs(market.owner.address);
    });

    it("pays nobody twice when the token calls back (reentrancy)", async () => {
      const token = await ethers.deployContract("CallbackToken", [(await ethers.getSigners())[0]]);
      const strict = await makeStrict(
        await furnish(await Market.deployOn(ethers, token as unknown as AI1NET)),
      );
      const { challenges, accountId } = strict;
      const { proofs } = await settleRows(strict, [served, served]);
      const proof = proofs[0] as ILedger.RowProofStruct;
      const { interface: abi } = challenges;
      const reasonOf = async () => abi.parseError(await token.reason())?.name;
      await token.arm(challenges, abi.encodeFunctionData("challengeAuthorization", [proof]));
      await strict.asChallenger.challengeAuthorization(proof);
      expect([await token.succeeded(), await reasonOf()]).to.deep.equal([0n, "Challenges_AlreadyChallenged"]);

      await token.arm(challenges, abi.encodeFunctionData("resolve", [accountId, 0]));
      await letItPass(strict);
      const { delta } = await effect(strict, async () => resolve(strict));
      expect(delta).to.deep.include({ bond: -PENALTY, refunds: AMOUNT, challenger: HALF + STAKE });
      expect([await token.succeeded(), await reasonOf()]).to.deep.equal([0n, "Challenges_NotOpen"]);
    });
  });

  describe("showReceipt", () => {
    it("takes the row's own receipt, of the row's listing and of all that was paid for it", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, challenges, accountId, other } = strict;
      await market.registry.registerOperator(other, other, other, BOND);
      await challenged(strict);
      const seq = 0;
      const show = async (changes: Partial<TestReceipt>, by = market.settler) => {
        const { receipt } = await signedReceipt(strict, { seq, ...changes });
        return challenges.showReceipt(receipt, await signReceipt(market, receipt, by));
      };
      const OTHER = "Challenges_OtherRow";
      await expectError(strict, show({ amount: AMOUNT - 1n }), OTHER, [1, accountId, 0]);
      await expectError(strict, show({ offerId: 2, amount: priceOf(served, DEARER) }), OTHER);
      await expectError(strict, show({ offerId: 9 }), OTHER);
      await expectError(strict, show({ servedAt: 1 }), OTHER);
      await expectError(strict, show({ ...failed }), OTHER);
      await expectError(strict, show({ operatorId: 2 }, other), OTHER, [2, accountId, 0]);
      await expectError(strict, show({}, other), "Receipt_NotSigned");
      await expectError(strict, show({ seq: 3 }), "Challenges_NotOpen", [accountId, 3, NONE]);
      // Another offer of the same listing is the provider's all the same.
      await show({ offerId: 3, amount: AMOUNT });
      expect(await market.escrow.frozenOf(1)).to.equal(0n);
    });

    it("is enough if it covers what a short account paid", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, signer, asChallenger, challenges } = strict;
      const poor = await market.openAccount(AMOUNT - 10n, 19, 1, { signer: signer.address, strict: true });
      const { proofs } = await settleRows({ ...strict, accountId: poor });
      await asChallenger.challengeAuthorization(proofs[0] as ILedger.RowProofStruct);
      const short = await signedReceipt(strict, { accountId: poor, seq: 0, amount: AMOUNT - 11n });
      await expectError(
        strict,
        challenges.showReceipt(short.receipt, short.signature),
        "Challenges_OtherRow",
      );
      const enough = await signedReceipt(strict, { accountId: poor, seq: 0, amount: AMOUNT - 10n });
      await challenges.showReceipt(enough.receipt, enough.signature);
    });
  });
});
