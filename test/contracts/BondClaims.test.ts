/** What is claimed of a bond: who waits for how long, in what order, and what penalties may take meanwhile. */
import { expect } from "chai";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";

import type { AI1NET } from "../../types/contracts/index.ts";
import { ethers, loadFixture, networkHelpers, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  bucketOf,
  challenge,
  cheat,
  DEARER,
  deployDisputeWorld,
  effect,
  failed,
  furnish,
  HALF,
  LIST,
  net,
  priceOf,
  served,
  signedReceipt,
  TOKEN,
  toBucket,
  type World,
} from "./fixtures/disputeWorld.ts";
import { CLAIM, claimedBy, disputesSignerOf, settleGroups, SINK } from "./fixtures/evidence.ts";
import { BOND, Market, PENALTY, WINDOWS } from "./fixtures/market.ts";

const { refund: REFUND, compensation: COMPENSATION } = CLAIM;

async function ledgerSigner({ ledger }: Market): Promise<HardhatEthersSigner> {
  const address = await ledger.getAddress();
  await networkHelpers.impersonateAccount(address);
  await networkHelpers.setBalance(address, 10n ** 20n);
  return ethers.getSigner(address);
}

/** Has providers lack something in a batch, whatever their offers. */
async function recordShortfalls({ market }: World, ...lacks: readonly (readonly [number, bigint])[]) {
  const words = lacks.map(([providerId, wei]) => (BigInt(providerId) << 224n) | wei);
  return market.disputes.connect(await ledgerSigner(market)).recordShortfalls(1, words);
}

/** Has an account claim `wei`, a multiple of the input price, and costs the penalty as far as the bond has it. */
async function claimRefund(world: World, wei: bigint, accountId = world.accountId): Promise<void> {
  // Whatever the bond, a receipt of what is served now is settled.
  const inputUnits = served.inputUnits + Number(wei / LIST.inputPrice);
  const evidence = await cheat({ ...world, accountId }, { inputUnits });
  await challenge(world, evidence);
}

/** Takes all but `wei` of the bond away. */
async function leaveBond({ market }: World, wei: bigint): Promise<void> {
  const { bonded, unbonding } = (await market.registry.operator(1)).bond;
  const asDisputes = await disputesSignerOf(market);
  const amount = bonded + unbonding - wei;
  await market.registry.connect(asDisputes).slash(1, amount);
  // Not to be counted: nobody but Disputes calls slash, and Disputes keeps nothing.
  await market.token.connect(asDisputes).transfer(SINK, amount);
}

/** When claims of `bucket` can be collected. */
const payableAt = (bucket: number): number => (bucket + 1) * WINDOWS.challenge + WINDOWS.unbonding;

/** Two accounts and two providers, each of an owner of its own, and a bond with nothing claimed of it. */
async function deployClaims() {
  const world = await deployDisputeWorld();
  const { market, other } = world;
  await market.registry.connect(other).registerProvider(other, 0); // 3
  const second = await market.openAccount(500n * TOKEN, 20, 1, { owner: other.address }); // 2
  await market.openAccount(500n * TOKEN); // 3
  return { ...world, second };
}

