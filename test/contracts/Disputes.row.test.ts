/** D1: a settled row is not what was signed for it. What that costs the operator, and who claims what of its bond. */
import { expect } from "chai";

import type { Group, Row } from "../../router/model/batch.ts";
import type { AI1NET } from "../../types/contracts/index.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  bucketOf,
  challenge,
  cheat,
  DEARER,
  deployDisputeWorld,
  effect,
  expectRefused,
  failed,
  feeOf,
  furnish,
  HALF,
  LIST,
  net,
  priceOf,
  receiptOf,
  rewardable,
  served,
  signedReceipt,
  toBucket,
  withAppFee,
} from "./fixtures/disputeWorld.ts";
import {
  disputesSignerOf,
  malleated,
  settleGroups,
  signReceipt,
  SINK,
  stranger,
} from "./fixtures/evidence.ts";
import { BOND, Market, PENALTY, PROTOCOL_FEE_BPS, WINDOWS } from "./fixtures/market.ts";

describe("Disputes", () => {
  describe("constructor", () => {
    it("is wired to contracts that answer to it, with a penalty within its range", async () => {
      const { market } = await loadFixture(deployDisputeWorld);
      const { disputes, registry, escrow, ledger, owner } = market;
      expect(await disputes.penalty()).to.equal(PENALTY);
      expect([await disputes.registry(), await disputes.escrow(), await disputes.ledger()]).to.deep.equal([
        registry.target,
        escrow.target,
        ledger.target,
      ]);
      expect([await disputes.settleWindow(), await disputes.selfSettleWindow()]).to.deep.equal([
        BigInt(WINDOWS.settle),
        BigInt(WINDOWS.selfSettle),
      ]);
      const challenges = await market.challenges();
      expect([
        await challenges.registry(),
        await challenges.escrow(),
        await challenges.ledger(),
        await challenges.disputes(),
      ]).to.deep.equal([registry.target, escrow.target, ledger.target, disputes.target]);
      expect(await challenges.deposit()).to.equal(PENALTY / 10n);

      const factory = await ethers.getContractFactory("Disputes");
      // Neither answers to another one than the first.
      await expect(factory.deploy(registry, escrow, ledger, WINDOWS, PENALTY))
        .to.be.revertedWithCustomError(disputes, "Disputes_Miswired")
        .withArgs(registry.target);
      const next = ethers.getCreateAddress({ from: owner.address, nonce: (await owner.getNonce()) + 1 });
      const own = await ethers.deployContract("Registry", [market.token, WINDOWS, BOND, BOND, owner, next]);
      await expect(factory.deploy(own, escrow, ledger, WINDOWS, PENALTY))
        .to.be.revertedWithCustomError(disputes, "Disputes_Miswired")
        .withArgs(escrow.target);
    });

    it("refuses penalties out of range, and windows that are not those of its Registry and Escrow", async () => {
      const { market } = await loadFixture(deployDisputeWorld);
      const { disputes, token, ledger, owner } = market;
      const factory = await ethers.getContractFactory("Disputes");
      const deploy = async (penalty: bigint, windows = WINDOWS) => {
        const from = owner.address;
        const address = ethers.getCreateAddress({ from, nonce: (await owner.getNonce()) + 2 });
        const registry = await ethers.deployContract("Registry", [
          token,
          WINDOWS,
          BOND,
          BOND,
          owner,
          address,
        ]);
        const escrow = await ethers.deployContract("Escrow", [
          token,
          registry,
          ledger,
          WINDOWS,
          owner,
          address,
          owner,
        ]);
        return factory.deploy(registry, escrow, ledger, windows, penalty);
      };
      const [lowest, highest] = [10n ** 18n, 10n ** 24n];
      for (const penalty of [lowest - 1n, highest + 1n])
        // oxlint-disable-next-line no-await-in-loop
        await expect(deploy(penalty))
          .to.be.revertedWithCustomError(disputes, "Disputes_PenaltyOutOfRange")
          .withArgs(penalty, lowest, highest);
      for (const changes of [{ challenge: WINDOWS.challenge - 1 }, { unbonding: WINDOWS.unbonding + 1 }])
        // oxlint-disable-next-line no-await-in-loop
        await expect(deploy(lowest, { ...WINDOWS, ...changes })).to.be.revertedWithCustomError(
          disputes,
          "Disputes_Miswired",
        );
      await deploy(lowest);
      await deploy(highest);
    });

    it("alone may slash, refund, compensate, charge receipts and correct what rewards are measured by", async () => {
      const { market, challenger } = await loadFixture(deployDisputeWorld);
      const { registry, escrow, ledger, disputes } = market;
      await expect(registry.connect(challenger).slash(1, 1))
        .to.be.revertedWithCustomError(registry, "Registry_NotDisputes")
        .withArgs(challenger.address);
      const charge = {
        operatorId: 1,
        accountId: 1,
        seq: 0,
        providerId: 1,
        appId: 0,
        amount: 1,
        appFee: 0,
        protocolFeeBps: 0,
        epoch: 0,
      };
      const asStranger = escrow.connect(challenger);
      for (const call of [
        asStranger.refund(1, 1),
        asStranger.compensate(1, 1),
        asStranger.chargeReceipt(charge),
      ])
        // oxlint-disable-next-line no-await-in-loop
        await expect(call)
          .to.be.revertedWithCustomError(escrow, "Escrow_NotDisputes")
          .withArgs(challenger.address);
      for (const call of [
        ledger.connect(challenger).reverse(1, 0, 1, 0, 1),
        ledger.connect(challenger).noteSelfSettled(1, 1, 0, 1, 1, 1, 1, 1),
      ])
        // oxlint-disable-next-line no-await-in-loop
        await expect(call)
          .to.be.revertedWithCustomError(ledger, "Ledger_NotDisputes")
          .withArgs(challenger.address, disputes.target);
      // Nor may Disputes do what is for the contract that it made, or the other way round.
      const asDisputes = escrow.connect(await disputesSignerOf(market));
      for (const call of [asDisputes.freeze(1, 1), asDisputes.thaw(1, 1), asDisputes.reverse(1, 1, 1)])
        // oxlint-disable-next-line no-await-in-loop
        await expect(call)
          .to.be.revertedWithCustomError(escrow, "Escrow_NotDisputes")
          .withArgs(disputes.target);
    });
  });

  describe("challengeRow, a row that is not what was signed", () => {
    it("has the payer of an overcharged row claim what it took too much", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { inputUnits: 9_000 });
      const refund = 8_900n * LIST.inputPrice;
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({
        bond: -PENALTY,
        account: 0n,
        claimedByAccount: refund,
        compensations: 0n,
        challenger: HALF,
        sink: HALF,
      });
    });

    it("says what it claimed and took for which evidence", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, challenger, accountId } = world;
      const evidence = await cheat(world, { inputUnits: 101 });
      const digest = await market.ledger.hashReceipt(evidence.receipt);
      const refund = LIST.inputPrice;
      await expect(challenge(world, evidence))
        .to.emit(market.disputes, "EvidencePaid")
        .withArgs(1, accountId, challenger.address, 0, 0, digest, 0, refund, 0, PENALTY, HALF)
        .and.to.emit(market.disputes, "ClaimRecorded")
        .withArgs(1, 0, accountId, await bucketOf(market), refund)
        .and.to.emit(market.registry, "Slashed");
      expect(await market.disputes.isUsed(digest)).to.equal(true);
      const { refunded, penalized, equivocated } = await market.disputes.judgement(1, accountId, 0);
      expect([refunded, penalized, equivocated]).to.deep.equal([refund, true, false]);
    });

    it("names the provider that claims, and only then", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, challenger, accountId } = world;
      const evidence = await cheat(world, { offerId: 2 });
      const digest = await market.ledger.hashReceipt(evidence.receipt);
      const refund = priceOf(served, DEARER) - AMOUNT;
      await expect(challenge(world, evidence))
        .to.emit(market.disputes, "EvidencePaid")
        .withArgs(1, accountId, challenger.address, 0, 0, digest, 1, refund, net(AMOUNT), PENALTY, HALF);
    });

    it("other units: the provider of an undercharged row claims what it lacks, net of the fee", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { outputUnits: 20 });
      const lacks = net(30n * LIST.outputPrice);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, refunds: 0n, claimedBy1: lacks, claimedBy2: 0n });
    });

    it("other offer: the provider that served claims its price, the payer the difference", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { offerId: 2 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      const refund = priceOf(served, DEARER) - AMOUNT;
      expect(delta).to.deep.include({ claimedByAccount: refund, claimedBy1: net(AMOUNT), claimedBy2: 0n });
    });

    it("other offer of one provider: what it got is set off", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const signed = { offerId: 3, amount: priceOf(served, DEARER) };
      const evidence = await cheat(world, {}, signed);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ refunds: 0n, claimedBy1: net(signed.amount - AMOUNT) });
    });

    it("changed app: the payer claims a fee that it did not agree to", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { appId: 1 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ claimedByAccount: withAppFee(AMOUNT) - AMOUNT, bond: -PENALTY });
    });

    it("left-out app: its fee is no refund, and nobody else's compensation", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { appId: 0 }, { appId: 1 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ refunds: 0n, compensations: 0n, bond: -PENALTY });
    });

    it("other timing, nobody harmed: the penalty alone", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { timing: 99 });
      const challenged = async () => {
        const sent = await challenge(world, evidence);
        await expect(sent).not.to.emit(world.market.disputes, "ClaimRecorded");
        return sent;
      };
      const { delta } = await effect(world, challenged);
      expect(delta).to.deep.include({ bond: -PENALTY, refunds: 0n, compensations: 0n });
    });

    it("a failed attempt that was charged is refunded whole", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const attempt = { inputUnits: 0, outputUnits: 0, timing: 0, amount: 0n };
      const evidence = await cheat(world, { appId: 1 }, attempt);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.claimedByAccount).to.equal(withAppFee(AMOUNT));
    });

    it("a request that was settled as failed: its provider claims its price", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, failed);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ refunds: 0n, claimedBy1: net(AMOUNT) });
    });

    it("an amount that is not the list's price: neither side gains by it", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, {}, { amount: AMOUNT * 1_000n });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, refunds: 0n, compensations: 0n });
    });

    it("an amount below the list's price: the payer pays no more than was signed", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const evidence = await cheat(world, {}, { amount: AMOUNT - 7n });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ claimedByAccount: 7n, compensations: 0n });
      // The fee on 7 wei, rounded up: what counts for rewards is never more than what was paid.
      const [event] = await market.ledger.queryFilter(market.ledger.filters.FeesReversed());
      expect(event?.args.fee).to.equal(1n);
    });

    it("receipt outside the span, by a second on either side; the boundary itself is inside", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      for (const [offset, outside] of [
        [-1, true],
        [0, false],
        [60, false],
        [61, true],
      ] as const) {
        await time.increase(3_600);
        const servedFromSec = (await market.now()) - 100;
        const span = { servedFromSec, servedToSec: servedFromSec + 60 };
        const evidence = await cheat(world, {}, { servedAt: servedFromSec + offset }, span);
        if (outside) {
          await market.registry.addBond(1, BOND);
          const { delta } = await effect(world, async () => challenge(world, evidence));
          expect(delta).to.deep.include({ bond: -PENALTY, refunds: 0n, compensations: 0n });
        } else await expectRefused(world, evidence, "Disputes_SettledAsSigned");
      }
    });

    it("offer not billable when served: the receipt is worth nothing, the row is refunded whole", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, {}, { servedAt: 1 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ claimedByAccount: AMOUNT, compensations: 0n });
    });

    it("an offer that nobody made prices nothing", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, {}, { offerId: 99 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ claimedByAccount: AMOUNT, compensations: 0n });
    });

    it("a retired offer prices what it served until its grace has passed", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const retiresAt = (await market.now()) + 2 * 3_600;
      await market.registry.retireOffer(1, retiresAt);
      await time.increaseTo(retiresAt + WINDOWS.grace + 60);
      const last = { servedFromSec: retiresAt + WINDOWS.grace, servedToSec: retiresAt + WINDOWS.grace };
      const inTime = await cheat(world, {}, { servedAt: last.servedToSec }, last);
      await expectRefused(world, inTime, "Disputes_SettledAsSigned");
      const late = await cheat(world, {}, { servedAt: last.servedToSec + 1 }, last);
      const { delta } = await effect(world, async () => challenge(world, late));
      expect(delta.claimedByAccount).to.equal(AMOUNT);
    });
  });

  describe("challengeRow, of a short account", () => {
    it("claims no more than the row took, app fee and all", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const rows = [served, { ...served, inputUnits: 400 }, served];
      const [cheap, dear] = [AMOUNT, priceOf({ inputUnits: 400, outputUnits: 50 })];
      // The app goes without, and so does the last row; the second is paid but for 7 wei.
      const poor = await market.openAccount(cheap + dear - 7n);
      const { proofOf, shortOf } = await settleGroups(market, [
        { accountId: world.accountId, appId: 0, rows: [served] },
        { accountId: poor, appId: 1, rows },
      ]);
      expect(shortOf(1)).to.equal(withAppFee(2n * cheap + dear) - (cheap + dear - 7n));
      const poorWorld = { ...world, accountId: poor };
      for (const [rowIndex, refund] of [
        [0, cheap],
        [1, dear - 7n],
      ] as const) {
        const signed = { ...failed, seq: rowIndex, appId: 1, amount: 0n };
        const evidence = { ...(await signedReceipt(poorWorld, signed)), proof: proofOf(1, rowIndex) };
        const { delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
        expect(delta.claimedByAccount).to.equal(refund);
      }
      const signed = await signedReceipt(poorWorld, { seq: 2, appId: 1, timing: 99 });
      const evidence = { ...signed, proof: proofOf(1, 2) };
      const { delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
      expect(delta.claimedByAccount).to.equal(0n);
    });

    it("whose app got a part: shares that part by amount", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const due = withAppFee(3n * AMOUNT);
      const lacking = (due - 3n * AMOUNT) / 2n;
      const poor = await market.openAccount(due - lacking);
      const { proofOf } = await settleGroups(market, [
        { accountId: poor, appId: 1, rows: [served, served, served] },
      ]);
      const poorWorld = { ...world, accountId: poor };
      const signed = await signedReceipt(poorWorld, { seq: 1, appId: 1, timing: 0, amount: 0n });
      const evidence = { ...signed, proof: proofOf(0, 1) };
      const { delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
      expect(delta.claimedByAccount).to.equal(AMOUNT + (due - 3n * AMOUNT - lacking) / 3n);
    });

    it("leaves what the row was priced at to the claim that its batch made", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const poor = await market.openAccount(1n);
      const { proofOf } = await settleGroups(market, [
        { accountId: poor, appId: 0, rows: [{ ...served, outputUnits: 20 }] },
      ]);
      const poorWorld = { ...world, accountId: poor };
      const evidence = { ...(await signedReceipt(poorWorld, { seq: 0 })), proof: proofOf(0, 0) };
      const { before, delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
      const settled = priceOf({ inputUnits: 100, outputUnits: 20 });
      expect(before.claimedBy1).to.equal(net(settled - 1n));
      expect(delta.claimedBy1).to.equal(net(AMOUNT - settled));
    });
  });

  describe("challengeRow, what rewards are measured by", () => {
    it("loses the fee of what is refunded, and no more than the row's own", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const epoch = await market.ledger.epochAt(await market.now());
      const evidence = await cheat(world, { inputUnits: 200, appId: 1 }, { appId: 1 });
      const price = priceOf({ inputUnits: 200, outputUnits: 50 });
      expect(await rewardable(market, epoch)).to.deep.equal({
        listing: feeOf(price),
        app: feeOf(price) - 1n,
      });
      // The app's fee on it is refunded, too; the protocol took nothing of that, but it is counted as if it had.
      const before = await market.ledger.metrics(epoch, 1, 1);
      const refund = withAppFee(price) - withAppFee(AMOUNT);
      const fee = (refund * PROTOCOL_FEE_BPS + 9_999n) / 10_000n;
      await expect(challenge(world, evidence))
        .to.emit(market.ledger, "FeesReversed")
        .withArgs(1, epoch, 1, 1, fee);
      expect(await rewardable(market, epoch)).to.deep.equal({
        listing: feeOf(price) - fee,
        app: feeOf(price) - 1n - fee,
      });
      const { fees, weightedTiming } = await market.ledger.metrics(epoch, 1, 1);
      expect([fees, weightedTiming]).to.deep.equal([
        before.fees - fee,
        before.weightedTiming - (before.weightedTiming * fee) / before.fees,
      ]);
      // Of a row refunded whole, with its app's fee: the fee of its price, rounded up.
      const whole = await cheat(world, { appId: 1 }, { ...failed, amount: 0n });
      await expect(challenge(world, whole))
        .to.emit(market.ledger, "FeesReversed")
        .withArgs(1, epoch, 1, 1, feeOf(AMOUNT));
    });

    it("never goes below nothing: rows refunded whole leave no fee and no weight", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const epoch = await market.ledger.epochAt(await market.now());
      for (const seq of [0, 1]) {
        const evidence = await cheat(world, { appId: 1 }, { ...failed, amount: 0n, seq });
        await challenge(world, evidence);
        await market.registry.addBond(1, BOND);
      }
      expect(await rewardable(market, epoch)).to.deep.equal({ listing: 0n, app: 0n });
      const { weightedTiming, requests } = await market.ledger.metrics(epoch, 1, 1);
      expect([weightedTiming, requests]).to.deep.equal([0n, 2n]);
    });

    it("keeps the fee of a row that took nothing too much", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const epoch = await market.ledger.epochAt(await market.now());
      const evidence = await cheat(world, { timing: 99 });
      await expect(challenge(world, evidence)).not.to.emit(market.ledger, "FeesReversed");
      expect((await rewardable(market, epoch)).listing).to.equal(feeOf(AMOUNT));
    });

    it("is corrected in the epoch of the batch, also from the next one", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const epoch = await market.ledger.epochAt(await market.now());
      // Settled in the last bucket of an epoch, and again in the first of the next.
      const next = (Number(epoch) + 1) * WINDOWS.epoch;
      await time.increaseTo(next - 100);
      const last = await cheat(world, { inputUnits: 101 });
      await time.increaseTo(next + 100);
      const first = await cheat(world, { inputUnits: 102 });
      expect(await market.ledger.epochOf(1, 0)).to.equal(epoch);
      expect(await market.ledger.epochOf(1, 1)).to.equal(epoch + 1n);
      await expect(challenge(world, last))
        .to.emit(market.ledger, "FeesReversed")
        .withArgs(1, epoch, 1, 0, feeOf(LIST.inputPrice));
      await expect(challenge(world, first))
        .to.emit(market.ledger, "FeesReversed")
        .withArgs(1, epoch + 1n, 1, 0, feeOf(2n * LIST.inputPrice));
    });
  });

  describe("challengeRow, an honest operator (I-15)", () => {
    it("is never slashed for what it settled as signed: paid, short and failed rows, with and without an app", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const poor = await market.openAccount(AMOUNT + 1n);
      const groups: Group[] = [
        { accountId, appId: 0, rows: [served, failed] },
        { accountId: poor, appId: 1, rows: [served, failed, served] },
      ];
      const { batch, proofOf, shortOf } = await settleGroups(market, groups);
      expect(shortOf(1)).to.not.equal(0n);
      for (const [i, group] of groups.entries())
        for (const [seq, row] of group.rows.entries()) {
          const { receipt, signature } = await signedReceipt(world, {
            ...row,
            accountId: group.accountId,
            appId: group.appId,
            seq,
            amount: row.timing === 0 ? 0n : AMOUNT,
            servedAt: batch.servedFromSec,
          });
          await expectRefused(
            world,
            { receipt, signature, proof: proofOf(i, seq) },
            "Disputes_SettledAsSigned",
            [await market.ledger.hashReceipt(receipt)],
          );
          // Signing it again gives the same receipt: no equivocation.
          await expect(
            market.disputes.challengeEquivocation(receipt, signature, receipt, signature),
          ).to.be.revertedWithCustomError(market.disputes, "Disputes_SameReceipt");
        }
    });

    it("is not slashed by the receipt of another row, account or sequence number", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { proof } = await cheat(world);
      for (const changes of [{ seq: 7 }, { accountId: 2 }, { operatorId: 1, seq: 1 }]) {
        const evidence = await signedReceipt(world, changes);
        await expectRefused(world, { ...evidence, proof }, "Disputes_OtherRow", [1, world.accountId, 0]);
      }
    });

    it("is not slashed by a rival's receipt for a row of the same account and number", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, other } = world;
      const { proof } = await cheat(world);
      await market.registry.registerOperator(other, other, other, BOND);
      const receipt = await receiptOf(world, { operatorId: 2, seq: 0, timing: 99 });
      const signature = await signReceipt(market, receipt, other);
      await expectRefused(world, { receipt, signature, proof }, "Disputes_OtherRow", [1, world.accountId, 0]);
    });

    it("is not slashed by a proof of a row that was never settled", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { inputUnits: 101 });
      const proof = { ...evidence.proof, startSeq: 1 };
      await expect(challenge(world, { ...evidence, proof })).to.be.revertedWithCustomError(
        world.market.ledger,
        "Ledger_WrongProof",
      );
    });

    it("is not bound by a key of another operator, nor by anybody's", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, other } = world;
      const evidence = await cheat(world, { inputUnits: 101 });
      const digest = await market.ledger.hashReceipt(evidence.receipt);
      const byStranger = await signReceipt(market, evidence.receipt, stranger);
      await expectRefused(world, { ...evidence, signature: byStranger }, "Receipt_NotSigned", [
        digest,
        stranger.address,
      ]);
      await market.registry.registerOperator(other, other, other, BOND);
      const byRival = await signReceipt(market, evidence.receipt, other);
      await expectRefused(world, { ...evidence, signature: byRival }, "Receipt_NotSigned", [
        digest,
        other.address,
      ]);
      // Nobody's key has operator 0.
      const nobodys = { ...evidence.receipt, operatorId: 0 };
      const signature = await signReceipt(market, nobodys, stranger);
      await expectRefused(world, { ...evidence, receipt: nobodys, signature }, "Receipt_NotSigned");
    });

    it("malleable and zero signatures, and broken ones, bind it to nothing", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { inputUnits: 101 });
      for (const signature of [
        malleated(evidence.signature),
        `0x${"00".repeat(65)}`,
        "0x",
        evidence.signature.slice(0, -2),
        `${evidence.signature.slice(0, -2)}00`,
      ])
        await expectRefused(world, { ...evidence, signature }, "Receipt_NotSigned", [
          await world.market.ledger.hashReceipt(evidence.receipt),
          ethers.ZeroAddress,
        ]);
    });

    it("is not bound by what it signed for another chain or another Ledger", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { inputUnits: 101 });
      for (const domain of [{ chainId: 1n }, { verifyingContract: SINK }]) {
        const signature = await signReceipt(world.market, evidence.receipt, world.market.settler, domain);
        await expectRefused(world, { ...evidence, signature }, "Receipt_NotSigned");
      }
    });
  });

  describe("each evidence pays once (I-09)", () => {
    it("two disputes on one piece of evidence: the second is refused", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { inputUnits: 9_000 });
      await challenge(world, evidence);
      await expectRefused(world, evidence, "Disputes_AlreadyPaid", [
        await world.market.ledger.hashReceipt(evidence.receipt),
      ]);
    });

    it("lets no lesser receipt shield the operator: a better one brings the rest, and no second penalty", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const evidence = await cheat(world, { inputUnits: 9_000 });
      const decoy = {
        ...evidence.receipt,
        inputUnits: 8_999,
        amount: priceOf({ ...served, inputUnits: 8_999 }),
      };
      const shield = { ...evidence, receipt: decoy, signature: await signReceipt(market, decoy) };
      const { delta: first } = await effect(world, async () => challenge(world, shield));
      expect(first.claimedByAccount).to.equal(LIST.inputPrice);
      const { delta: second } = await effect(world, async () => challenge(world, evidence));
      expect(second).to.deep.include({
        claimedByAccount: 8_899n * LIST.inputPrice,
        bond: 0n,
        challenger: 0n,
        sink: 0n,
      });
      expect((await market.disputes.judgement(1, world.accountId, 0)).refunded).to.equal(
        8_900n * LIST.inputPrice,
      );
      // And again with another decoy: there is nothing left.
      const late = { ...decoy, responseHash: ethers.id("late") };
      await expectRefused(
        world,
        { ...evidence, receipt: late, signature: await signReceipt(market, late) },
        "Disputes_NothingLeft",
        [await market.ledger.hashReceipt(late)],
      );
    });

    it("never pays an operator that challenges itself: it loses half of every penalty", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const evidence = await cheat(world, { timing: 99 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.challenger + delta.bond).to.equal(-HALF);
      expect(delta.sink).to.equal(HALF);
    });

    it("pays nobody twice when the token calls back (reentrancy)", async () => {
      const token = await ethers.deployContract("CallbackToken", [(await ethers.getSigners())[0]]);
      const world = await furnish(await Market.deployOn(ethers, token as unknown as AI1NET));
      const { market } = world;
      const evidence = await cheat(world, { inputUnits: 9_000 });
      const { receipt, signature, proof } = evidence;
      const again = market.disputes.interface.encodeFunctionData("challengeRow", [receipt, signature, proof]);
      await token.arm(market.disputes, again);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, claimedByAccount: 8_900n * LIST.inputPrice });
      expect(await token.succeeded()).to.equal(0n);
      // From the bond, to the challenger, to nobody: each transfer tried.
      expect(await token.failed()).to.equal(3n);
      const reason = market.disputes.interface.parseError(await token.reason());
      expect(reason?.name).to.equal("Disputes_AlreadyPaid");
    });
  });

  describe("challengeRow, the window", () => {
    it("dispute after the window: is open for as long as the provider's credit is pending, to the second, and no longer", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      await toBucket(market, 1, 1_000);
      const evidence = await cheat(world, { inputUnits: 101 });
      const lateEvidence = await cheat(world, { inputUnits: 102 }, { inputUnits: 100 });
      await toBucket(market, 1, WINDOWS.challenge - 2);
      expect(await market.escrow.claimable(0, 1)).to.equal(0n);
      await challenge(world, evidence);
      await toBucket(market, 1, 0);
      expect(await market.escrow.claimable(0, 1)).to.not.equal(0n);
      await expectRefused(world, lateEvidence, "Disputes_WindowClosed", [1, 2]);
    });

    it("follows the batch, whatever time its rows pretend to be of", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const long = await market.now();
      await time.increase(5 * WINDOWS.challenge);
      const span = { servedFromSec: long, servedToSec: long };
      const evidence = await cheat(world, { inputUnits: 101 }, { servedAt: long }, span);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.claimedByAccount).to.equal(LIST.inputPrice);
    });

    it("names the first batch that is open", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const open = async () => Number(await market.ledger.firstOpenBatch(1));
      const settle = async () => cheat(world);
      expect(await open()).to.equal(0);
      await toBucket(market, 1, 10);
      await settle(); // 0
      await settle(); // 1
      expect(await open()).to.equal(0);
      await toBucket(market, 1, 10);
      expect(await open()).to.equal(0);
      await settle(); // 2
      expect(await open()).to.equal(0);
      await toBucket(market, 1, 10);
      expect(await open()).to.equal(2);
      await settle(); // 3
      expect(await open()).to.equal(2);
      await toBucket(market, 2, 10);
      expect(await open()).to.equal(4);
      await settle(); // 4
      expect(await open()).to.equal(4);
      expect(await market.ledger.nextBatchNo(1)).to.equal(5n);
    });
  });

  describe("a protocol fee that changed meanwhile", () => {
    it("is that of the time of service, for what a provider lacks", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const at = (await market.now()) + 25 * 3_600;
      await market.ledger.scheduleProtocolFee(1_000, at);
      await time.increaseTo(at + 10);
      const row: Row = { ...served, outputUnits: 20 };
      const span = { servedFromSec: at - 1, servedToSec: at + 1 };
      const before = await cheat(world, row, { servedAt: at - 1 }, span);
      const { delta } = await effect(world, async () => challenge(world, before));
      expect(delta.claimedBy1).to.equal(net(30n * LIST.outputPrice));
      await market.registry.addBond(1, BOND);
      const after = await cheat(world, row, { servedAt: at }, span);
      const { delta: later } = await effect(world, async () => challenge(world, after));
      expect(later.claimedBy1).to.equal(27n * LIST.outputPrice);
    });
  });
});
