import { expect } from "chai";

import { encodeBatch } from "../../router/model/batch.ts";
import { toHex, type Hex } from "../../router/model/bytes.ts";
import { receiptHasher } from "../../router/model/receipt.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import { disputesSignerOf } from "./fixtures/evidence.ts";
import { fieldsOf } from "./fixtures/fieldsOf.ts";
import { Market, OPERATOR_SHARE_BPS, PROTOCOL_FEE_BPS, WINDOWS } from "./fixtures/market.ts";
import { rawBatch } from "./fixtures/rawBatch.ts";

const HOUR = 3_600;
const DAY = 24 * HOUR;
const DEPOSIT = 10n ** 18n;
const PROVIDER = 0;
const APP = 1;
const OPERATOR = 2;

const success = (offerId: number, units = 100) => ({
  offerId,
  inputUnits: units,
  outputUnits: units,
  timing: 90,
});
const failure = (offerId: number) => ({ offerId, inputUnits: 0, outputUnits: 0, timing: 0 });

describe("Ledger", () => {
  async function deployMarket() {
    const market = await Market.deploy(ethers);
    await market.addOffer({ inputPrice: 7n, outputPrice: 20n, requestPrice: 300n });
    await market.addApp(500);
    await market.openAccount(DEPOSIT);
    return market;
  }

  async function ledgerFixture() {
    const market = await loadFixture(deployMarket);
    const { ledger, escrow, registry, owner, settler } = market;
    /** Settles rows of account 1. */
    const settleRows = async (rows: ReturnType<typeof success>[], appId = 0) =>
      market.settle(await market.batch([{ accountId: 1, appId, rows }]));
    const metrics = async (listingId: number, operatorId = 1) =>
      fieldsOf(await ledger.metrics(await ledger.epochAt(await market.now()), operatorId, listingId));
    return { market, ledger, escrow, registry, owner, settler, settleRows, metrics };
  }

  describe("deployment", () => {
    it("remembers what it was given", async () => {
      const { ledger, escrow, registry, owner } = await ledgerFixture();
      expect(await ledger.registry()).to.equal(await registry.getAddress());
      expect(await ledger.escrow()).to.equal(await escrow.getAddress());
      expect(await ledger.owner()).to.equal(owner.address);
      expect(await ledger.operatorShareBps()).to.equal(OPERATOR_SHARE_BPS);
      expect(await ledger.protocolFeeBps(0)).to.equal(PROTOCOL_FEE_BPS);
      expect(await ledger.epochAt(10 * WINDOWS.epoch - 1)).to.equal(9);
      expect(await ledger.epochAt(10 * WINDOWS.epoch)).to.equal(10);
    });

    it("rejects fees, shares and windows out of range", async () => {
      const { ledger, escrow, registry, owner } = await ledgerFixture();
      const factory = await ethers.getContractFactory("Ledger");
      for (const [fee, share, rebate, bad, max] of [
        [1_001, 0, 0, 1_001, 1_000],
        [0, 5_001, 0, 5_001, 5_000],
        [0, 0, 2_001, 2_001, 2_000],
      ] as const)
        await expect(factory.deploy(registry, escrow, WINDOWS, fee, share, rebate, owner, ethers.ZeroAddress))
          .to.be.revertedWithCustomError(ledger, "Ledger_FeeOutOfRange")
          .withArgs(bad, max);
      await factory.deploy(registry, escrow, WINDOWS, 1_000, 5_000, 2_000, owner, ethers.ZeroAddress);
      const windowsLib = await ethers.getContractFactory("WindowsLib");
      await expect(
        factory.deploy(registry, escrow, { ...WINDOWS, epoch: 1 }, 0, 0, 0, owner, ethers.ZeroAddress),
      ).to.be.revertedWithCustomError(windowsLib, "Windows_OutOfRange");
    });
  });

  describe("settle", () => {
    it("splits what a request costs between provider, app, operator and pool", async () => {
      const { market, escrow, ledger, settleRows } = await ledgerFixture();
      const amount = 2n * (100n * 27n + 300n);
      const appFee = amount / 20n;
      const fee = (amount * PROTOCOL_FEE_BPS) / 10_000n;
      const operatorShare = (fee * OPERATOR_SHARE_BPS) / 10_000n;
      await settleRows([success(1), failure(1), success(1)], 1);
      expect(await escrow.pending(PROVIDER, 1)).to.equal(amount - fee);
      expect(await escrow.pending(APP, 1)).to.equal(appFee);
      expect(await escrow.pending(OPERATOR, 1)).to.equal(operatorShare);
      // A tenth of the fee, less a wei for the one offer.
      const rebate = fee / 10n - 1n;
      expect(await escrow.pool(1, await ledger.epochAt(await market.now()))).to.equal(
        fee - operatorShare - rebate,
      );
      const { balance, credits, nextSeq } = await escrow.account(1);
      expect([balance, credits, nextSeq]).to.deep.equal([DEPOSIT - amount - appFee, rebate, 3n]);
    });

    it("says once per batch what it came to", async () => {
      const { ledger, settleRows } = await ledgerFixture();
      const amount = 3_000n;
      const tx = await settleRows([success(1), failure(1)], 1);
      await expect(tx)
        .to.emit(ledger, "BatchSettled")
        .withArgs(1, 0, await ledger.commitmentOf(1, 0), 2, amount, amount / 20n, 75n, 0n, 6n);
      const receipt = await tx.wait();
      expect(receipt?.logs.filter((log) => log.address === ledger.target).length).to.equal(1);
    });

    it("measures by listing and by the epoch of the block", async () => {
      const { market, ledger, settleRows, metrics } = await ledgerFixture();
      await settleRows([success(1), failure(1), failure(1)]);
      const first = await ledger.epochAt(await market.now());
      // Of 75 wei of fee 50 are for output. Each part weighs 1, for it is less than 2^32 wei.
      const weightedTiming = 90n + 255n;
      const expected = { fees: 75n, weightedTiming, outputUnits: 100n, requests: 1n, failures: 2n };
      expect(await metrics(1)).to.deep.equal(expected);
      await time.increase(WINDOWS.epoch);
      expect(await metrics(1)).to.deep.include({ requests: 0n, failures: 0n });
      await settleRows([success(1)]);
      expect(await metrics(1)).to.deep.equal({ ...expected, failures: 0n });
      expect(fieldsOf(await ledger.metrics(first, 1, 1))).to.deep.equal(expected);
    });

    it("adds up several offers of one listing and one provider", async () => {
      const { market, escrow, settleRows, metrics } = await ledgerFixture();
      const prices = { inputPrice: 0n, outputPrice: 0n, requestPrice: 1_000n };
      const listing = { listingId: 1, providerId: 1 };
      await market.addOffer(prices, listing);
      await market.addOffer(prices, await market.addListing(1));
      await settleRows([success(1), success(2), success(3), failure(2), failure(3)]);
      expect(await metrics(1)).to.deep.equal({
        fees: 75n + 25n,
        weightedTiming: 90n + 255n + 255n,
        outputUnits: 200n,
        requests: 2n,
        failures: 1n,
      });
      expect(await metrics(2)).to.deep.include({ fees: 25n, requests: 1n, failures: 1n });
      expect(await escrow.pending(PROVIDER, 1)).to.equal(5_000n - 75n - 25n - 25n);
    });

    it("weighs timing by what was paid for output, unit by unit, and the rest of the fee as the slowest", async () => {
      const { market, settleRows, metrics } = await ledgerFixture();
      const unit = 10n ** 15n;
      await market.addOffer(
        { inputPrice: unit, outputPrice: 3n * unit, requestPrice: 2n * unit },
        { listingId: 1, providerId: 1 },
      );
      // 3 output units at timing 10, 1 at timing 200; 5 input units and two requests: 21 units of price, 12 for output.
      await settleRows([
        { offerId: 2, inputUnits: 5, outputUnits: 3, timing: 10 },
        { offerId: 2, inputUnits: 0, outputUnits: 1, timing: 200 },
      ]);
      const fee = (21n * unit * PROTOCOL_FEE_BPS) / 10_000n;
      const outputFee = (fee * 12n) / 21n;
      const weightOf = (wei: bigint) => (wei + 2n ** 32n - 1n) >> 32n;
      // 230 over 4 units, rounded down.
      const weightedTiming = weightOf(fee - outputFee) * 255n + weightOf(outputFee) * 57n;
      expect(await metrics(1)).to.deep.equal({
        fees: fee,
        weightedTiming,
        outputUnits: 4n,
        requests: 2n,
        failures: 0n,
      });
    });

    it("leaves a metric that would overflow at its maximum, so that it never stops a batch", async () => {
      const { market, ledger, settleRows, metrics } = await ledgerFixture();
      const asDisputes = ledger.connect(await disputesSignerOf(market));
      const most = { fees: 2n ** 88n - 1n, weightedTiming: 2n ** 64n - 1n };
      await asDisputes.noteSelfSettled(1, 1, 0, 2n ** 100n, 2n ** 100n, 1, 255, 2n ** 90n);
      expect(await metrics(1)).to.deep.equal({ ...most, outputUnits: 1n, requests: 1n, failures: 0n });
      await settleRows([success(1)]);
      expect(await metrics(1)).to.deep.equal({ ...most, outputUnits: 101n, requests: 2n, failures: 0n });
      // And what is taken out of it never goes below nothing.
      const epoch = await ledger.epochAt(await market.now());
      await asDisputes.reverse(1, epoch, 1, 0, 2n ** 89n);
      expect(await metrics(1)).to.deep.include({ fees: 0n, weightedTiming: 0n });
      await asDisputes.reverse(1, epoch, 1, 0, 1n);
      expect(await metrics(1)).to.deep.include({ fees: 0n, weightedTiming: 0n });
    });

    it("counts what an app's requests paid in protocol fees, a wei less per offer", async () => {
      const { market, ledger, settleRows } = await ledgerFixture();
      const feesOf = async (appId: number) =>
        ledger.appFees(await ledger.epochAt(await market.now()), 1, appId);
      await market.addOffer(
        { inputPrice: 0n, outputPrice: 0n, requestPrice: 1_000n },
        { listingId: 1, providerId: 1 },
      );
      await settleRows([success(1), success(2)], 1);
      expect(await feesOf(1)).to.equal(100n - 2n);
      await settleRows([success(1), success(1)], 1);
      expect(await feesOf(1)).to.equal(98n + 150n - 1n);
      await settleRows([success(1)], 0);
      await settleRows([failure(1)], 1);
      expect([await feesOf(0), await feesOf(1)]).to.deep.equal([0n, 247n]);
    });

    it("settles failed rows alone, which cost nothing", async () => {
      const { escrow, ledger, settleRows, metrics } = await ledgerFixture();
      await expect(settleRows([failure(1)], 1))
        .to.emit(ledger, "BatchSettled")
        .withArgs(1, 0, ethers.isHexString, 1, 0, 0, 0, 0, 0);
      expect(await metrics(1)).to.deep.include({ requests: 0n, failures: 1n });
      const { balance, nextSeq } = await escrow.account(1);
      expect([balance, nextSeq]).to.deep.equal([DEPOSIT, 1n]);
    });

    it("lets an offer and an app stand in the tables without a row", async () => {
      const { market, ledger, metrics } = await ledgerFixture();
      await market.addOffer({ inputPrice: 1n, outputPrice: 1n, requestPrice: 1n });
      const now = await market.now();
      const groups = [{ accountId: 1, appIndex: 0, rows: [[0, 1, 1, 1]] as const }];
      const tables = { offers: [1, 2], apps: [0, 1] };
      await market.settle(
        rawBatch({ version: 1, batchNo: 0, servedFrom: now, servedTo: now, ...tables, groups }),
      );
      expect(await ledger.nextBatchNo(1)).to.equal(1);
      expect(await metrics(2)).to.deep.include({ requests: 0n, failures: 0n });
    });

    it("keeps operators apart", async () => {
      const { market, ledger, registry, escrow, owner, settler, metrics } = await ledgerFixture();
      await registry.registerOperator(settler, settler, owner, 10n ** 21n);
      const accountId = await market.openAccount(DEPOSIT, 20, 2);
      const { bytes } = encodeBatch(await market.batch([{ accountId, appId: 0, rows: [success(1)] }]));
      await expect(market.trySettle(bytes))
        .to.be.revertedWithCustomError(escrow, "Escrow_ForeignAccount")
        .withArgs(accountId, 2, 1);
      await ledger.connect(settler).settle(2, bytes);
      expect(await ledger.nextBatchNo(1)).to.equal(0);
      expect(await ledger.nextBatchNo(2)).to.equal(1);
      expect(await metrics(1, 2)).to.deep.include({ requests: 1n });
      expect(await metrics(1, 1)).to.deep.include({ requests: 0n });
    });
  });

  describe("settle, by whom and of what", () => {
    async function encodedFixture() {
      const fixture = await ledgerFixture();
      const encode = async (changes = {}, accountId = 1, appId = 0, offerId = 1) =>
        encodeBatch(await fixture.market.batch([{ accountId, appId, rows: [success(offerId)] }], changes))
          .bytes;
      return { ...fixture, encode };
    }

    it("is for the operator's settlers only", async () => {
      const { ledger, registry, owner, encode } = await encodedFixture();
      await expect(ledger.connect(owner).settle(1, await encode()))
        .to.be.revertedWithCustomError(registry, "Registry_NotSettler")
        .withArgs(1, owner.address);
    });

    it("rejects an unknown account (I-05), offer and app", async () => {
      const { market, registry, escrow, encode } = await encodedFixture();
      await expect(market.trySettle(await encode({}, 2)))
        .to.be.revertedWithCustomError(escrow, "Escrow_ForeignAccount")
        .withArgs(2, 0, 1);
      await expect(market.trySettle(await encode({}, 1, 2)))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownApp")
        .withArgs(2);
      await expect(market.trySettle(await encode({}, 1, 0, 2)))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownOffer")
        .withArgs(2);
    });

    it("offer not billable in the span: is rejected, were it for a second of it (I-04)", async () => {
      const { market, registry, encode } = await encodedFixture();
      const { createdAt } = await registry.offer(1);
      const retiresAt = (await market.now()) + 2 * HOUR;
      await registry.retireOffer(1, retiresAt);
      await time.increaseTo(retiresAt + 3 * HOUR);
      const span = (servedFromSec: number, servedToSec = servedFromSec) => ({ servedFromSec, servedToSec });
      const last = retiresAt + WINDOWS.grace;
      for (const bad of [span(Number(createdAt) - 1, Number(createdAt)), span(last, last + 1)])
        // oxlint-disable-next-line no-await-in-loop
        await expect(market.trySettle(await encode(bad)))
          .to.be.revertedWithCustomError(registry, "Registry_OfferNotBillable")
          .withArgs(1, bad.servedFromSec, bad.servedToSec);
      await market.trySettle(await encode(span(Number(createdAt))));
      await market.trySettle(await encode(span(last - HOUR, last)));
    });
  });

  describe("protocol fee", () => {
    it("is changed by the owner only, within its range, with notice", async () => {
      const { ledger, market, settler } = await ledgerFixture();
      const now = await market.now();
      const scheduled = ledger.connect(settler).scheduleProtocolFee(100, now + 2 * DAY);
      await expect(scheduled).to.be.revertedWithCustomError(ledger, "OwnableUnauthorizedAccount");
      await expect(ledger.scheduleProtocolFee(1_001, now + 2 * DAY))
        .to.be.revertedWithCustomError(ledger, "Ledger_FeeOutOfRange")
        .withArgs(1_001, 1_000);
      await time.setNextBlockTimestamp(now + 10);
      await expect(ledger.scheduleProtocolFee(100, now + 9 + DAY)).to.be.revertedWithCustomError(
        ledger,
        "Ledger_NoticeTooShort",
      );
      await time.setNextBlockTimestamp(now + 20);
      await expect(ledger.scheduleProtocolFee(1_000, now + 20 + DAY))
        .to.emit(ledger, "ProtocolFeeScheduled")
        .withArgs(1_000, now + 20 + DAY);
    });

    it("applies by the time of service, for ever", async () => {
      const { ledger, market } = await ledgerFixture();
      const first = (await market.now()) + 2 * DAY;
      await ledger.scheduleProtocolFee(1_000, first);
      await ledger.scheduleProtocolFee(0, first + DAY);
      const fees = async (...times: number[]) =>
        Promise.all(times.map(async (at) => Number(await ledger.protocolFeeBps(at))));
      const expected = [250, 250, 1_000, 1_000, 0, 0];
      const times = [0, first - 1, first, first + DAY - 1, first + DAY, first + 365 * DAY];
      expect(await fees(...times)).to.deep.equal(expected);
      await time.increase(10 * DAY);
      await ledger.scheduleProtocolFee(500, (await market.now()) + 2 * DAY);
      expect(await fees(...times.slice(0, 5))).to.deep.equal(expected.slice(0, 5));
    });

    it("can be announced again for the same time, but not for one before it", async () => {
      const { ledger, market } = await ledgerFixture();
      const at = (await market.now()) + 5 * DAY;
      await ledger.scheduleProtocolFee(1_000, at);
      await expect(ledger.scheduleProtocolFee(500, at - 1))
        .to.be.revertedWithCustomError(ledger, "Ledger_NoticeTooShort")
        .withArgs(at - 1, at);
      await ledger.scheduleProtocolFee(500, at);
      expect(await ledger.protocolFeeBps(at)).to.equal(500);
      expect(await ledger.protocolFeeBps(at - 1)).to.equal(PROTOCOL_FEE_BPS);
    });

    it("fee change between service and settlement: a batch pays the fee in force when its span begins", async () => {
      const { ledger, market } = await ledgerFixture();
      const at = (await market.now()) + 2 * DAY;
      await ledger.scheduleProtocolFee(1_000, at);
      await time.increaseTo(at + HOUR);
      const groups = [{ accountId: 1, appId: 0, rows: [success(1)] }];
      const feeOf = async (servedFromSec: number, servedToSec: number) => {
        const tx = await market.settle(await market.batch(groups, { servedFromSec, servedToSec }));
        const [log] = await ledger.queryFilter(ledger.filters.BatchSettled(), tx.blockNumber ?? undefined);
        return log?.args.protocolFee;
      };
      expect(await feeOf(at - 1, at + 1)).to.equal(75n);
      expect(await feeOf(at, at + 1)).to.equal(300n);
    });
  });

  describe("hashReceipt", () => {
    const TYPES = {
      Receipt: [
        { name: "operatorId", type: "uint24" },
        { name: "accountId", type: "uint32" },
        { name: "seq", type: "uint40" },
        { name: "offerId", type: "uint32" },
        { name: "appId", type: "uint32" },
        { name: "inputUnits", type: "uint24" },
        { name: "outputUnits", type: "uint24" },
        { name: "timing", type: "uint8" },
        { name: "amount", type: "uint96" },
        { name: "requestHash", type: "bytes32" },
        { name: "responseHash", type: "bytes32" },
        { name: "servedAt", type: "uint40" },
      ],
    };
    const HASHES: { requestHash: Hex; responseHash: Hex } = {
      requestHash: `0x${"ab".repeat(32)}`,
      responseHash: `0x${"0c".repeat(32)}`,
    };
    const ORDINARY = {
      operatorId: 1,
      accountId: 2,
      seq: 3,
      offerId: 4,
      appId: 5,
      inputUnits: 6,
      outputUnits: 7,
      timing: 8,
      amount: 9n,
      ...HASHES,
      servedAt: 10,
    };
    const LARGEST = {
      operatorId: 2 ** 24 - 1,
      accountId: 2 ** 32 - 1,
      seq: 2 ** 40 - 1,
      offerId: 2 ** 32 - 1,
      appId: 2 ** 32 - 1,
      inputUnits: 2 ** 24 - 1,
      outputUnits: 2 ** 24 - 1,
      timing: 255,
      amount: 2n ** 96n - 1n,
      requestHash: `0x${"ff".repeat(32)}` as const,
      responseHash: `0x${"ff".repeat(32)}` as const,
      servedAt: 2 ** 40 - 1,
    };
    for (const [name, receipt] of Object.entries({ ordinary: ORDINARY, largest: LARGEST })) {
      it(`is what wallets and the router hash: ${name} fields`, async () => {
        const { ledger } = await ledgerFixture();
        const verifyingContract = await ledger.getAddress();
        const domain = { name: "AI1NET Ledger", version: "1", chainId: 31_337, verifyingContract };
        const digest = await ledger.hashReceipt(receipt);
        expect(digest).to.equal(ethers.TypedDataEncoder.hash(domain, TYPES, receipt));
        const { amount, servedAt, ...rest } = receipt;
        const hash = receiptHasher({ chainId: 31_337, verifyingContract: verifyingContract as Hex });
        expect(toHex(hash({ ...rest, amountWei: amount, servedAtSec: servedAt }))).to.equal(digest);
      });
    }

    it("is recovered by plain ecrecover", async () => {
      const { ledger } = await ledgerFixture();
      const key = new ethers.SigningKey(ethers.id("receipt key"));
      const digest = await ledger.hashReceipt(ORDINARY);
      expect(ethers.recoverAddress(digest, key.sign(digest))).to.equal(ethers.computeAddress(key));
    });
  });
});