describe("Disputes", () => {
  describe("claims on the bond", () => {
    it("are recorded for what accounts lacked in a batch, for each provider, net of the fee", async () => {
      const world = await loadFixture(deployClaims);
      const { market, challenger } = world;
      const poor = await market.openAccount(AMOUNT + 5n);
      const rows = [served, { ...served, offerId: 3 }, { ...served, offerId: 2 }, served, failed];
      const dear = priceOf(served, DEARER);
      const { batch } = await settleGroups(market, [
        { accountId: world.accountId, appId: 0, rows: [served] },
        { accountId: poor, appId: 0, rows },
      ]);
      expect(batch.groups).to.have.lengthOf(2);
      const events = await market.disputes.queryFilter(market.disputes.filters.ClaimRecorded());
      const bucket = await bucketOf(market);
      expect(
        events.map(({ args }) => [args.operatorId, args.kind, args.id, args.bucket, args.amount]),
      ).to.deep.equal(
        [
          [1, COMPENSATION, 1, bucket, net(AMOUNT)],
          [1, COMPENSATION, 2, bucket, net(dear)],
          [1, COMPENSATION, 1, bucket, net(dear - 5n)],
        ].map((args) => args.map(BigInt)),
      );
      expect(await market.disputes.claimOf(1, COMPENSATION, 1, bucket)).to.equal(
        net(AMOUNT) + net(dear - 5n),
      );
      const { refunds, compensations } = await market.disputes.openClaimsByKind(1);
      expect([refunds, compensations]).to.deep.equal([0n, net(AMOUNT) + net(dear) + net(dear - 5n)]);
      expect(await market.disputes.openClaims(1)).to.equal(compensations);
      expect(await market.disputes.freeOfRefunds(1)).to.equal(BOND);
      await expect(market.disputes.connect(challenger).recordShortfalls(1, [1n]))
        .to.be.revertedWithCustomError(market.disputes, "Disputes_NotLedger")
        .withArgs(challenger.address);
    });

    it("add up in a bucket of time, and stand apart in two", async () => {
      const world = await loadFixture(deployClaims);
      const { market } = world;
      await toBucket(market, 1, 100);
      const bucket = await bucketOf(market);
      await recordShortfalls(world, [1, 3n], [2, 50n]);
      await recordShortfalls(world, [1, 4n]);
      await claimRefund(world, LIST.inputPrice);
      await toBucket(market, 1, 100);
      await recordShortfalls(world, [1, 600n]);
      const claim = async (kind: 0 | 1, id: number, of: number) => market.disputes.claimOf(1, kind, id, of);
      expect(await claim(COMPENSATION, 1, bucket)).to.equal(7n);
      expect(await claim(COMPENSATION, 2, bucket)).to.equal(50n);
      expect(await claim(COMPENSATION, 1, bucket + 1)).to.equal(600n);
      expect(await claim(REFUND, 1, bucket)).to.equal(LIST.inputPrice);
      expect(await claim(REFUND, 1, bucket + 1)).to.equal(0n);
      expect(await market.disputes.openClaims(1)).to.equal(657n + LIST.inputPrice);
      expect(await market.disputes.openClaims(2)).to.equal(0n);
      expect(await market.disputes.freeOfRefunds(1)).to.equal(BOND - PENALTY - LIST.inputPrice);
    });
  });

  describe("collect", () => {
    it("pays a payer's claim once the unbonding period is over since its bucket ended, to the second", async () => {
      const world = await loadFixture(deployClaims);
      const { market, challenger } = world;
      const { disputes, escrow } = market;
      const wei = 7n * LIST.inputPrice;
      await claimRefund(world, wei);
      const bucket = await bucketOf(market);
      const at = payableAt(bucket);
      const collect = async () => disputes.connect(challenger).collect(1, REFUND, 1, bucket);
      await time.setNextBlockTimestamp(at - 1);
      await expect(collect())
        .to.be.revertedWithCustomError(disputes, "Disputes_NotPayableYet")
        .withArgs(at, at - 1);
      await time.setNextBlockTimestamp(at);
      const { delta } = await effect(world, collect);
      expect(delta).to.deep.include({
        bond: -wei,
        escrow: wei,
        account: wei,
        claimedByAccount: -wei,
        refunds: -wei,
        compensations: 0n,
        challenger: 0n,
        sink: 0n,
      });
      await expect(collect())
        .to.be.revertedWithCustomError(disputes, "Disputes_NoClaim")
        .withArgs(1, REFUND, 1, bucket);
      expect((await escrow.account(1)).balance).to.be.greaterThan(0n);
    });

    it("pays a provider's claim into its earnings, where it matures like any credit", async () => {
      const world = await loadFixture(deployClaims);
      const { market, challenger } = world;
      const { disputes, escrow } = market;
      await recordShortfalls(world, [2, 1_000n]);
      const bucket = await bucketOf(market);
      await time.increaseTo(payableAt(bucket));
      await expect(disputes.connect(challenger).collect(1, COMPENSATION, 2, bucket))
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, COMPENSATION, 2, bucket, 1_000, 1_000)
        .and.to.emit(escrow, "Compensated")
        .withArgs(2, 1_000);
      expect([await escrow.pending(0, 2), await escrow.claimable(0, 2)]).to.deep.equal([1_000n, 0n]);
      expect(await disputes.openClaims(1)).to.equal(0n);
      await toBucket(market, 2, 0);
      expect(await escrow.claimable(0, 2)).to.equal(1_000n);
    });

    it("says what it refunded", async () => {
      const world = await loadFixture(deployClaims);
      const { market } = world;
      await claimRefund(world, LIST.inputPrice);
      const bucket = await bucketOf(market);
      await time.increaseTo(payableAt(bucket));
      await expect(market.disputes.collect(1, REFUND, 1, bucket))
        .to.emit(market.disputes, "ClaimCollected")
        .withArgs(1, REFUND, 1, bucket, LIST.inputPrice, LIST.inputPrice)
        .and.to.emit(market.escrow, "Refunded")
        .withArgs(1, LIST.inputPrice);
    });

    it("knows claims by operator, kind, id and bucket only", async () => {
      const world = await loadFixture(deployClaims);
      const { market } = world;
      await recordShortfalls(world, [1, 1_000n]);
      const bucket = await bucketOf(market);
      await time.increaseTo(payableAt(bucket + 1));
      for (const [operatorId, kind, id, of] of [
        [2, COMPENSATION, 1, bucket],
        [1, REFUND, 1, bucket],
        [1, COMPENSATION, 2, bucket],
        [1, COMPENSATION, 1, bucket + 1],
        [1, COMPENSATION, 1, bucket - 1],
      ] as const)
        await expect(market.disputes.collect(operatorId, kind, id, of))
          .to.be.revertedWithCustomError(market.disputes, "Disputes_NoClaim")
          .withArgs(operatorId, kind, id, of);
    });

    it("pays nobody twice when the token calls back (reentrancy)", async () => {
      const token = await ethers.deployContract("CallbackToken", [(await ethers.getSigners())[0]]);
      const world = await furnish(await Market.deployOn(ethers, token as unknown as AI1NET));
      const { market } = world;
      const wei = 9n * LIST.inputPrice;
      await claimRefund(world, wei);
      const bucket = await bucketOf(market);
      await time.increaseTo(payableAt(bucket));
      await token.arm(
        market.disputes,
        market.disputes.interface.encodeFunctionData("collect", [1, REFUND, 1, bucket]),
      );
      const { delta } = await effect(world, async () => market.disputes.collect(1, REFUND, 1, bucket));
      expect(delta).to.deep.include({ bond: -wei, account: wei, refunds: -wei });
      expect([await token.succeeded(), await token.failed()]).to.deep.equal([0n, 2n]);
      expect(market.disputes.interface.parseError(await token.reason())?.name).to.equal("Disputes_NoClaim");
    });
  });

  describe("collect, from a bond that is too small", () => {
    const UNIT = LIST.inputPrice;

    it("shares it among refunds pro rata, whoever comes first", async () => {
      const world = await loadFixture(deployClaims);
      const { market, second, other, challenger } = world;
      const { disputes, owner } = market;
      await claimRefund(world, 100n * UNIT);
      await market.registry.addBond(1, BOND); // to go on settling
      await claimRefund(world, 300n * UNIT, second);
      const bucket = await bucketOf(market);
      await leaveBond(world, 200n * UNIT);
      await time.increaseTo(payableAt(bucket));
      // What is given up is given up by its owner alone, not by whoever calls.
      for (const [by, id, available, claimed] of [
        [challenger, 1, 50n, 100n],
        [owner, second, 150n, 300n],
        [other, 1, 50n, 100n],
      ] as const)
        await expect(disputes.connect(by).collect(1, REFUND, id, bucket))
          .to.be.revertedWithCustomError(disputes, "Disputes_BondTooSmall")
          .withArgs(available * UNIT, claimed * UNIT);
      const { delta } = await effect({ ...world, accountId: second }, async () =>
        disputes.connect(other).collect(1, REFUND, second, bucket),
      );
      expect(delta).to.deep.include({ account: 150n * UNIT, bond: -150n * UNIT, refunds: -300n * UNIT });
      // The one that waited has the same share.
      const { delta: last } = await effect(world, async () =>
        disputes.connect(owner).collect(1, REFUND, 1, bucket),
      );
      expect(last).to.deep.include({ account: 50n * UNIT, bond: -50n * UNIT, refunds: -100n * UNIT });
      expect(await disputes.openClaims(1)).to.equal(0n);
    });

    it("pays compensations what refunds leave, pro rata", async () => {
      const world = await loadFixture(deployClaims);
      const { market, other } = world;
      const { disputes, owner } = market;
      await claimRefund(world, 100n * UNIT);
      await recordShortfalls(world, [1, 40n * UNIT], [3, 160n * UNIT]);
      const bucket = await bucketOf(market);
      await leaveBond(world, 150n * UNIT);
      await time.increaseTo(payableAt(bucket));
      await expect(disputes.connect(other).collect(1, COMPENSATION, 1, bucket))
        .to.be.revertedWithCustomError(disputes, "Disputes_BondTooSmall")
        .withArgs(10n * UNIT, 40n * UNIT);
      await expect(disputes.connect(other).collect(1, COMPENSATION, 3, bucket))
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, COMPENSATION, 3, bucket, 160n * UNIT, 40n * UNIT);
      const { delta } = await effect(world, async () =>
        disputes.connect(owner).collect(1, COMPENSATION, 1, bucket),
      );
      expect(delta).to.deep.include({
        provider1: 10n * UNIT,
        compensations: -40n * UNIT,
        claimedBy1: -40n * UNIT,
        bond: -10n * UNIT,
      });
      // And the payer has all of its claim, from anybody's hand.
      await expect(disputes.connect(other).collect(1, REFUND, 1, bucket))
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, REFUND, 1, bucket, 100n * UNIT, 100n * UNIT);
      expect((await market.registry.operator(1)).bond.unbonding).to.equal(0n);
    });

    it("pays compensations nothing while refunds claim it all; their owner may give up or wait", async () => {
      const world = await loadFixture(deployClaims);
      const { market, other } = world;
      const { disputes } = market;
      await claimRefund(world, 100n * UNIT);
      await recordShortfalls(world, [3, 10n * UNIT], [1, 10n * UNIT]);
      const bucket = await bucketOf(market);
      await leaveBond(world, 90n * UNIT);
      await time.increaseTo(payableAt(bucket));
      await expect(disputes.collect(1, COMPENSATION, 3, bucket))
        .to.be.revertedWithCustomError(disputes, "Disputes_BondTooSmall")
        .withArgs(0, 10n * UNIT);
      const given = disputes.connect(other).collect(1, COMPENSATION, 3, bucket);
      await expect(given)
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, COMPENSATION, 3, bucket, 10n * UNIT, 0);
      await expect(given).not.to.emit(market.registry, "Slashed");
      await expect(given).not.to.emit(market.escrow, "Compensated");
      expect(await disputes.claimOf(1, COMPENSATION, 3, bucket)).to.equal(0n);
      // The other one waits for the bond to be filled up, and has all of it.
      await market.registry.addBond(1, BOND);
      await expect(disputes.connect(other).collect(1, COMPENSATION, 1, bucket))
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, COMPENSATION, 1, bucket, 10n * UNIT, 10n * UNIT);
    });

    it("counts a bond that just covers the claims of a rank as enough", async () => {
      const world = await loadFixture(deployClaims);
      const { market, challenger } = world;
      const { disputes } = market;
      await claimRefund(world, 100n * UNIT);
      await recordShortfalls(world, [1, 30n * UNIT]);
      const bucket = await bucketOf(market);
      await leaveBond(world, 130n * UNIT);
      await time.increaseTo(payableAt(bucket));
      await disputes.connect(challenger).collect(1, COMPENSATION, 1, bucket);
      await disputes.connect(challenger).collect(1, REFUND, 1, bucket);
      expect(await disputes.openClaims(1)).to.equal(0n);
    });

    it("lets owners of accounts and of providers with the same id decide for themselves alone", async () => {
      const world = await loadFixture(deployClaims);
      const { market, other } = world;
      const { disputes, owner } = market;
      await claimRefund(world, 10n * UNIT, 3); // the owner's
      await recordShortfalls(world, [3, 10n * UNIT]); // the other's
      const bucket = await bucketOf(market);
      await leaveBond(world, 5n * UNIT);
      await time.increaseTo(payableAt(bucket));
      await expect(disputes.connect(other).collect(1, REFUND, 3, bucket)).to.be.revertedWithCustomError(
        disputes,
        "Disputes_BondTooSmall",
      );
      await expect(disputes.connect(owner).collect(1, COMPENSATION, 3, bucket)).to.be.revertedWithCustomError(
        disputes,
        "Disputes_BondTooSmall",
      );
      await disputes.connect(other).collect(1, COMPENSATION, 3, bucket);
      await disputes.connect(owner).collect(1, REFUND, 3, bucket);
    });
  });

  describe("penalties", () => {
    /** A bond of which refunds leave `free`, and evidence that costs nothing but the penalty. */
    async function freeBond(free: bigint) {
      const world = await loadFixture(deployClaims);
      const claimed = 100n * LIST.inputPrice;
      await claimRefund(world, claimed);
      await world.market.registry.addBond(1, BOND);
      const evidence = await cheat(world, { timing: 99 });
      await leaveBond(world, claimed + free);
      return { world, evidence, claimed };
    }

    const CASES: readonly [name: string, free: bigint, taken: bigint, reward: bigint][] = [
      ["all of it when there is just enough", PENALTY, PENALTY, HALF],
      ["what is left, half of it rounded down for the challenger", PENALTY - 1n, PENALTY - 1n, HALF - 1n],
      ["a wei, and no reward", 1n, 1n, 0n],
      ["nothing", 0n, 0n, 0n],
    ];
    for (const [name, free, taken, reward] of CASES)
      it(`never take what refunds claim: ${name}`, async () => {
        const { world, evidence } = await freeBond(free);
        const challenged = async () => {
          const sent = await challenge(world, evidence);
          const slashed = expect(sent);
          await (taken === 0n ? slashed.not : slashed.to).emit(world.market.registry, "Slashed");
          return sent;
        };
        const { delta } = await effect(world, challenged);
        expect(delta).to.deep.include({
          bond: -taken,
          challenger: reward,
          sink: taken - reward,
          refunds: 0n,
        });
        const { penalized } = await world.market.disputes.judgement(1, world.accountId, 1);
        expect(penalized).to.equal(true);
      });

    it("count the very refund that their evidence brings", async () => {
      const world = await loadFixture(deployClaims);
      const wei = 50n * LIST.inputPrice;
      const evidence = await cheat(world, { inputUnits: served.inputUnits + 50 });
      await leaveBond(world, wei + 10n);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ refunds: wei, bond: -10n, challenger: 5n, sink: 5n });
    });

    it("take what compensations claim: those share what is left", async () => {
      const world = await loadFixture(deployClaims);
      const { market } = world;
      await recordShortfalls(world, [1, BOND]);
      const bucket = await bucketOf(market);
      const { delta } = await effect(world, async () => challenge(world, await cheat(world, { timing: 99 })));
      expect(delta.bond).to.equal(-PENALTY);
      await time.increaseTo(payableAt(bucket));
      await expect(market.disputes.connect(market.owner).collect(1, COMPENSATION, 1, bucket))
        .to.emit(market.disputes, "ClaimCollected")
        .withArgs(1, COMPENSATION, 1, bucket, BOND, BOND - PENALTY);
    });

    it("are never made up for later: a bond that had none loses none once it is filled", async () => {
      const { world, evidence } = await freeBond(0n);
      const { market } = world;
      await challenge(world, evidence);
      await market.registry.addBond(1, BOND);
      const again = await signedReceipt(world, { seq: 1, responseHash: ethers.id("again") });
      await expect(challenge(world, { ...again, proof: evidence.proof })).to.be.revertedWithCustomError(
        market.disputes,
        "Disputes_NothingLeft",
      );
    });
  });

  describe("the bond (I-12)", () => {
    it("is reached while it is being unbonded, to the last moment of the last window", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const before = await market.now();
      await market.registry.requestUnbond(1, BOND);
      // The latest that an operator without a bond may settle what it served with one.
      await time.increase(WINDOWS.settle + WINDOWS.maxPause - 60);
      const span = { servedFromSec: before, servedToSec: before };
      const evidence = await cheat(world, { inputUnits: 101 }, { servedAt: before }, span);
      const bucket = await bucketOf(market);
      await time.increaseTo((bucket + 2) * WINDOWS.challenge - 2);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, refunds: LIST.inputPrice });
      const { bonded, unbonding, readyAt } = (await market.registry.operator(1)).bond;
      expect([bonded, unbonding]).to.deep.equal([0n, BOND - PENALTY]);
      await time.increaseTo(readyAt);
      // All but what the payer claims.
      await expect(market.registry.withdrawBond(1, market.owner)).to.changeTokenBalance(
        ethers,
        market.token,
        market.owner,
        unbonding - LIST.inputPrice,
      );
    });

    it("leaves all but what is claimed of it, and the rest once that is paid", async () => {
      const world = await loadFixture(deployClaims);
      const { market, challenger } = world;
      const { registry, disputes, token, owner } = market;
      await registry.requestUnbond(1, BOND);
      await time.increase(WINDOWS.unbonding - 100);
      // Claimed a moment before the bond may leave: it is still payable only after its own time.
      await recordShortfalls(world, [1, 3n * TOKEN]);
      const bucket = await bucketOf(market);
      await time.increase(100);
      await expect(registry.withdrawBond(1, owner))
        .to.emit(registry, "Unbonded")
        .withArgs(true, 1, BOND - 3n * TOKEN, owner.address);
      await expect(registry.withdrawBond(1, owner))
        .to.be.revertedWithCustomError(registry, "Registry_BondClaimed")
        .withArgs(3n * TOKEN, 3n * TOKEN);
      expect(await token.balanceOf(registry)).to.be.at.least(3n * TOKEN);
      await time.increaseTo(payableAt(bucket));
      await disputes.connect(challenger).collect(1, COMPENSATION, 1, bucket);
      expect(await market.escrow.pending(0, 1)).to.equal(3n * TOKEN);
      const { bonded, unbonding, readyAt } = (await registry.operator(1)).bond;
      expect([bonded, unbonding, readyAt]).to.deep.equal([0n, 0n, 0n]);
      await expect(registry.withdrawBond(1, owner)).to.be.revertedWithCustomError(
        registry,
        "Registry_NotUnbonded",
      );
    });

    it("lets a part leave whole when the rest covers the claims, and what is left of it when not", async () => {
      const world = await loadFixture(deployClaims);
      const { market } = world;
      const { registry, owner } = market;
      await registry.addBond(1, BOND);
      await registry.requestUnbond(1, BOND);
      await recordShortfalls(world, [1, BOND + 4n]);
      await time.increase(WINDOWS.unbonding);
      await expect(registry.withdrawBond(1, owner))
        .to.emit(registry, "Unbonded")
        .withArgs(true, 1, BOND - 4n, owner.address);
      const left = (await registry.operator(1)).bond;
      expect([left.bonded, left.unbonding]).to.deep.equal([BOND, 4n]);
      expect(left.readyAt).to.not.equal(0n);
      // The four wei wait; another bond beside them frees them.
      await expect(registry.withdrawBond(1, owner)).to.be.revertedWithCustomError(
        registry,
        "Registry_BondClaimed",
      );
      await registry.addBond(1, 10n);
      await expect(registry.withdrawBond(1, owner))
        .to.emit(registry, "Unbonded")
        .withArgs(true, 1, 4n, owner.address);
      expect((await registry.operator(1)).bond.readyAt).to.equal(0n);
    });

    it("is not held back by claims on another operator's bond", async () => {
      const world = await loadFixture(deployClaims);
      const { market, other } = world;
      const { registry, token } = market;
      await token.transfer(other, BOND);
      await token.connect(other).approve(registry, BOND);
      await registry.connect(other).registerOperator(other, other, other, BOND);
      await recordShortfalls(world, [1, BOND]);
      await registry.connect(other).requestUnbond(2, BOND);
      await time.increase(WINDOWS.unbonding);
      await expect(registry.connect(other).withdrawBond(2, other))
        .to.emit(registry, "Unbonded")
        .withArgs(true, 2, BOND, other.address);
    });

    it("is taken from what counts first, then from what was asked back", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      await market.registry.addBond(1, BOND);
      await market.registry.requestUnbond(1, BOND);
      const { readyAt } = (await market.registry.operator(1)).bond;
      const asDisputes = market.registry.connect(await disputesSignerOf(market));
      await expect(asDisputes.slash(1, BOND + 5n))
        .to.emit(market.registry, "Slashed")
        .withArgs(1, BOND + 5n, 0, BOND - 5n, (await market.now()) + 1 + WINDOWS.unbonding);
      expect((await market.registry.operator(1)).bond.readyAt).to.be.greaterThan(readyAt);
      await asDisputes.slash(1, BOND);
      const { bonded, unbonding, readyAt: none } = (await market.registry.operator(1)).bond;
      expect([bonded, unbonding, none]).to.deep.equal([0n, 0n, 0n]);
    });

    it("left below the minimum stops the operator, until it brings the minimum again", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      await challenge(world, await cheat(world, { timing: 99 }));
      const { bonded, unbonding, readyAt } = (await market.registry.operator(1)).bond;
      expect([bonded, unbonding]).to.deep.equal([0n, BOND - PENALTY]);
      expect(readyAt).to.equal(BigInt((await market.now()) + WINDOWS.unbonding));
      // What it served so far may still be settled, nothing later.
      await cheat(world);
      await time.increase(60);
      await expect(cheat(world)).to.be.revertedWithCustomError(market.registry, "Registry_BondTooLow");
      await expect(market.registry.addBond(1, BOND - 1n)).to.be.revertedWithCustomError(
        market.registry,
        "Registry_BondTooLow",
      );
      await market.registry.addBond(1, BOND);
      await cheat(world);
    });

    it("an operator that invents rows on an empty account to drain its own bond gets nothing ahead of its victims", async () => {
      const world = await loadFixture(deployClaims);
      const { market, challenger } = world;
      const { disputes, registry, owner } = market;
      // Somebody was cheated; the operator, itself provider 1, hurries to claim the whole bond before that is shown.
      const evidence = await cheat(world, { inputUnits: served.inputUnits + 200_000 });
      const victim = 200_000n * LIST.inputPrice;
      const empty = await market.openAccount(1n);
      const invented = { ...served, inputUnits: 2 ** 24 - 1 };
      await settleGroups(market, [{ accountId: empty, appId: 0, rows: [invented] }]);
      const bucket = await bucketOf(market);
      expect(await claimedBy(market, COMPENSATION, 1)).to.be.greaterThan(BOND);
      await expect(disputes.connect(owner).collect(1, COMPENSATION, 1, bucket)).to.be.revertedWithCustomError(
        disputes,
        "Disputes_NotPayableYet",
      );
      expect((await registry.operator(1)).bond.bonded).to.equal(BOND);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, challenger: HALF, claimedByAccount: victim });

      await time.increaseTo(payableAt(await bucketOf(market)));
      await expect(registry.withdrawBond(1, owner)).to.be.revertedWithCustomError(
        registry,
        "Registry_BondClaimed",
      );
      await expect(disputes.connect(owner).collect(1, COMPENSATION, 1, bucket))
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, COMPENSATION, 1, bucket, (amount: bigint) => amount > BOND, BOND - PENALTY - victim);
      await expect(disputes.connect(challenger).collect(1, REFUND, 1, bucket))
        .to.emit(disputes, "ClaimCollected")
        .withArgs(1, REFUND, 1, bucket, victim, victim);
    });
  });
});
