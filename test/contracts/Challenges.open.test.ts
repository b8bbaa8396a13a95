/** D4: the operator of a strict account is asked for the payer's own authorization of a charge. */
import { expect } from "chai";

import type { ILedger } from "../../types/contracts/index.ts";
import { loadFixture, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  DEPOSIT,
  effect,
  failed,
  net,
  served,
  signedReceipt,
  toBucket,
  withAppFee,
  type World,
} from "./fixtures/disputeWorld.ts";
import { fieldsOf } from "./fixtures/fieldsOf.ts";
import { BOND, WINDOWS } from "./fixtures/market.ts";
import {
  STAKE,
  NONE,
  OPEN,
  deployStrict,
  settleRows,
  challenged,
  stateOf,
  authorized,
  answer,
  resolve,
  letItPass,
  expectError,
  signerOf,
} from "./fixtures/strictWorld.ts";

describe("Challenges", () => {
  describe("challengeAuthorization", () => {
    it("takes the deposit, freezes the provider's credit and says until when to answer", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, challenger, challenges } = strict;
      const { proofs, batch } = await settleRows(strict, [served], 1);
      const epoch = await market.ledger.epochAt(await market.now());
      const { delta } = await effect(strict, async () =>
        strict.asChallenger.challengeAuthorization(proofs[0] as ILedger.RowProofStruct),
      );
      expect(delta).to.deep.include({
        challenger: -STAKE,
        challenges: STAKE,
        provider1: -net(AMOUNT),
        frozen1: net(AMOUNT),
        account: 0n,
        bond: 0n,
        owed: 0n,
      });
      const answerBy = BigInt((await market.now()) + WINDOWS.challenge);
      const opened = await challenges.challenge(accountId, 0);
      expect(fieldsOf(opened)).to.deep.equal({
        challenger: challenger.address,
        answerBy,
        state: OPEN,
        operatorId: 1n,
        taken: withAppFee(AMOUNT),
        due: withAppFee(AMOUNT),
        listingId: 1n,
        appId: 1n,
        paid: AMOUNT,
        frozen: net(AMOUNT),
        servedFrom: BigInt(batch.servedFromSec),
        servedTo: BigInt(batch.servedToSec),
        epoch,
      });
      const events = await challenges.queryFilter(challenges.filters.ChallengeOpened());
      expect(
        events.map(({ args }) => [args.operatorId, args.accountId, args.challenger, args.seq, args.answerBy]),
      ).to.deep.equal([[1n, BigInt(accountId), challenger.address, 0n, answerBy]]);
      // What is frozen can be claimed by nobody, however long it takes.
      await time.increase(3 * WINDOWS.challenge);
      expect(await market.escrow.claimable(0, 1)).to.equal(0n);
    });

    it("is for strict accounts only", async () => {
      const strict = await loadFixture(deployStrict);
      const loose: World = { ...strict, accountId: 1 };
      const { proofs } = await settleRows(loose);
      await expectError(
        strict,
        strict.asChallenger.challengeAuthorization(proofs[0] as ILedger.RowProofStruct),
        "Challenges_NotStrict",
        [1],
      );
    });

    it("a payer that turns strict after service has another account: rows of the old one are not challenged", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, signer, asChallenger } = strict;
      const terms = { owner: market.owner.address, operatorId: 1, signer: signer.address, maxAppFeePct: 20 };
      const old = await market.openAccount(DEPOSIT, 20, 1, { signer: signer.address, strict: false });
      const { proofs } = await settleRows({ ...strict, accountId: old });
      // The very same terms, but strict: they open, or are, another account; the old one's flags stay what they were.
      await market.escrow.deposit({ ...terms, strict: true }, 1n);
      expect(await market.escrow.accountIdOf({ ...terms, strict: false })).to.equal(old);
      expect(await market.escrow.accountIdOf({ ...terms, strict: true })).to.equal(strict.accountId);
      expect((await market.escrow.account(old)).flags & 1n).to.equal(0n);
      await expectError(
        strict,
        asChallenger.challengeAuthorization(proofs[0] as ILedger.RowProofStruct),
        "Challenges_NotStrict",
        [old],
      );
    });

    it("is for rows that took something: no failed, no free, no wholly unpaid and no self-settled one", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, signer, asChallenger } = strict;
      await market.addOffer({ inputPrice: 0n, outputPrice: 0n, requestPrice: 0n });
      const late = await signedReceipt(strict, { seq: 2 });
      await time.increase(WINDOWS.settle + 1);
      await market.disputes.selfSettle([late.receipt], [late.signature]);
      const { proofs } = await settleRows(strict, [failed, { ...served, offerId: 4 }, served]);
      for (const [seq, proof] of proofs.entries())
        await expectError(strict, asChallenger.challengeAuthorization(proof), "Challenges_NothingTaken", [
          accountId,
          seq,
        ]);
      const poor = await market.openAccount(AMOUNT, 19, 1, { signer: signer.address, strict: true });
      const short = await settleRows({ ...strict, accountId: poor }, [served, served]);
      await expectError(
        strict,
        asChallenger.challengeAuthorization(short.proofs[1] as ILedger.RowProofStruct),
        "Challenges_NothingTaken",
        [poor, 1],
      );
      await asChallenger.challengeAuthorization(short.proofs[0] as ILedger.RowProofStruct);
    });

    it("freezes what the row was paid of a short account, and asks an answer for its whole price", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, signer, asChallenger, challenges } = strict;
      const poor = await market.openAccount(AMOUNT - 10n, 19, 1, { signer: signer.address, strict: true });
      const { proofs } = await settleRows({ ...strict, accountId: poor }, [served], 1);
      await asChallenger.challengeAuthorization(proofs[0] as ILedger.RowProofStruct);
      const { taken, due, paid, frozen } = await challenges.challenge(poor, 0);
      expect([taken, due, paid, frozen]).to.deep.equal([
        AMOUNT - 10n,
        withAppFee(AMOUNT),
        AMOUNT - 10n,
        net(AMOUNT - 10n),
      ]);
    });

    it("freezes no more than is pending, and nothing that is mature (I-07)", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, asChallenger, challenges } = strict;
      await toBucket(market, 1, 100);
      const { proofs } = await settleRows(strict, [served, served]);
      const [first, second] = proofs as [ILedger.RowProofStruct, ILedger.RowProofStruct];
      await asChallenger.challengeAuthorization(first);
      // Another challenge has frozen the rest in the meantime.
      const asChallenges = market.escrow.connect(await signerOf(await challenges.getAddress()));
      await asChallenges.freeze(1, net(AMOUNT) - 5n);
      await asChallenger.challengeAuthorization(second);
      expect((await challenges.challenge(accountId, 1)).frozen).to.equal(5n);
      // Mature credit stays: it can be claimed, and not frozen.
      await toBucket(market, 3, 0);
      await asChallenges.thaw(1, net(AMOUNT) - 5n);
      expect(await asChallenges.freeze.staticCall(1, AMOUNT)).to.equal(0n);
      await asChallenges.freeze(1, AMOUNT);
      expect(await market.escrow.claimable(0, 1)).to.equal(net(AMOUNT) - 5n);
      expect(await market.escrow.frozenOf(1)).to.equal(net(AMOUNT) + 5n);
    });

    it("is taken once for a row, whatever became of it", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, asChallenger } = strict;
      const { proofs } = await challenged(strict, [served, served]);
      const again = async (seq: number) =>
        expectError(
          strict,
          asChallenger.challengeAuthorization(proofs[seq] as ILedger.RowProofStruct),
          "Challenges_AlreadyChallenged",
          [accountId, seq],
        );
      await again(0);
      await answer(strict, await authorized(strict));
      await again(0);
      await asChallenger.challengeAuthorization(proofs[1] as ILedger.RowProofStruct);
      await letItPass(strict, 1);
      await resolve(strict, 1);
      await market.registry.addBond(1, BOND);
      await again(1);
    });

    it("is open while the batch is, to the second: a dispute after the window is refused", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, asChallenger } = strict;
      await toBucket(market, 1, 50);
      const { proofs } = await settleRows(strict, [served, served]);
      const [first, second] = proofs as [ILedger.RowProofStruct, ILedger.RowProofStruct];
      await toBucket(market, 1, WINDOWS.challenge - 2);
      await asChallenger.challengeAuthorization(first);
      await toBucket(market, 1, 0);
      await expectError(
        strict,
        asChallenger.challengeAuthorization(second),
        "Challenges_WindowClosed",
        [0, 1],
      );
    });

    it("needs a proof and the deposit", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, challenges, other } = strict;
      const { proofs } = await settleRows(strict);
      const proof = proofs[0] as ILedger.RowProofStruct;
      await expect(
        strict.asChallenger.challengeAuthorization({ ...proof, startSeq: 1 }),
      ).to.be.revertedWithCustomError(market.ledger, "Ledger_WrongProof");
      await expect(challenges.connect(other).challengeAuthorization(proof)).to.be.revertedWithCustomError(
        market.token,
        "ERC20InsufficientAllowance",
      );
      expect(await stateOf(strict)).to.equal(NONE);
    });

    it("remembers the epoch of the batch, also in the next one", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, asChallenger, challenges, accountId } = strict;
      const epoch = await market.ledger.epochAt(await market.now());
      await time.increaseTo((epoch + 1n) * BigInt(WINDOWS.epoch) - 100n);
      const { proofs } = await settleRows(strict);
      await time.increase(200);
      await asChallenger.challengeAuthorization(proofs[0] as ILedger.RowProofStruct);
      expect((await challenges.challenge(accountId, 0)).epoch).to.equal(epoch);
    });
  });
});
