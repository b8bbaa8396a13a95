/** D4, answered: what is an authorization of a row, and what is not. */
import { expect } from "chai";

import type { ILedger } from "../../types/contracts/index.ts";
import { ethers, loadFixture, saltOf, time } from "./fixtures/chain.ts";
import { AMOUNT, DEPOSIT, effect, net, served, withAppFee } from "./fixtures/disputeWorld.ts";
import { malleated, settleGroups, stranger } from "./fixtures/evidence.ts";
import { BOND } from "./fixtures/market.ts";
import { signAuthorization } from "./fixtures/sign.ts";
import {
  STAKE,
  NONE,
  ANSWERED,
  REFUNDED,
  deployStrict,
  settleRows,
  challenged,
  stateOf,
  authorized,
  answer,
  resolve,
  letItPass,
  expectError,
} from "./fixtures/strictWorld.ts";

describe("Challenges", () => {
  describe("answer", () => {
    it("gives the deposit to the operator, and the provider its credit, claimable at once", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, challenges } = strict;
      await challenged(strict);
      const shown = await authorized(strict);
      const { delta } = await effect(strict, async () => answer(strict, shown));
      expect(delta).to.deep.include({
        challenges: -STAKE,
        operatorPayee: STAKE,
        frozen1: -net(AMOUNT),
        provider1: net(AMOUNT),
        bond: 0n,
        account: 0n,
        refunds: 0n,
      });
      expect(await market.escrow.claimable(0, 1)).to.equal(net(AMOUNT));
      expect(await stateOf(strict)).to.equal(ANSWERED);
      expect(await challenges.usedBy(accountId, shown.authorization.nonce)).to.equal(1n);
      const events = await challenges.queryFilter(challenges.filters.ChallengeAnswered());
      expect(events.map(({ args }) => [args.operatorId, args.accountId, args.seq, args.nonce])).to.deep.equal(
        [[1n, BigInt(accountId), 0n, shown.authorization.nonce]],
      );
    });

    it("shows an authorization that no contract ever executes", async () => {
      const strict = await loadFixture(deployStrict);
      const { market } = strict;
      const { authorization, signature } = await authorized(strict);
      const { from, to, value, validAfter, validBefore, nonce } = authorization;
      await expect(
        market.token["transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"](
          from,
          to,
          value,
          validAfter,
          validBefore,
          nonce,
          signature,
        ),
      ).to.be.revertedWithCustomError(market.token, "AI1NET_InvalidSignature");
      expect(market.escrow.interface.getFunction("transferWithAuthorization" as "name")).to.equal(null);
    });

    it("is the signer's, and nobody else's: no stranger, no owner, no bent field, no malleable or zero signature", async () => {
      const strict = await loadFixture(deployStrict);
      const { market } = strict;
      await challenged(strict);
      const good = await authorized(strict);
      const { signature, authorization } = good;
      const own = await authorized(strict, { from: stranger.address }, stranger);
      for (const forged of [
        await authorized(strict, {}, stranger),
        await authorized(strict, {}, market.owner),
        own,
        await authorized(strict, { from: stranger.address }),
        { authorization: own.authorization, signature },
        { authorization: { ...authorization, value: AMOUNT + 1n }, signature },
        { authorization: { ...authorization, nonce: saltOf("other") }, signature },
        { authorization: { ...authorization, validBefore: authorization.validBefore + 1 }, signature },
        { authorization, signature: malleated(signature) },
        { authorization, signature: `0x${"00".repeat(65)}` },
        { authorization, signature: "0x" },
        {
          authorization,
          signature: await signAuthorization(
            market.escrow,
            strict.signer,
            "ReceiveWithAuthorization",
            authorization,
          ),
        },
        {
          authorization,
          signature: await signAuthorization(
            market.token,
            strict.signer,
            "TransferWithAuthorization",
            authorization,
          ),
        },
      ])
        await expectError(strict, answer(strict, forged), "Challenges_NotAuthorized");
      await answer(strict, good);
    });

    it("is to a payee of this operator: the present one or a past one, never a rival's or a stranger's", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, other, payee } = strict;
      await market.registry.registerOperator(other, other, other, BOND);
      await challenged(strict);
      for (const to of [other.address, stranger.address, ethers.ZeroAddress])
        await expectError(strict, answer(strict, await authorized(strict, { to })), "Challenges_WrongPayee", [
          to,
          1,
        ]);
      // The payer signed for the payee of that day; the deposit goes to that of today.
      await market.registry.setOperatorPayee(1, stranger.address);
      const before = await market.token.balanceOf(stranger.address);
      await answer(strict, await authorized(strict, { to: payee.address }));
      expect((await market.token.balanceOf(stranger.address)) - before).to.equal(STAKE);
    });

    it("covers the row's price and its app's fee", async () => {
      const strict = await loadFixture(deployStrict);
      await challenged(strict, [served], 1);
      const due = withAppFee(AMOUNT);
      await expectError(
        strict,
        answer(strict, await authorized(strict, { value: due - 1n })),
        "Challenges_AuthorizationTooLow",
        [due - 1n, due],
      );
      await answer(strict, await authorized(strict, { value: due }));
    });

    it("was valid at some time of the batch's span", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, accountId, asChallenger } = strict;
      await time.increase(3_600);
      const servedFromSec = (await market.now()) - 600;
      const servedToSec = servedFromSec + 300;
      const rows = [served, served];
      const { proofOf } = await settleGroups(market, [{ accountId, appId: 0, rows }], {
        servedFromSec,
        servedToSec,
      });
      for (const i of [0, 1]) await asChallenger.challengeAuthorization(proofOf(0, i));
      for (const [validAfter, validBefore] of [
        [0, servedFromSec - 1],
        [servedToSec + 1, servedToSec + 100],
      ] as const)
        await expectError(
          strict,
          answer(strict, await authorized(strict, { validAfter, validBefore })),
          "Challenges_AuthorizationExpired",
          [validAfter, validBefore],
        );
      const ended = { validAfter: 0, validBefore: servedFromSec, nonce: saltOf("ended") };
      await answer(strict, await authorized(strict, ended), 0);
      const began = { validAfter: servedToSec, validBefore: servedToSec + 1, nonce: saltOf("began") };
      await answer(strict, await authorized(strict, began), 1);
    });

    it("one authorization shown for two rows answers for one of them only", async () => {
      const strict = await loadFixture(deployStrict);
      const { accountId, asChallenger } = strict;
      const { proofs } = await settleRows(strict, [served, served, served]);
      for (const proof of proofs) await asChallenger.challengeAuthorization(proof);
      const shown = await authorized(strict);
      await answer(strict, shown, 1);
      for (const seq of [0, 2])
        await expectError(strict, answer(strict, shown, seq), "Challenges_AuthorizationUsed", [accountId, 1]);
      // The same nonce signed again is the same authorization to a payer.
      const again = await authorized(strict, { value: 2n * AMOUNT });
      await expectError(strict, answer(strict, again, 0), "Challenges_AuthorizationUsed", [accountId, 1]);
      await answer(strict, await authorized(strict, { nonce: saltOf("second") }), 0);
    });

    it("one authorization shown for the first row of an account is used, too", async () => {
      const strict = await loadFixture(deployStrict);
      const { accountId, asChallenger } = strict;
      const { proofs } = await settleRows(strict, [served, served]);
      for (const proof of proofs) await asChallenger.challengeAuthorization(proof);
      const shown = await authorized(strict);
      await answer(strict, shown, 0);
      await expectError(strict, answer(strict, shown, 1), "Challenges_AuthorizationUsed", [accountId, 0]);
    });

    it("one nonce of two accounts of one signer is two authorizations", async () => {
      const strict = await loadFixture(deployStrict);
      const { market, signer } = strict;
      await challenged(strict);
      const shown = await authorized(strict);
      await answer(strict, shown);
      const second = await market.openAccount(DEPOSIT, 10, 1, { signer: signer.address, strict: true });
      const other = { ...strict, accountId: second };
      await challenged(other);
      await answer(other, shown);
      expect(await stateOf(other)).to.equal(ANSWERED);
    });

    it("is refused for a row that nobody challenged, twice, and after a refund", async () => {
      const strict = await loadFixture(deployStrict);
      const { accountId, asChallenger } = strict;
      const { proofs } = await challenged(strict, [served, served]);
      const shown = await authorized(strict);
      await expectError(strict, answer(strict, shown, 7), "Challenges_NotOpen", [accountId, 7, NONE]);
      await answer(strict, shown);
      await expectError(strict, answer(strict, shown), "Challenges_NotOpen", [accountId, 0, ANSWERED]);
      await expectError(strict, resolve(strict), "Challenges_NotOpen", [accountId, 0, ANSWERED]);
      await asChallenger.challengeAuthorization(proofs[1] as ILedger.RowProofStruct);
      await letItPass(strict, 1);
      await resolve(strict, 1);
      const second = await authorized(strict, { nonce: saltOf("second") });
      await expectError(strict, answer(strict, second, 1), "Challenges_NotOpen", [accountId, 1, REFUNDED]);
      await expectError(strict, resolve(strict, 1), "Challenges_NotOpen", [accountId, 1, REFUNDED]);
    });

    it("comes until the last second of the window", async () => {
      const strict = await loadFixture(deployStrict);
      const { challenges, accountId, asChallenger } = strict;
      const { proofs } = await settleRows(strict, [served, served]);
      for (const proof of proofs) await asChallenger.challengeAuthorization(proof);
      const shown = await authorized(strict);
      const late = await authorized(strict, { nonce: saltOf("late") });
      const [first, second] = [
        (await challenges.challenge(accountId, 0)).answerBy,
        (await challenges.challenge(accountId, 1)).answerBy,
      ];
      await time.setNextBlockTimestamp(first);
      await answer(strict, shown, 0);
      await time.setNextBlockTimestamp(second + 1n);
      await expectError(strict, answer(strict, late, 1), "Challenges_TooLate", [second, second + 1n]);
    });
  });
});
