/** D2: two receipts for one sequence number. */
import { expect } from "chai";

import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  challenge,
  DEARER,
  deployDisputeWorld,
  effect,
  expectRefused,
  failed,
  HALF,
  net,
  priceOf,
  receiptOf,
  served,
  type World,
} from "./fixtures/disputeWorld.ts";
import { malleated, settleGroups, signReceipt, stranger, type TestReceipt } from "./fixtures/evidence.ts";
import { PENALTY, WINDOWS } from "./fixtures/market.ts";

describe("Disputes", () => {
  describe("challengeEquivocation", () => {
    async function twoReceipts(
      world: World,
      changes: Partial<TestReceipt> = {},
      first: Partial<TestReceipt> = {},
    ) {
      const a = await receiptOf(world, first);
      const b = { ...a, responseHash: ethers.id("another response"), ...changes };
      return { a, b, sigA: await signReceipt(world.market, a), sigB: await signReceipt(world.market, b) };
    }

    type Two = Awaited<ReturnType<typeof twoReceipts>>;
    const equivocate = async ({ market, challenger }: World, { a, b, sigA, sigB }: Two) =>
      market.disputes.connect(challenger).challengeEquivocation(a, sigA, b, sigB);

    it("costs the penalty, and a provider that signed up for both claims what it surely lacks", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const two = await twoReceipts(world);
      const { delta } = await effect(world, async () => equivocate(world, two));
      expect(delta).to.deep.include({
        bond: -PENALTY,
        refunds: 0n,
        claimedBy1: net(AMOUNT),
        challenger: HALF,
        sink: HALF,
      });
    });

    it("says what it claimed, by both digests in their order", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, challenger, accountId } = world;
      const two = await twoReceipts(world);
      const digests = await Promise.all([two.a, two.b].map(async (r) => market.ledger.hashReceipt(r)));
      const evidence = ethers.keccak256(ethers.concat(digests));
      await expect(equivocate(world, two))
        .to.emit(market.disputes, "EvidencePaid")
        .withArgs(1, accountId, challenger.address, 1, 0, evidence, 1, 0, net(AMOUNT), PENALTY, HALF);
      const { refunded, penalized, equivocated } = await market.disputes.judgement(1, accountId, 0);
      expect([refunded, penalized, equivocated]).to.deep.equal([0n, true, true]);
    });

    it("compensates the lower of two prices, in either order", async () => {
      const dearer = { offerId: 3, amount: priceOf(served, DEARER) };
      for (const [first, second] of [
        [{}, dearer],
        [dearer, { offerId: 1, amount: AMOUNT }],
      ] as const) {
        const world = await loadFixture(deployDisputeWorld);
        const two = await twoReceipts(world, second, first);
        const { delta } = await effect(world, async () => equivocate(world, two));
        expect(delta.claimedBy1).to.equal(net(AMOUNT));
      }
    });

    it("compensates nothing for a receipt that no offer prices, or of a failed attempt", async () => {
      for (const [changes, first] of [
        [{ servedAt: 1 }, {}],
        [{ servedAt: 2 ** 40 - 1 }, { servedAt: 1 }],
        [{ ...failed, amount: 0n }, {}],
        [{}, { ...failed, amount: 0n, timing: 0 }],
      ] as const) {
        const world = await loadFixture(deployDisputeWorld);
        const two = await twoReceipts(world, changes, first);
        const { delta } = await effect(world, async () => equivocate(world, two));
        expect(delta).to.deep.include({ bond: -PENALTY, compensations: 0n });
      }
    });

    it("of two providers costs the penalty; the row decides who lacks what", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const two = await twoReceipts(world, { offerId: 2, amount: priceOf(served, DEARER) });
      const { delta } = await effect(world, async () => equivocate(world, two));
      expect(delta).to.deep.include({ bond: -PENALTY, compensations: 0n });

      // D1 after D2 on one sequence number: the other provider is made whole, and no second penalty is taken.
      const { proofOf } = await settleGroups(
        world.market,
        [{ accountId: world.accountId, appId: 0, rows: [served] }],
        { servedFromSec: two.a.servedAt, servedToSec: two.a.servedAt },
      );
      const own = { receipt: two.a, signature: two.sigA, proof: proofOf(0, 0) };
      await expectRefused(world, own, "Disputes_SettledAsSigned");
      const { delta: second } = await effect(world, async () =>
        challenge(world, { receipt: two.b, signature: two.sigB, proof: proofOf(0, 0) }),
      );
      const lacks = net(priceOf(served, DEARER));
      expect(second).to.deep.include({ bond: 0n, claimedBy2: lacks, challenger: 0n, sink: 0n });
    });

    it("is paid once, in either order, and not a third time with another receipt", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const two = await twoReceipts(world);
      await equivocate(world, two);
      const third = { ...two.b, requestHash: ethers.id("a third") };
      const swapped = { a: two.b, sigA: two.sigB, b: two.a, sigB: two.sigA };
      const others = { ...two, b: third, sigB: await signReceipt(world.market, third) };
      for (const again of [two, swapped, others])
        await expect(equivocate(world, again)).to.be.revertedWithCustomError(
          world.market.disputes,
          "Disputes_AlreadyPaid",
        );
    });

    it("is no matter of two sequence numbers, accounts or operators, nor of one receipt", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, other } = world;
      const { disputes } = market;
      for (const changes of [{ seq: 9 }, { accountId: 9 }])
        await expect(equivocate(world, await twoReceipts(world, changes))).to.be.revertedWithCustomError(
          disputes,
          "Disputes_OtherSequence",
        );
      await market.registry.registerOperator(other, other, other, 10n ** 21n);
      const rivals = await twoReceipts(world, { operatorId: 2 });
      await expect(equivocate(world, { ...rivals, sigB: await signReceipt(market, rivals.b, other) }))
        .to.be.revertedWithCustomError(disputes, "Disputes_OtherSequence")
        .withArgs(2, world.accountId, 0);
      const { a, sigA } = await twoReceipts(world);
      await expect(equivocate(world, { a, sigA, b: a, sigB: sigA })).to.be.revertedWithCustomError(
        disputes,
        "Disputes_SameReceipt",
      );
      await expect(equivocate(world, { a, sigA, b: a, sigB: malleated(sigA) })).to.be.revertedWithCustomError(
        disputes,
        "Receipt_NotSigned",
      );
    });

    it("needs the operator's signature on both", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const two = await twoReceipts(world);
      for (const forged of [
        { ...two, sigA: await signReceipt(market, two.a, stranger) },
        { ...two, sigB: await signReceipt(market, two.b, stranger) },
      ])
        await expect(equivocate(world, forged)).to.be.revertedWithCustomError(
          market.disputes,
          "Receipt_NotSigned",
        );
    });

    it("needs no row and no time: an old lie still costs the bond", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const two = await twoReceipts(world);
      await time.increase(100 * WINDOWS.challenge);
      const { delta } = await effect(world, async () => equivocate(world, two));
      expect(delta).to.deep.include({ bond: -PENALTY, claimedBy1: net(AMOUNT) });
    });

    it("after a row was challenged takes no second penalty, and is refused if nobody lacks anything", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const two = await twoReceipts(world, { offerId: 2, amount: priceOf(served, DEARER) });
      const { proofOf } = await settleGroups(world.market, [
        { accountId: world.accountId, appId: 0, rows: [{ ...served, timing: 7 }] },
      ]);
      await challenge(world, { receipt: two.a, signature: two.sigA, proof: proofOf(0, 0) });
      await expect(equivocate(world, two)).to.be.revertedWithCustomError(
        world.market.disputes,
        "Disputes_NothingLeft",
      );
    });
  });
});
