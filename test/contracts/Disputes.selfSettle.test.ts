/** D3: no batch came in time, so the provider settles the receipt itself. */
import { expect } from "chai";

import { encodeBatch, type Group, type Row } from "../../router/model/batch.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  APP_FEE_BPS,
  bucketOf,
  challenge,
  cheat,
  DEARER,
  DEPOSIT,
  deployDisputeWorld,
  effect,
  expectRefused,
  failed,
  feeOf,
  LIST,
  net,
  priceOf,
  REBATE,
  served,
  signedReceipt,
  withAppFee,
  type World,
} from "./fixtures/disputeWorld.ts";
import { settleGroups, signReceipt, stranger, type TestReceipt } from "./fixtures/evidence.ts";
import { BOND, PENALTY, PROTOCOL_FEE_BPS, WINDOWS, type Market } from "./fixtures/market.ts";

const APP_FEE = (AMOUNT * APP_FEE_BPS) / 10_000n;
const HAS_SELF_SETTLED = 2n;

interface Signed {
  readonly receipt: TestReceipt;
  readonly signature: string;
}

/** Any number of receipts in one call, by somebody who has nothing to do with them. */
async function selfSettle({ market, challenger }: World, ...signed: readonly Signed[]) {
  return market.disputes.connect(challenger).selfSettle(
    signed.map(({ receipt }) => receipt),
    signed.map(({ signature }) => signature),
  );
}

/** To the first second at which `receipt` can be self-settled, so that the next transaction is mined in it. */
async function untilOpen({ market }: World, { receipt }: Signed): Promise<number> {
  const opensAt = Number(await market.disputes.settleBy(receipt.servedAt)) + 1;
  await time.setNextBlockTimestamp(opensAt);
  return opensAt;
}

/** A receipt that no batch settled in time. */
async function lateReceipt(world: World, changes: Partial<TestReceipt> = {}): Promise<Signed> {
  const signed = await signedReceipt(world, changes);
  await time.increase(WINDOWS.settle + 1);
  return signed;
}

const metricsOf = async ({ ledger }: Market, listingId = 1) => {
  const epoch = await ledger.epochAt(await time.latest());
  const { fees, weightedTiming, outputUnits, requests, failures } = await ledger.metrics(epoch, 1, listingId);
  return { fees, weightedTiming, outputUnits, requests, failures };
};
const appFeesOf = async ({ ledger }: Market) =>
  ledger.appFees(await ledger.epochAt(await time.latest()), 1, 1);

