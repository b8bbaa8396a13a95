import { expect } from "chai";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";

import { encodeBatch, type Group, type Row } from "../../router/model/batch.ts";
import {
  addSold,
  appReward,
  boostBps,
  NO_METRICS,
  providerReward,
  rewardableFees,
  scoreOf,
  type Metrics,
  type Sold,
  type Typical,
} from "../../scripts/sim/rewardModel.ts";
import { addressesAfter } from "./fixtures/addressesAfter.ts";
import { ethers, loadFixture, time, tokens } from "./fixtures/chain.ts";
import { settleGroups, signReceipt } from "./fixtures/evidence.ts";
import {
  BOND,
  Market,
  OPERATOR_SHARE_BPS,
  PROTOCOL_FEE_BPS,
  REBATE_SHARE_BPS,
  PENALTY,
  WINDOWS,
  type TestOffer,
} from "./fixtures/market.ts";
import { Random } from "./fixtures/random.ts";

const BPS = 10_000n;
const PRICES = { inputPrice: 10n ** 12n, outputPrice: 5n * 10n ** 12n, requestPrice: 10n ** 14n };
const SHARES = { operatorBps: OPERATOR_SHARE_BPS, rebateBps: REBATE_SHARE_BPS };
const NOBODY = { weights: 0n, weightedRatings: 0n };
const UNKNOWN: Typical = { timing: 0n, fee: 0n };
const PLENTY = tokens(1_000_000);
const HASH = ethers.id("what was measured");
const OPERATOR = 1;

const served = (offer: TestOffer, outputUnits = 2_000, timing = 120): Row => ({
  offerId: offer.offerId,
  inputUnits: 500,
  outputUnits,
  timing,
});
const failed = (offer: TestOffer): Row => ({ ...served(offer, 0, 0), inputUnits: 0 });
const priceOf = (row: Row, { inputPrice, outputPrice, requestPrice }: typeof PRICES): bigint =>
  row.timing === 0
    ? 0n
    : BigInt(row.inputUnits) * inputPrice + BigInt(row.outputUnits) * outputPrice + requestPrice;

/** Two listings of one provider, an app, a rich account, and a reserve. */
async function deployRewards() {
  const market = await Market.deploy(ethers);
  const offer = await market.addOffer(PRICES);
  const other = await market.addOffer(PRICES, await market.addListing(offer.providerId));
  const app = await market.addApp(500);
  const accountId = await market.openAccount(tokens(100_000));
  await market.token.approve(market.rewards, ethers.MaxUint256);
  await market.rewards.fund(PLENTY);
  const [, , stranger] = (await ethers.getSigners()) as [
    HardhatEthersSigner,
    HardhatEthersSigner,
    HardhatEthersSigner,
  ];
  // The beginning of an epoch, so that no test runs into the next one.
  const epoch = Number(await market.ledger.epochAt(await market.now())) + 1;
  await time.increaseTo(epoch * WINDOWS.epoch);
  return { market, rewards: market.rewards, offer, other, app, accountId, stranger, epoch };
}

type World = Awaited<ReturnType<typeof deployRewards>>;

/** Settles rows of the rich account in one batch. */
async function settle({ market, accountId }: World, rows: readonly Row[], appId = 0) {
  const group: Group = { accountId, appId, rows: [...rows] };
  return settleGroups(market, [group]);
}

/** What one batch of `rows`, all paid, adds to the metrics of the listing of `offer`. */
function soldOf(rows: readonly Row[], offer: TestOffer): Sold {
  const of = rows.filter((row) => row.offerId === offer.offerId);
  const good = of.filter((row) => row.timing !== 0);
  const sum = (value: (row: Row) => bigint): bigint => good.reduce((total, row) => total + value(row), 0n);
  const amount = sum((row) => priceOf(row, offer));
  const outputUnits = sum((row) => BigInt(row.outputUnits));
  return {
    amount,
    fee: (amount * PROTOCOL_FEE_BPS) / BPS,
    outputAmount: outputUnits * offer.outputPrice,
    outputUnits,
    timedUnits: sum((row) => BigInt(row.outputUnits * row.timing)),
    requests: BigInt(good.length),
    failures: BigInt(of.length - good.length),
  };
}