describe("Disputes", () => {
  describe("selfSettle", () => {
    it("takes the price from the account and credits the provider net of the fee, the pool with all of it", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const signed = await lateReceipt(world);
      const { delta } = await effect(world, async () => selfSettle(world, signed));
      expect(delta).to.deep.include({
        account: -AMOUNT,
        provider1: net(AMOUNT),
        pools: feeOf(AMOUNT),
        operator: 0n,
        app1: 0n,
        bond: 0n,
        owed: 0n,
        compensations: 0n,
        refunds: 0n,
      });
      const { nextSeq, flags } = await market.escrow.account(accountId);
      expect([nextSeq, flags & HAS_SELF_SETTLED]).to.deep.equal([0n, HAS_SELF_SETTLED]);
      expect(await market.escrow.isSelfSettled(accountId, 0)).to.equal(true);
      expect(await market.escrow.isSelfSettled(accountId, 1)).to.equal(false);
      expect(await market.escrow.selfSettledWord(accountId, 0)).to.equal(1n);
      expect(await market.disputes.isUsed(await market.ledger.hashReceipt(signed.receipt))).to.equal(true);
    });

    it("says what it took", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const signed = await lateReceipt(world, { appId: 1 });
      const { receipt } = signed;
      const digest = await market.ledger.hashReceipt(receipt);
      const sent = await (await selfSettle(world, signed)).wait();
      const events = sent?.logs
        .filter((log) => log.address === market.disputes.target)
        .map((log) => market.disputes.interface.parseLog(log)?.args.toObject());
      expect(events).to.have.lengthOf(1);
      expect(events?.[0]).to.deep.include({
        operatorId: 1n,
        accountId: BigInt(accountId),
        providerId: 1n,
        seq: 0n,
        digest,
        offerId: 1n,
        appId: 1n,
        amount: AMOUNT,
        taken: withAppFee(AMOUNT),
        paid: AMOUNT,
      });
    });

    it("measures the request like any other, for the listing and for the app", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const signed = await lateReceipt(world, { appId: 1 });
      await selfSettle(world, signed);
      const fee = feeOf(AMOUNT);
      const outputFee = (fee * 50n * LIST.outputPrice) / AMOUNT;
      const weightOf = (wei: bigint) => (wei + 2n ** 32n - 1n) >> 32n;
      expect(await metricsOf(world.market)).to.deep.equal({
        fees: fee,
        weightedTiming: weightOf(fee - outputFee) * 255n + weightOf(outputFee) * 100n,
        outputUnits: 50n,
        requests: 1n,
        failures: 0n,
      });
      expect(await appFeesOf(world.market)).to.equal(fee);
    });

    it("pays the app on top what the account allows, and counts it for no app when there is none", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const { delta } = await effect(world, async () =>
        selfSettle(world, await lateReceipt(world, { appId: 1 })),
      );
      expect(delta).to.deep.include({ account: -withAppFee(AMOUNT), app1: APP_FEE, provider1: net(AMOUNT) });
      const careful = { ...world, accountId: await market.openAccount(DEPOSIT, 4) };
      const signed = await lateReceipt(careful, { appId: 1 });
      const { delta: second } = await effect(careful, async () => selfSettle(careful, signed));
      expect(second).to.deep.include({ account: -AMOUNT, app1: 0n });
      const none = await lateReceipt(careful, { seq: 1, appId: 0 });
      await selfSettle(careful, none);
      expect(await market.ledger.appFees(await market.ledger.epochAt(await market.now()), 1, 0)).to.equal(0n);
    });

    it("charges the lower of what the receipt says and of what its list says", async () => {
      const world = await loadFixture(deployDisputeWorld);
      for (const [seq, amount, charged] of [
        [0, AMOUNT * 1_000n, AMOUNT],
        [1, AMOUNT + 1n, AMOUNT],
        [2, AMOUNT - 5n, AMOUNT - 5n],
        [3, 1n, 1n],
      ] as const) {
        const signed = await lateReceipt(world, { seq, amount });
        const { delta } = await effect(world, async () => selfSettle(world, signed));
        expect(delta).to.deep.include({ account: -charged, provider1: net(charged) });
      }
      // Less than the list's price for output: all that was paid was for output.
      const { outputUnits, requests } = await metricsOf(world.market);
      expect([outputUnits, requests]).to.deep.equal([200n, 4n]);
    });

    it("weighs no more output than was paid for", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const amount = 10n ** 16n; // less than the output alone
      await selfSettle(world, await lateReceipt(world, { amount }));
      const fee = feeOf(amount);
      const { fees, weightedTiming } = await metricsOf(world.market);
      expect([fees, weightedTiming]).to.deep.equal([fee, ((fee + 2n ** 32n - 1n) >> 32n) * 100n]);
    });

    it("spends credits first", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      await market.escrow.grantCredits(accountId, AMOUNT - 3n);
      await selfSettle(world, await lateReceipt(world));
      const { balance, credits } = await market.escrow.account(accountId);
      expect([balance, credits]).to.deep.equal([DEPOSIT - 3n, 0n]);
    });

    it("settles several receipts, of several accounts and providers, in one call", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const second = await market.openAccount(DEPOSIT);
      const receipts = [
        await signedReceipt(world, { seq: 0 }),
        await signedReceipt(world, { seq: 5, offerId: 2, amount: priceOf(served, DEARER) }),
        await signedReceipt(world, { accountId: second, seq: 0 }),
      ];
      await time.increase(WINDOWS.settle + 1);
      await selfSettle(world, ...receipts);
      expect(await market.escrow.pending(0, 1)).to.equal(2n * net(AMOUNT));
      expect(await market.escrow.pending(0, 2)).to.equal(net(priceOf(served, DEARER)));
      expect(await market.escrow.selfSettledWord(world.accountId, 0)).to.equal(0b100001n);
      expect(await market.escrow.selfSettledWord(second, 0)).to.equal(1n);
    });

    it("needs a signature for every receipt, and a receipt at all", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { disputes } = world.market;
      const { receipt, signature } = await lateReceipt(world);
      for (const [receipts, signatures] of [
        [[receipt], []],
        [[receipt], [signature, signature]],
        [[], []],
      ] as const)
        await expect(disputes.selfSettle([...receipts], [...signatures]))
          .to.be.revertedWithCustomError(disputes, "Disputes_LengthsDiffer")
          .withArgs(receipts.length, signatures.length);
    });
  });

  describe("selfSettle, of a short account", () => {
    async function shortWorld(balance: bigint) {
      const world = await loadFixture(deployDisputeWorld);
      const accountId = await world.market.openAccount(balance);
      const poor: World = { ...world, accountId };
      return { poor, signed: await lateReceipt(poor, { appId: 1 }) };
    }

    const CASES: readonly [name: string, balance: bigint, app: bigint, paid: bigint][] = [
      ["that has just enough", withAppFee(AMOUNT), APP_FEE, AMOUNT],
      ["whose app gets a part", AMOUNT + 7n, 7n, AMOUNT],
      ["whose app goes without", AMOUNT, 0n, AMOUNT],
      ["by a wei", AMOUNT - 1n, 0n, AMOUNT - 1n],
      ["by nearly all", 1n, 0n, 1n],
    ];
    for (const [name, balance, app, paid] of CASES)
      it(`${name}: the provider claims what it lacks, net of the fee`, async () => {
        const { poor, signed } = await shortWorld(balance);
        const { delta } = await effect(poor, async () => selfSettle(poor, signed));
        expect(delta).to.deep.include({
          account: -(balance < withAppFee(AMOUNT) ? balance : withAppFee(AMOUNT)),
          app1: app,
          provider1: net(paid),
          pools: feeOf(paid),
          claimedBy1: net(AMOUNT - paid),
          claimedBy2: 0n,
          refunds: 0n,
          bond: 0n,
        });
        expect((await metricsOf(poor.market)).fees).to.equal(feeOf(paid));
      });

    it("that is empty: claims all of it, and still counts the number as settled", async () => {
      const { poor, signed } = await shortWorld(AMOUNT);
      await selfSettle(poor, signed);
      const again = await lateReceipt(poor, { seq: 1 });
      const { delta } = await effect(poor, async () => selfSettle(poor, again));
      expect(delta).to.deep.include({ account: 0n, provider1: 0n, pools: 0n, claimedBy1: net(AMOUNT) });
      expect(await poor.market.escrow.isSelfSettled(poor.accountId, 1)).to.equal(true);
      const { requests, fees } = await metricsOf(poor.market);
      expect([requests, fees]).to.deep.equal([2n, feeOf(AMOUNT)]);
    });
  });

  describe("selfSettle, when", () => {
    it("begins a second after the settle window, and not before", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { disputes } = world.market;
      const signed = await signedReceipt(world);
      const opensAt = signed.receipt.servedAt + WINDOWS.settle;
      expect(await disputes.settleBy(signed.receipt.servedAt)).to.equal(opensAt);
      await time.setNextBlockTimestamp(opensAt);
      await expect(selfSettle(world, signed))
        .to.be.revertedWithCustomError(disputes, "Disputes_TooEarly")
        .withArgs(opensAt, opensAt);
      await time.setNextBlockTimestamp(opensAt + 1);
      await expect(selfSettle(world, signed)).to.emit(disputes, "SelfSettled");
    });

    it("ends with the self-settle window, to the second", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { disputes } = world.market;
      const [last, late] = [await signedReceipt(world), await signedReceipt(world, { seq: 1 })];
      const closesAt = last.receipt.servedAt + WINDOWS.settle + WINDOWS.selfSettle;
      await time.setNextBlockTimestamp(closesAt);
      await expect(selfSettle(world, last)).to.emit(disputes, "SelfSettled");
      await time.setNextBlockTimestamp(closesAt + 1);
      await expect(selfSettle(world, late))
        .to.be.revertedWithCustomError(disputes, "Disputes_TooLate")
        .withArgs(closesAt, closesAt + 1);
    });

    /** Pauses the Ledger `startSec` after a service, for `durationSec`; what settleBy adds to the settle window then. */
    async function extensionBy(
      startSec: number,
      durationSec: number,
      endedAfterSec?: number,
    ): Promise<number> {
      const { market } = await loadFixture(deployDisputeWorld);
      const servedAt = (await market.now()) + 100_000;
      await time.setNextBlockTimestamp(servedAt + startSec);
      await market.ledger.pause(durationSec);
      if (endedAfterSec !== undefined) {
        await time.setNextBlockTimestamp(servedAt + startSec + endedAfterSec);
        await market.ledger.endPause();
      }
      return Number(await market.disputes.settleBy(servedAt)) - servedAt - WINDOWS.settle;
    }

    const { settle, maxPause } = WINDOWS;
    const PAUSES: readonly [name: string, args: readonly [number, number, number?], extension: number][] = [
      ["within the window: all of it", [60, 600], 600],
      ["that begins with the service: all of it", [0, 600], 600],
      ["that began before: from the service on", [-100, 600], 500],
      ["that ended a second after the service: that second", [-100, 101], 1],
      ["that ended with the service: nothing", [-100, 100], 0],
      ["that ended before: nothing", [-700, 600], 0],
      ["that begins in the window's last second: all of it", [settle - 1, maxPause], maxPause],
      ["that begins when the window ends: nothing", [settle, maxPause], 0],
      ["the longest: all of it", [1, maxPause], maxPause],
      ["ended early: what it lasted", [60, 600, 200], 200],
    ];
    for (const [name, args, extension] of PAUSES)
      it(`waits longer for a pause ${name}`, async () => {
        expect(await extensionBy(...args)).to.equal(extension);
      });

    it("waits as long again as settlement was paused", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const signed = await signedReceipt(world);
      await market.ledger.pause(WINDOWS.maxPause);
      await market.escrow.pause(WINDOWS.maxPause);
      const until = Number(await market.ledger.pausedUntil());
      const opensAt = Number(await market.disputes.settleBy(signed.receipt.servedAt));
      expect(opensAt).to.equal(signed.receipt.servedAt + WINDOWS.settle + WINDOWS.maxPause);
      await time.setNextBlockTimestamp(opensAt);
      await expect(selfSettle(world, signed)).to.be.revertedWithCustomError(
        market.disputes,
        "Disputes_TooEarly",
      );
      expect(opensAt).to.be.greaterThan(until);
      await time.setNextBlockTimestamp(opensAt + 1);
      await expect(selfSettle(world, signed)).to.emit(market.disputes, "SelfSettled");
    });

    it("is not stopped by a pause (I-06)", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const signed = await lateReceipt(world);
      await market.ledger.pause(WINDOWS.maxPause);
      await market.escrow.pause(WINDOWS.maxPause);
      await expect(selfSettle(world, signed)).to.emit(market.disputes, "SelfSettled");
      expect(await market.now()).to.be.lessThan(Number(await market.ledger.pausedUntil()));
    });

    it("is over before an exit that was asked for at the service is ready", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const signed = await signedReceipt(world);
      await market.escrow.requestExit(accountId, DEPOSIT);
      await market.ledger.pause(WINDOWS.maxPause);
      const closesAt = Number(await market.disputes.settleBy(signed.receipt.servedAt)) + WINDOWS.selfSettle;
      const { readyAt } = await market.escrow.exitOf(accountId);
      expect(Number(readyAt)).to.be.greaterThan(closesAt);
      await time.setNextBlockTimestamp(closesAt);
      const { delta } = await effect(world, async () => selfSettle(world, signed));
      expect(delta).to.deep.include({ account: -AMOUNT, compensations: 0n });
    });
  });

  describe("selfSettle, of what", () => {
    async function expectSelfSettleRefused(
      world: World,
      signed: Signed,
      contract: "disputes" | "escrow",
      error: string,
      args?: readonly unknown[],
    ): Promise<void> {
      const refused = expect(selfSettle(world, signed)).to.be.revertedWithCustomError(
        world.market[contract],
        error,
      );
      await (args === undefined ? refused : refused.withArgs(...args));
    }

    it("refuses what a batch has settled, and takes the very next number", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      await settleGroups(market, [{ accountId, appId: 0, rows: [served, served] }]);
      const [old, next] = [await signedReceipt(world, { seq: 1 }), await signedReceipt(world, { seq: 2 })];
      await time.increase(WINDOWS.settle + 1);
      await expectSelfSettleRefused(world, old, "escrow", "Escrow_AlreadySettled", [accountId, 1, 2]);
      await selfSettle(world, next);
    });

    it("refuses a number that was self-settled by another receipt, and takes its neighbours", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const receipts = [];
      for (const seq of [254, 255, 256, 257]) receipts.push(await signedReceipt(world, { seq }));
      const other = await signedReceipt(world, { seq: 255, responseHash: ethers.id("another") });
      await time.increase(WINDOWS.settle + 1);
      await selfSettle(world, receipts[1] as Signed);
      await expectSelfSettleRefused(world, other, "escrow", "Escrow_AlreadySelfSettled", [accountId, 255]);
      for (const i of [0, 2, 3]) await selfSettle(world, receipts[i] as Signed);
      expect(await market.escrow.selfSettledWord(accountId, 0)).to.equal(0b11n << 254n);
      expect(await market.escrow.selfSettledWord(accountId, 1)).to.equal(0b11n);
    });

    it("refuses a receipt that was used before: receipt replay, in one call or two", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const signed = await lateReceipt(world);
      const digest = await market.ledger.hashReceipt(signed.receipt);
      await expect(selfSettle(world, signed, signed))
        .to.be.revertedWithCustomError(market.disputes, "Disputes_AlreadyPaid")
        .withArgs(digest);
      await selfSettle(world, signed);
      await expectSelfSettleRefused(world, signed, "disputes", "Disputes_AlreadyPaid", [digest]);
    });

    it("refuses a receipt by which its row was challenged: it made its provider whole", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const evidence = await cheat(world, { outputUnits: 20 });
      await challenge(world, evidence);
      await time.increase(WINDOWS.settle + 1);
      await expectSelfSettleRefused(world, evidence, "disputes", "Disputes_AlreadyPaid", [
        await market.ledger.hashReceipt(evidence.receipt),
      ]);
    });

    it("refuses a receipt for an account of another operator, of nobody, or of no operator", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, other } = world;
      await market.registry.registerOperator(other, other, other, BOND);
      const foreign = await market.openAccount(DEPOSIT, 20, 2);
      const [strange, unknown] = [
        await signedReceipt(world, { accountId: foreign }),
        await signedReceipt(world, { accountId: 99 }),
      ];
      await time.increase(WINDOWS.settle + 1);
      await expectSelfSettleRefused(world, strange, "escrow", "Escrow_ForeignAccount", [foreign, 2, 1]);
      await expectSelfSettleRefused(world, unknown, "escrow", "Escrow_ForeignAccount", [99, 0, 1]);
    });

    it("refuses what the operator did not sign", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const { receipt, signature } = await lateReceipt(world);
      for (const forged of [
        { receipt, signature: await signReceipt(market, receipt, stranger) },
        { receipt: { ...receipt, amount: receipt.amount - 1n }, signature },
        { receipt: { ...receipt, seq: 1 }, signature },
        { receipt: { ...receipt, servedAt: receipt.servedAt - 1 }, signature },
      ])
        await expectSelfSettleRefused(world, forged, "disputes", "Receipt_NotSigned");
    });

    it("refuses an offer that was not billable when it served: unmade, unknown, or retired", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const retiresAt = (await market.now()) + 2 * 3_600;
      await market.registry.retireOffer(1, retiresAt);
      const { createdAt } = await market.registry.offer(1);
      const last = retiresAt + WINDOWS.grace;
      const [inTime, late, unknown, early] = [
        await signedReceipt(world, { servedAt: last }),
        await signedReceipt(world, { servedAt: last + 1 }),
        await signedReceipt(world, { offerId: 9 }),
        await signedReceipt(world, { servedAt: Number(createdAt) - 1 }),
      ];
      await time.increaseTo(last + WINDOWS.settle + 10);
      for (const [signed, offerId] of [
        [late, 1],
        [unknown, 9],
        [early, 1],
      ] as const)
        await expectSelfSettleRefused(world, signed, "disputes", "Disputes_NotBillable", [
          offerId,
          signed.receipt.servedAt,
        ]);
      await selfSettle(world, inTime);
    });

    it("refuses what costs nothing: a failed attempt, a gift, a free list", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      await market.addOffer({ inputPrice: 0n, outputPrice: 0n, requestPrice: 0n });
      const receipts = [
        await signedReceipt(world, { ...failed, amount: 0n }),
        // What a failed attempt says it costs is nobody's.
        await signedReceipt(world, { ...failed, amount: AMOUNT }),
        await signedReceipt(world, { amount: 0n }),
        await signedReceipt(world, { offerId: 4 }),
      ];
      await time.increase(WINDOWS.settle + 1);
      for (const signed of receipts)
        await expectSelfSettleRefused(world, signed, "disputes", "Disputes_NothingDue", [
          await market.ledger.hashReceipt(signed.receipt),
        ]);
    });

    it("takes the fee of the time of service, into the pool of the epoch in which it is settled", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const epoch = Number(await market.ledger.epochAt(await market.now()));
      const at = (epoch + 1) * WINDOWS.epoch - 3_600;
      await market.ledger.scheduleProtocolFee(1_000, at);
      await time.increaseTo(at + 1);
      const [before, after] = [
        await signedReceipt(world, { seq: 0, servedAt: at - 1 }),
        await signedReceipt(world, { seq: 1, servedAt: at }),
      ];
      await untilOpen(world, after);
      const { delta } = await effect(world, async () => selfSettle(world, before, after));
      expect(delta.pools).to.equal(feeOf(AMOUNT) + AMOUNT / 10n);
      expect(await market.escrow.pool(1, epoch + 1)).to.equal(delta.pools);
      expect((await metricsOf(market)).fees).to.equal(delta.pools);
    });
  });

  describe("a later batch over a self-settled row", () => {
    it("charges nothing for it, counts it nowhere again, and goes on with the numbers", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const signed = await lateReceipt(world);
      await selfSettle(world, signed);
      const before = await metricsOf(market);
      const group: Group = { accountId, appId: 1, rows: [served] };
      const { delta } = await effect(world, async () => market.settle(await market.batch([group])));
      expect(delta).to.deep.include({
        account: 0n,
        provider1: 0n,
        app1: 0n,
        operator: 0n,
        pools: 0n,
        owed: 0n,
      });
      expect(await metricsOf(market)).to.deep.equal(before);
      expect(await appFeesOf(market)).to.equal(0n);
      expect((await market.escrow.account(accountId)).nextSeq).to.equal(1n);
      // The next row is charged as ever.
      const { delta: next } = await effect(world, async () => market.settle(await market.batch([group])));
      expect(next).to.deep.include({ account: -withAppFee(AMOUNT) + REBATE, provider1: net(AMOUNT) });
    });

    it("says so in what the batch came to", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      await selfSettle(world, await lateReceipt(world, { seq: 1 }));
      const sent = await market.settle(
        await market.batch([{ accountId, appId: 0, rows: [served, served, failed] }]),
      );
      await expect(sent)
        .to.emit(market.ledger, "BatchSettled")
        .withArgs(1, 0, ethers.isHexString, 3, AMOUNT, 0, feeOf(AMOUNT), 0, REBATE);
    });

    it("skips just those rows, over several groups of the account and between those of others", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const other = await market.openAccount(DEPOSIT);
      const row = (inputUnits: number, offerId = 1): Row => ({ ...served, offerId, inputUnits });
      for (const seq of [1, 3, 4]) await selfSettle(world, await lateReceipt(world, { seq }));
      const groups: Group[] = [
        { accountId, appId: 0, rows: [row(1), row(2)] }, // 0, [1]
        { accountId: other, appId: 0, rows: [row(4), row(8)] }, // its own numbers 0 and 1
        { accountId, appId: 0, rows: [row(16), row(32, 2)] }, // 2, [3]
        { accountId, appId: 1, rows: [row(64), row(128)] }, // [4], 5
      ];
      const charged = (...units: number[]) =>
        units.reduce((sum, inputUnits) => sum + priceOf({ inputUnits, outputUnits: 50 }), 0n);
      const before = await market.escrow.account(other);
      const { proofOf } = await settleGroups(market, groups);
      // Each group gets its own rebate, of what it was charged.
      const rebateOf = (wei: bigint) => (wei * PROTOCOL_FEE_BPS * 1_000n) / 10n ** 8n - 2n;
      const { balance, credits, nextSeq } = await market.escrow.account(accountId);
      expect(balance + credits).to.equal(
        DEPOSIT -
          3n * AMOUNT -
          charged(1, 16) -
          withAppFee(charged(128)) +
          rebateOf(charged(1)) +
          rebateOf(charged(16)) +
          rebateOf(charged(128)),
      );
      expect(nextSeq).to.equal(6n);
      const after = await market.escrow.account(other);
      expect([after.balance, after.credits]).to.deep.equal([
        before.balance - charged(4, 8),
        rebateOf(charged(4, 8)),
      ]);
      expect(await market.escrow.pending(0, 2)).to.equal(0n);
      // And every row can still be shown, with what it took.
      const rowPayments = await market.rowPayments();
      const takenOf = async (i: number, j: number) => (await rowPayments.paymentOf(proofOf(i, j)))[1].taken;
      expect([await takenOf(0, 0), await takenOf(0, 1)]).to.deep.equal([charged(1), 0n]);
      expect([await takenOf(1, 0), await takenOf(1, 1)]).to.deep.equal([charged(4), charged(8)]);
      expect([await takenOf(2, 0), await takenOf(2, 1)]).to.deep.equal([charged(16), 0n]);
      expect([await takenOf(3, 0), await takenOf(3, 1)]).to.deep.equal([0n, withAppFee(charged(128))]);
    });

    it("with a shortfall: the account lacks nothing for skipped rows, and the rest goes without from the last", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      // Pays for the self-settled rows 1 and 3, for row 0, and half of row 2.
      const accountId = await market.openAccount(2n * AMOUNT + AMOUNT + AMOUNT / 2n);
      const poor: World = { ...world, accountId };
      for (const seq of [1, 3]) await selfSettle(poor, await lateReceipt(poor, { seq }));
      const rows = [served, served, served, served];
      const due = withAppFee(2n * AMOUNT);
      const before = await market.escrow.pending(0, 1);
      const { proofOf, shortOf } = await settleGroups(market, [{ accountId, appId: 1, rows }]);
      expect(shortOf(0)).to.equal(due - AMOUNT - AMOUNT / 2n);
      expect((await market.escrow.pending(0, 1)) - before).to.equal(net(AMOUNT + AMOUNT / 2n));
      expect(await market.disputes.claimOf(1, 1, 1, await bucketOf(market))).to.equal(net(AMOUNT / 2n));
      expect((await market.disputes.openClaimsByKind(1)).compensations).to.equal(net(AMOUNT / 2n));
      const rowPayments = await market.rowPayments();
      const payments = [];
      for (const i of rows.keys()) {
        const [, { taken, unpaid, appFee }] = await rowPayments.paymentOf(proofOf(0, i));
        payments.push([taken, unpaid, appFee]);
      }
      expect(payments).to.deep.equal([
        [AMOUNT, 0n, APP_FEE],
        [0n, 0n, APP_FEE],
        [AMOUNT / 2n, AMOUNT / 2n, APP_FEE],
        [0n, 0n, APP_FEE],
      ]);
    });

    it("with a shortfall of the app's fee alone: shares what the app got among the rows that were charged", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market } = world;
      const accountId = await market.openAccount(AMOUNT + 2n * AMOUNT + APP_FEE);
      const poor: World = { ...world, accountId };
      await selfSettle(poor, await lateReceipt(poor, { seq: 1 }));
      const { proofOf, shortOf } = await settleGroups(market, [
        { accountId, appId: 1, rows: [served, served, served] },
      ]);
      expect(shortOf(0)).to.equal(APP_FEE);
      const rowPayments = await market.rowPayments();
      const takenOf = async (i: number) => (await rowPayments.paymentOf(proofOf(0, i)))[1].taken;
      expect([await takenOf(0), await takenOf(1), await takenOf(2)]).to.deep.equal([
        AMOUNT + APP_FEE / 2n,
        0n,
        AMOUNT + APP_FEE / 2n,
      ]);
    });

    it("finds the rows across the boundaries of 256 numbers, in a group of more than one word", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const before = 250;
      const count = 300;
      const skipped = [250, 254, 255, 256, 257, 505, 506, 511, 512, 549];
      await settleGroups(market, [
        { accountId, appId: 0, rows: Array.from({ length: before }, () => failed) },
      ]);
      const receipts: Signed[] = [];
      for (const seq of [...skipped, 550]) receipts.push(await signedReceipt(world, { seq }));
      await time.increase(WINDOWS.settle + 1);
      await selfSettle(world, ...receipts);
      // Each row costs something else, so that the sum tells which were charged.
      const rows = Array.from({ length: count }, (_, i) => ({ ...served, inputUnits: i }));
      const charged = rows
        .filter((_, i) => !skipped.includes(before + i))
        .reduce((sum, row) => sum + priceOf(row), 0n);
      const held = (await market.escrow.account(accountId)).balance;
      const { proofOf } = await settleGroups(market, [{ accountId, appId: 0, rows }]);
      expect(held - (await market.escrow.account(accountId)).balance).to.equal(charged);
      const rowPayments = await market.rowPayments();
      for (const seq of [250, 251, 253, 255, 256, 258, 504, 505, 507, 511, 512, 513, 548, 549]) {
        const i = seq - before;
        const [, { taken }] = await rowPayments.paymentOf(proofOf(0, i));
        expect(taken, `row ${seq}`).to.equal(skipped.includes(seq) ? 0n : priceOf(rows[i] as Row));
      }
    });

    it("begins at a boundary, too", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      await settleGroups(market, [{ accountId, appId: 0, rows: Array.from({ length: 256 }, () => failed) }]);
      for (const seq of [256, 258]) await selfSettle(world, await lateReceipt(world, { seq }));
      const held = (await market.escrow.account(accountId)).balance;
      const rows = [1, 2, 4, 8].map((inputUnits) => ({ ...served, inputUnits }));
      await settleGroups(market, [{ accountId, appId: 0, rows }]);
      expect(held - (await market.escrow.account(accountId)).balance).to.equal(
        priceOf(rows[1] as Row) + priceOf(rows[3] as Row),
      );
    });

    it("counts a failed row in its place as failed", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      await selfSettle(world, await lateReceipt(world));
      const { delta } = await effect(world, async () =>
        market.settle(await market.batch([{ accountId, appId: 0, rows: [failed] }])),
      );
      expect(delta.account).to.equal(0n);
      expect(await metricsOf(market)).to.deep.include({ requests: 1n, failures: 1n });
    });

    it("makes nobody else pay for looking: accounts and operators without such rows settle as ever", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, other } = world;
      await market.registry.registerOperator(other, market.settler, other, BOND);
      const foreign = await market.openAccount(DEPOSIT, 20, 2);
      await selfSettle(world, await lateReceipt(world));
      const batch = {
        ...(await market.batch([{ accountId: foreign, appId: 0, rows: [served] }])),
        batchNo: 0,
      };
      await market.ledger.connect(market.settler).settle(2, encodeBatch(batch).bytes);
      expect((await market.escrow.account(foreign)).balance).to.equal(DEPOSIT - AMOUNT);
    });
  });

  describe("a self-settled row that a batch shows", () => {
    it("as signed is nobody's fault (I-15)", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const signed = await lateReceipt(world);
      await selfSettle(world, signed);
      const { servedAt } = signed.receipt;
      const { proofOf } = await settleGroups(market, [{ accountId, appId: 0, rows: [served] }], {
        servedFromSec: servedAt,
        servedToSec: servedAt,
      });
      await expectRefused(world, { ...signed, proof: proofOf(0, 0) }, "Disputes_SettledAsSigned");
    });

    it("with other units refunds nothing, for it took nothing", async () => {
      const world = await loadFixture(deployDisputeWorld);
      const { market, accountId } = world;
      const signed = await lateReceipt(world);
      await selfSettle(world, signed);
      const { proofOf } = await settleGroups(market, [
        { accountId, appId: 0, rows: [{ ...served, inputUnits: 9_000 }] },
      ]);
      // The receipt has made its provider whole; it is evidence of nothing more.
      await expectRefused(world, { ...signed, proof: proofOf(0, 0) }, "Disputes_AlreadyPaid");
      // Another one for the same number shows that the row is a lie: the penalty, and nothing to give back.
      const lie = await signedReceipt(world, { seq: 0, responseHash: ethers.id("another") });
      const { delta } = await effect(world, async () => challenge(world, { ...lie, proof: proofOf(0, 0) }));
      expect(delta).to.deep.include({ bond: -PENALTY, refunds: 0n, compensations: 0n });
    });

    /** Two receipts for one number, of two providers; the first provider has settled its own. */
    async function firstComeWorld(second: Partial<TestReceipt> = {}) {
      const world = await loadFixture(deployDisputeWorld);
      const a = await signedReceipt(world);
      const b = await signedReceipt(world, { offerId: 2, amount: DEAR, ...second });
      await time.increase(WINDOWS.settle + 1);
      await selfSettle(world, a);
      const equivocate = async (x: Signed, y: Signed) =>
        world.market.disputes
          .connect(world.challenger)
          .challengeEquivocation(x.receipt, x.signature, y.receipt, y.signature);
      return { world, a, b, equivocate };
    }

    const DEAR = priceOf(served, DEARER);

    it("for one of two providers: the other can't settle its own, and claims it of the bond, in either order", async () => {
      for (const isSwapped of [false, true]) {
        const { world, a, b, equivocate } = await firstComeWorld();
        const { market, challenger, accountId } = world;
        await expect(selfSettle(world, b)).to.be.revertedWithCustomError(
          market.escrow,
          "Escrow_AlreadySelfSettled",
        );
        const sent = async () => (isSwapped ? equivocate(b, a) : equivocate(a, b));
        const { delta } = await effect(world, sent);
        expect(delta).to.deep.include({ bond: -PENALTY, claimedBy1: 0n, claimedBy2: net(DEAR), refunds: 0n });
        const [event] = await market.disputes.queryFilter(market.disputes.filters.EvidencePaid());
        expect([event?.args.challenger, event?.args.providerId, event?.args.compensation]).to.deep.equal([
          challenger.address,
          2n,
          net(DEAR),
        ]);
        // A batch that shows another row for it changes nothing: the receipt was paid for once.
        await market.registry.addBond(1, BOND); // to go on settling
        const { proofOf } = await settleGroups(market, [{ accountId, appId: 0, rows: [served] }]);
        await expectRefused(world, { ...b, proof: proofOf(0, 0) }, "Disputes_AlreadyPaid");
      }
    });

    it("for one of two providers, the other's not billable: the penalty alone", async () => {
      const { world, a, b, equivocate } = await firstComeWorld({ servedAt: 1 });
      const { delta } = await effect(world, async () => equivocate(a, b));
      expect(delta).to.deep.include({ bond: -PENALTY, compensations: 0n });
    });

    it("for a provider whose row was challenged before: what it lacked was claimed by that", async () => {
      const { world, a, b, equivocate } = await firstComeWorld();
      const { market, accountId } = world;
      const { proofOf } = await settleGroups(market, [{ accountId, appId: 0, rows: [served] }]);
      await challenge(world, { ...b, proof: proofOf(0, 0) });
      expect((await market.disputes.openClaimsByKind(1)).compensations).to.equal(net(DEAR));
      await expect(equivocate(a, b)).to.be.revertedWithCustomError(market.disputes, "Disputes_NothingLeft");
    });

    it("leaves two receipts of one provider as they are: the lower is surely unpaid", async () => {
      const { world, a, b, equivocate } = await firstComeWorld({ offerId: 3 });
      const { delta } = await effect(world, async () => equivocate(a, b));
      expect(delta).to.deep.include({ bond: -PENALTY, claimedBy1: net(AMOUNT), claimedBy2: 0n });
    });
  });
});