const metricsOf = (rows: readonly Row[], offer: TestOffer): Metrics =>
  addSold(NO_METRICS, soldOf(rows, offer));

/** What the chain has of a listing, as the model has it. */
async function metricsOnChain({ market, epoch }: World, listingId: number): Promise<Metrics> {
  const { fees, weightedTiming, outputUnits, requests, failures } = await market.ledger.metrics(
    epoch,
    OPERATOR,
    listingId,
  );
  return { fees, weightedTiming, outputUnits, requests, failures };
}

async function openClaims({ market, epoch }: Pick<World, "market" | "epoch">): Promise<void> {
  await time.increaseTo(await market.rewards.claimsOpenAt(epoch));
}

const named = ({ success, speed, rating, accuracy, multiplier }: ReturnType<typeof scoreOf>) => ({
  success,
  speed,
  rating,
  accuracy,
  multiplier,
});

describe("Rewards", () => {
  describe("score", () => {
    it("follows the formulas, whatever the numbers", async () => {
      const seed = Number(process.env["SEED"] ?? 0xa11e7);
      const random = new Random(seed);
      const probe = await ethers.deployContract("RewardScoreProbe");
      const edge = (bits: number): bigint =>
        random.chance(0.15)
          ? 0n
          : random.chance(0.1)
            ? (1n << BigInt(bits)) - 1n
            : random.bigint(random.int(1, bits));
      for (let round = 0; round < 250; round++) {
        const metrics = {
          fees: edge(88),
          weightedTiming: edge(64),
          outputUnits: edge(48),
          requests: edge(32),
          failures: edge(24),
        };
        const typical = { timing: edge(8), fee: edge(88) };
        const weights = edge(90);
        const weightedRatings = weights * BigInt(random.int(1, 5));
        const accuracyBps = random.chance(0.3) ? null : BigInt(random.int(0, 10_000));
        const accuracy = { bps: accuracyBps ?? 0n, isPosted: accuracyBps !== null, dataHash: HASH };
        // oxlint-disable-next-line no-await-in-loop
        const score = await probe.scoreOf(metrics, typical, { count: 1, weights, weightedRatings }, accuracy);
        const expected = scoreOf(metrics, typical, { weights, weightedRatings }, accuracyBps);
        expect(named(score), `seed ${seed}, round ${round}`).to.deep.equal(expected);
      }
    });

    it("measures batches as the model does", async () => {
      const seed = Number(process.env["SEED"] ?? 0xfee5);
      const random = new Random(seed);
      const world = await loadFixture(deployRewards);
      const { rewards, offer, other, epoch } = world;
      let [first, second] = [NO_METRICS, NO_METRICS];
      for (let batch = 0; batch < 6; batch++) {
        const rows = Array.from({ length: random.int(1, 12) }, () => {
          const chosen = random.pick([offer, other]);
          return random.chance(0.2)
            ? failed(chosen)
            : served(chosen, random.int(0, 5_000), random.int(1, 255));
        });
        // oxlint-disable-next-line no-await-in-loop
        await settle(world, rows);
        first = addSold(first, soldOf(rows, offer));
        second = addSold(second, soldOf(rows, other));
      }
      expect(await metricsOnChain(world, offer.listingId), `seed ${seed}`).to.deep.equal(first);
      expect(await metricsOnChain(world, other.listingId), `seed ${seed}`).to.deep.equal(second);
      expect(named(await rewards.score(OPERATOR, epoch, offer.listingId))).to.deep.equal(
        scoreOf(first, UNKNOWN, NOBODY, null),
      );
    });

    it("takes what was posted and reviewed", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, epoch } = world;
      const { modelId } = await market.registry.listing(offer.listingId);
      await rewards.postReference(modelId, epoch + 1, { timing: 130, fee: 10n ** 13n }, HASH);
      await rewards.postAccuracy(offer.listingId, epoch + 1, 9_100, HASH);
      await time.increaseTo((epoch + 1) * WINDOWS.epoch);
      const rows = [served(offer), served(offer, 3_000, 140), failed(offer)];
      await settle(world, rows);
      expect(named(await rewards.score(OPERATOR, epoch + 1, offer.listingId))).to.deep.equal(
        scoreOf(metricsOf(rows, offer), { timing: 130n, fee: 10n ** 13n }, NOBODY, 9_100n),
      );
    });

    it("is not moved by rows that cost nothing", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, epoch } = world;
      const { modelId } = await market.registry.listing(offer.listingId);
      await rewards.postReference(modelId, epoch + 1, { timing: 130, fee: 0 }, HASH);
      await time.increaseTo((epoch + 1) * WINDOWS.epoch);
      await settle(world, [served(offer, 100), failed(offer)]);
      const before = named(await rewards.score(OPERATOR, epoch + 1, offer.listingId));
      const free = await market.addOffer({ inputPrice: 0n, outputPrice: 0n, requestPrice: 0n }, offer);
      await settle(
        world,
        Array.from({ length: 50 }, () => served(free, 2 ** 24 - 1, 1)),
      );
      expect(named(await rewards.score(OPERATOR, epoch + 1, offer.listingId))).to.deep.equal(before);
    });

    it("counts no reviews of another operator's rows", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, epoch, stranger } = world;
      const { registry, escrow, ledger, reviews, token } = market;
      await token.transfer(stranger, tokens(10_000));
      await token.connect(stranger).approve(registry, ethers.MaxUint256);
      await token.connect(stranger).approve(escrow, ethers.MaxUint256);
      await registry.connect(stranger).registerOperator(stranger, stranger, stranger, BOND);
      const terms = { owner: stranger, operatorId: 2, signer: stranger, strict: false, maxAppFeePct: 20 };
      const accountId = Number(await escrow.accountCount()) + 1;
      await escrow.connect(stranger).deposit(terms, tokens(10));
      const rows = [served(offer)];
      await settle(world, rows);

      const now = await market.now();
      const batch = {
        batchNo: 0,
        servedFromSec: now,
        servedToSec: now,
        groups: [{ accountId, appId: 0, rows }],
      };
      const { bytes, header, groupBytes } = encodeBatch(batch);
      await ledger.connect(stranger).settle(2, bytes);
      const proof = {
        operatorId: 2,
        header,
        group: groupBytes[0] ?? new Uint8Array(),
        startSeq: 0,
        shortfall: 0,
        rowIndex: 0,
        siblings: [],
      };
      await reviews.connect(stranger).review(proof, 1, HASH);
      const weight = (priceOf(rows[0] as Row, offer) * PROTOCOL_FEE_BPS) / BPS;
      expect((await reviews.summary(epoch, offer.listingId)).weights).to.equal(weight);
      expect((await reviews.summaryWith(epoch, 2, offer.listingId)).weights).to.equal(weight);
      const metrics = metricsOf(rows, offer);
      expect(named(await rewards.score(1, epoch, offer.listingId))).to.deep.equal(
        scoreOf(metrics, UNKNOWN, NOBODY, null),
      );
      expect(named(await rewards.score(2, epoch, offer.listingId))).to.deep.equal(
        scoreOf(metrics, UNKNOWN, { weights: weight, weightedRatings: weight }, null),
      );
    });
  });

  describe("claimProvider", () => {
    it("pays the payee by the formula, from the pool and the reserve", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, epoch, stranger } = world;
      const { token, escrow, registry, owner } = market;
      await registry.setProviderPayee(offer.providerId, stranger);
      const rows = [served(offer), served(offer, 900, 90), failed(offer)];
      await settle(world, rows);
      const metrics = metricsOf(rows, offer);
      const { multiplier } = scoreOf(metrics, UNKNOWN, NOBODY, null);
      const { base, boost } = providerReward(metrics.fees, multiplier, SHARES, boostBps(0n), PLENTY);
      expect(base).to.be.greaterThan(0n);
      expect(boost).to.equal(base);
      await openClaims(world);

      const pool = await escrow.pool(OPERATOR, epoch);
      const owed = await escrow.owed();
      await expect(rewards.connect(owner).claimProvider(OPERATOR, epoch, offer.listingId))
        .to.emit(rewards, "ProviderRewarded")
        .withArgs(offer.providerId, offer.listingId, epoch, OPERATOR, metrics.fees, multiplier, base, boost);
      expect(await token.balanceOf(stranger)).to.equal(base + boost);
      expect(await escrow.pool(OPERATOR, epoch)).to.equal(pool - base);
      expect(await escrow.owed()).to.equal(owed - base);
      expect(await rewards.reserve()).to.equal(PLENTY - boost);
      expect(await rewards.rewardedFees(epoch, offer.providerId)).to.equal(metrics.fees);
    });

    it("pays once", async () => {
      const world = await loadFixture(deployRewards);
      const { rewards, offer, epoch } = world;
      await settle(world, [served(offer)]);
      await openClaims(world);
      await rewards.claimProvider(OPERATOR, epoch, offer.listingId);
      await expect(rewards.claimProvider(OPERATOR, epoch, offer.listingId))
        .to.be.revertedWithCustomError(rewards, "Rewards_AlreadyClaimed")
        .withArgs(OPERATOR, epoch, offer.listingId);
    });

    it("opens when no row of the epoch can be challenged any more", async () => {
      const world = await loadFixture(deployRewards);
      const { rewards, offer, epoch } = world;
      await settle(world, [served(offer)]);
      const opensAt = await rewards.claimsOpenAt(epoch);
      expect(opensAt).to.equal((epoch + 1) * WINDOWS.epoch + 4 * WINDOWS.challenge);
      await time.setNextBlockTimestamp(opensAt - 1n);
      await expect(rewards.claimProvider(OPERATOR, epoch, offer.listingId))
        .to.be.revertedWithCustomError(rewards, "Rewards_NotOpen")
        .withArgs(opensAt, opensAt - 1n);
      await time.setNextBlockTimestamp(opensAt);
      await expect(rewards.claimProvider(OPERATOR, epoch, offer.listingId)).to.emit(
        rewards,
        "ProviderRewarded",
      );
    });

    it("refuses a listing that sold nothing, and ids that were never given", async () => {
      const world = await loadFixture(deployRewards);
      const { rewards, other, epoch } = world;
      await openClaims(world);
      for (const listingId of [other.listingId, 0, 99])
        // oxlint-disable-next-line no-await-in-loop
        await expect(rewards.claimProvider(OPERATOR, epoch, listingId))
          .to.be.revertedWithCustomError(rewards, "Rewards_NothingToClaim")
          .withArgs(OPERATOR, epoch, listingId);
    });

    it("leaves out what was reversed", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, accountId, epoch } = world;
      const rows = [served(offer), served(offer)];
      const { batch, proofOf } = await settle(world, rows);
      const before = (await rewards.providerReward(OPERATOR, epoch, offer.listingId)).base;
      const row = rows[1] as Row;
      const price = priceOf(row, offer);
      const receipt = {
        operatorId: OPERATOR,
        accountId,
        seq: 1,
        offerId: offer.offerId,
        appId: 0,
        inputUnits: 0,
        outputUnits: 0,
        timing: 0,
        amount: 0n,
        requestHash: HASH,
        responseHash: HASH,
        servedAt: batch.servedToSec,
      };
      await market.disputes.challengeRow(receipt, await signReceipt(market, receipt), proofOf(0, 1));
      const taken = (price * PROTOCOL_FEE_BPS + BPS - 1n) / BPS;
      const metrics = metricsOf(rows, offer);
      const left = metrics.fees - taken;
      expect((await market.ledger.metrics(epoch, OPERATOR, offer.listingId)).fees).to.equal(left);
      const { multiplier } = scoreOf({ ...metrics, fees: left }, UNKNOWN, NOBODY, null);
      const expected = providerReward(left, multiplier, SHARES, boostBps(0n), PLENTY);
      const { base, boost } = await rewards.providerReward(OPERATOR, epoch, offer.listingId);
      expect({ base, boost }).to.deep.equal(expected);
      expect(base).to.be.lessThan(before);
    });

    it("rewards no more fees than a tenth of the stake, over all listings together", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, other, epoch } = world;
      // 60 tokens of fee each, of which the stake of 1,000 allows 100 in all.
      const dear = { inputPrice: 0n, outputPrice: 0n, requestPrice: tokens(1_200) };
      const first = await market.addOffer(dear, offer);
      const second = await market.addOffer(dear, other);
      const free = { inputUnits: 0, outputUnits: 0, timing: 100 };
      const rows = [first, first, second, second].map(({ offerId }) => ({ offerId, ...free }));
      await settle(world, rows);
      await openClaims(world);
      const fees = (tokens(2_400) * PROTOCOL_FEE_BPS) / BPS;
      let rewarded = 0n;
      for (const { listingId } of [offer, other]) {
        const allowed = rewardableFees(fees, BOND, rewarded);
        // oxlint-disable-next-line no-await-in-loop
        const { multiplier } = await rewards.score(OPERATOR, epoch, listingId);
        const { base, boost } = providerReward(allowed, multiplier, SHARES, boostBps(0n), PLENTY);
        // oxlint-disable-next-line no-await-in-loop
        expect(await rewards.claimProvider.staticCall(OPERATOR, epoch, listingId)).to.equal(base + boost);
        // oxlint-disable-next-line no-await-in-loop
        await rewards.claimProvider(OPERATOR, epoch, listingId);
        rewarded += allowed;
      }
      expect(rewarded).to.equal(tokens(100));
      expect(await rewards.rewardedFees(epoch, offer.providerId)).to.equal(rewarded);
    });
  });

  describe("claimApp", () => {
    it("pays the app's owner a part of what its requests brought, once", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, app, epoch } = world;
      const rows = [served(offer), served(offer)];
      await settle(world, rows, app.appId);
      await openClaims(world);
      // A wei less than the fee for the batch's one offer.
      const expected = appReward(soldOf(rows, offer).fee - 1n, SHARES, boostBps(0n), PLENTY);
      const before = await market.token.balanceOf(market.owner);
      await expect(rewards.claimApp(OPERATOR, epoch, app.appId))
        .to.emit(rewards, "AppRewarded")
        .withArgs(app.appId, epoch, OPERATOR, expected.base, expected.boost);
      expect((await market.token.balanceOf(market.owner)) - before).to.equal(expected.base + expected.boost);
      await expect(rewards.claimApp(OPERATOR, epoch, app.appId)).to.be.revertedWithCustomError(
        rewards,
        "Rewards_AlreadyClaimed",
      );
    });

    it("pays nothing for requests without an app", async () => {
      const world = await loadFixture(deployRewards);
      const { rewards, offer, app, epoch } = world;
      await settle(world, [served(offer)]);
      await openClaims(world);
      for (const appId of [0, app.appId])
        // oxlint-disable-next-line no-await-in-loop
        await expect(rewards.claimApp(OPERATOR, epoch, appId)).to.be.revertedWithCustomError(
          rewards,
          "Rewards_NothingToClaim",
        );
    });
  });

  describe("the reserve", () => {
    it("pays a boost that halves every 52 epochs", async () => {
      const { rewards } = await loadFixture(deployRewards);
      const first = await rewards.firstEpoch();
      for (const after of [0n, 51n, 52n, 103n, 104n, 52n * 13n, 52n * 14n, 52n * 300n])
        // oxlint-disable-next-line no-await-in-loop
        expect(await rewards.boostBps(first + after), `${after} epochs`).to.equal(boostBps(after));
      expect(boostBps(51n)).to.equal(10_000n);
      expect(boostBps(52n)).to.equal(5_000n);
      expect(boostBps(52n * 14n)).to.equal(0n);
    });

    it("never pays more than it has", async () => {
      const market = await Market.deploy(ethers);
      const offer = await market.addOffer(PRICES);
      await market.openAccount(tokens(100));
      const { rewards } = market;
      await market.token.approve(rewards, 7n);
      await expect(rewards.fund(7n)).to.emit(rewards, "ReserveFunded").withArgs(market.owner, 7n);
      await settleGroups(market, [{ accountId: 1, appId: 0, rows: [served(offer)] }]);
      const epoch = Number(await market.ledger.epochAt(await market.now()));
      expect((await rewards.providerReward(OPERATOR, epoch, offer.listingId)).boost).to.equal(7n);
      await openClaims({ market, epoch });
      await rewards.claimProvider(OPERATOR, epoch, offer.listingId);
      expect(await rewards.reserve()).to.equal(0n);
      expect(await market.token.balanceOf(rewards)).to.equal(0n);
    });

    it("takes what nobody claimed for 26 epochs", async () => {
      const world = await loadFixture(deployRewards);
      const { market, rewards, offer, app, epoch, stranger } = world;
      await settle(world, [served(offer)], app.appId);
      const pool = await market.escrow.pool(OPERATOR, epoch);
      const opensAt = await rewards.claimsOpenAt(epoch + 26);
      await time.setNextBlockTimestamp(opensAt - 1n);
      await expect(rewards.recycle(OPERATOR, epoch)).to.be.revertedWithCustomError(
        rewards,
        "Rewards_NotOpen",
      );
      await time.setNextBlockTimestamp(opensAt);
      await expect(rewards.connect(stranger).recycle(OPERATOR, epoch))
        .to.emit(rewards, "PoolRecycled")
        .withArgs(OPERATOR, epoch, pool);
      expect(await rewards.reserve()).to.equal(PLENTY + pool);
      expect(await market.token.balanceOf(rewards)).to.equal(PLENTY + pool);
      for (const call of [
        async () => rewards.claimProvider(OPERATOR, epoch, offer.listingId),
        async () => rewards.claimApp(OPERATOR, epoch, app.appId),
        async () => rewards.recycle(OPERATOR, epoch),
      ])
        // oxlint-disable-next-line no-await-in-loop
        await expect(call())
          .to.be.revertedWithCustomError(rewards, "Rewards_AlreadyRecycled")
          .withArgs(OPERATOR, epoch);
    });
  });

  describe("reports", () => {
    it("come from the reporter only, whom the owner names", async () => {
      const { market, rewards, offer, epoch, stranger } = await loadFixture(deployRewards);
      const typical = { timing: 100, fee: 1n };
      for (const call of [
        async () => rewards.connect(stranger).postReference(1, epoch + 1, typical, HASH),
        async () => rewards.connect(stranger).postAccuracy(offer.listingId, epoch + 1, 5_000, HASH),
      ])
        // oxlint-disable-next-line no-await-in-loop
        await expect(call())
          .to.be.revertedWithCustomError(rewards, "Rewards_NotReporter")
          .withArgs(stranger.address, market.owner.address);
      await expect(rewards.connect(stranger).setReporter(stranger)).to.be.revertedWithCustomError(
        rewards,
        "OwnableUnauthorizedAccount",
      );
      await expect(rewards.setReporter(stranger)).to.emit(rewards, "ReporterSet").withArgs(stranger.address);
      await rewards.connect(stranger).postReference(1, epoch + 1, typical, HASH);
    });

    it("are of epochs that have not begun", async () => {
      const { rewards, offer, epoch } = await loadFixture(deployRewards);
      for (const past of [epoch, epoch - 1, 0]) {
        for (const call of [
          async () => rewards.postReference(1, past, { timing: 100, fee: 1n }, HASH),
          async () => rewards.postAccuracy(offer.listingId, past, 5_000, HASH),
        ])
          // oxlint-disable-next-line no-await-in-loop
          await expect(call())
            .to.be.revertedWithCustomError(rewards, "Rewards_EpochBegun")
            .withArgs(past, epoch);
      }
      await expect(rewards.postAccuracy(offer.listingId, epoch + 1, 10_001, HASH))
        .to.be.revertedWithCustomError(rewards, "Rewards_AccuracyOutOfRange")
        .withArgs(10_001, 10_000);
    });

    it("hold from their epoch on, until the next", async () => {
      const { rewards, epoch } = await loadFixture(deployRewards);
      const post = async (from: number, timing: number) =>
        rewards.postReference(1, from, { timing, fee: BigInt(timing) }, HASH);
      const timings = async () =>
        Promise.all(
          [0, 1, 2, 3, 4].map(async (after) => (await rewards.referenceOf(1, epoch + after)).timing),
        );
      await post(epoch + 1, 10);
      await post(epoch + 3, 30);
      expect(await timings()).to.deep.equal([0n, 10n, 10n, 30n, 30n]);
      // What is posted for an epoch replaces what was posted for it and for later ones.
      await post(epoch + 2, 20);
      expect(await timings()).to.deep.equal([0n, 10n, 20n, 20n, 20n]);
    });

    it("of accuracy hold for one epoch", async () => {
      const { rewards, offer, epoch } = await loadFixture(deployRewards);
      await expect(rewards.postAccuracy(offer.listingId, epoch + 1, 0, HASH))
        .to.emit(rewards, "AccuracyPosted")
        .withArgs(offer.listingId, epoch + 1, 0, HASH);
      const posted = async (of: number) => (await rewards.accuracyOf(offer.listingId, of)).isPosted;
      expect([await posted(epoch), await posted(epoch + 1), await posted(epoch + 2)]).to.deep.equal([
        false,
        true,
        false,
      ]);
    });
  });

  describe("wiring", () => {
    it("refuses an Escrow that pays another contract", async () => {
      const { market } = await loadFixture(deployRewards);
      const { ledger, reviews, owner, escrow, rewards } = market;
      await expect(ethers.deployContract("Rewards", [ledger, reviews, owner, owner]))
        .to.be.revertedWithCustomError(rewards, "Rewards_Miswired")
        .withArgs(await escrow.getAddress());
    });

    it("refuses Reviews of another Ledger", async () => {
      const { market } = await loadFixture(deployRewards);
      const { token, owner, rewards } = market;
      const following = await addressesAfter(owner);
      const nobody = ethers.ZeroAddress;
      const { disputes } = following;
      const registry = await ethers.deployContract("Registry", [token, WINDOWS, BOND, BOND, owner, disputes]);
      const escrow = await ethers.deployContract("Escrow", [
        token,
        registry,
        following.ledger,
        WINDOWS,
        nobody,
        disputes,
        following.rewards,
      ]);
      const fees = [250, 4_000, 1_000] as const;
      const ledger = await ethers.deployContract("Ledger", [
        registry,
        escrow,
        WINDOWS,
        ...fees,
        owner,
        nobody,
      ]);
      await ethers.deployContract("Disputes", [registry, escrow, ledger, WINDOWS, PENALTY]);
      const others = await ethers.deployContract("Reviews", [market.ledger]);
      await expect(ethers.deployContract("Rewards", [ledger, others, owner, owner]))
        .to.be.revertedWithCustomError(rewards, "Rewards_Miswired")
        .withArgs(await others.getAddress());
    });

    it("refuses nobody as Ledger, Reviews or owner", async () => {
      const { market } = await loadFixture(deployRewards);
      const { ledger, reviews, owner, rewards } = market;
      for (const [first, second] of [
        [ethers.ZeroAddress, reviews],
        [ledger, ethers.ZeroAddress],
      ] as const)
        // oxlint-disable-next-line no-await-in-loop
        await expect(
          ethers.deployContract("Rewards", [first, second, owner, owner]),
        ).to.be.revertedWithCustomError(rewards, "Rewards_ZeroAddress");
    });

    it("lets nobody else take money out of the pools", async () => {
      const { market, epoch, stranger } = await loadFixture(deployRewards);
      await expect(market.escrow.payFromPool(OPERATOR, epoch, stranger, 0n))
        .to.be.revertedWithCustomError(market.escrow, "Escrow_NotRewards")
        .withArgs(market.owner.address);
    });
  });
});
