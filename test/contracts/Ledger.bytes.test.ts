/** A batch that is no batch reverts by name, whatever is wrong with it, and leaves nothing behind. */
import { expect } from "chai";

import { encodeBatch } from "../../router/model/batch.ts";
import { toHex } from "../../router/model/bytes.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import { fieldsOf } from "./fixtures/fieldsOf.ts";
import { Market } from "./fixtures/market.ts";
import { rawBatch, type RawBatch, type RawGroup } from "./fixtures/rawBatch.ts";

const HOUR = 3_600;
const MAX_ROWS = 16_384;
const SUPPLY = 10n ** 27n;
const MAX_UNITS = 2 ** 24 - 1;

const row = [0, 10, 20, 100] as const;
const failed = [0, 0, 0, 0] as const;

describe("Ledger", () => {
  describe("settle, bytes", () => {
    async function deployTwoOffers() {
      const market = await Market.deploy(ethers);
      const offer = await market.addOffer({ inputPrice: 2n, outputPrice: 3n, requestPrice: 5n });
      await market.addOffer({ inputPrice: 7n, outputPrice: 11n, requestPrice: 13n }, offer);
      await market.addApp(500);
      await market.openAccount(10n ** 18n);
      await market.openAccount(10n ** 18n);
      return market;
    }

    /** A market, a batch of its own to change, and what `settle` says to bytes. */
    async function bytesFixture() {
      const market = await loadFixture(deployTwoOffers);
      const { ledger, escrow, registry, owner } = market;
      const now = await market.now();
      const valid: RawBatch = {
        version: 1,
        batchNo: 0,
        servedFrom: now,
        servedTo: now,
        offers: [1, 2],
        apps: [0, 1],
        groups: [
          { accountId: 1, appIndex: 0, rows: [row, failed, [1, 1, 1, 1], row, row] },
          { accountId: 2, appIndex: 1, rows: [row, row] },
        ],
      };
      const settle = async (bytes: Uint8Array) => market.settle(bytes);
      const expectError = async (bytes: Uint8Array, error: string, ...args: readonly unknown[]) => {
        const expectation = expect(market.trySettle(bytes)).to.be.revertedWithCustomError(ledger, error);
        await (args.length === 0 ? expectation : expectation.withArgs(...args));
      };
      const expectBatchError = async (
        changes: Partial<RawBatch>,
        error: string,
        ...args: readonly unknown[]
      ) => expectError(rawBatch({ ...valid, ...changes }), error, ...args);
      const expectGroupError = async (
        group: Partial<RawGroup>,
        error: string,
        ...args: readonly unknown[]
      ) => {
        const [first, second] = valid.groups as [RawGroup, RawGroup];
        await expectBatchError({ groups: [first, { ...second, ...group }] }, error, ...args);
      };
      return {
        market,
        ledger,
        escrow,
        registry,
        owner,
        valid,
        settle,
        expectError,
        expectBatchError,
        expectGroupError,
      };
    }

    it("settles the batch that the other cases break", async () => {
      const { ledger, valid, settle } = await bytesFixture();
      await expect(settle(rawBatch(valid))).to.emit(ledger, "BatchSettled");
    });

    it("rejects a batch cut at any byte, and nothing has happened", async () => {
      const { ledger, escrow, valid, settle, expectError } = await bytesFixture();
      const bytes = rawBatch(valid);
      for (let length = 0; length < bytes.length; length++)
        // oxlint-disable-next-line no-await-in-loop
        await expectError(bytes.subarray(0, length), "Ledger_Truncated");
      expect(await ledger.nextBatchNo(1)).to.equal(0);
      expect((await escrow.account(1)).nextSeq).to.equal(0);
      await settle(bytes);
      expect((await escrow.account(1)).nextSeq).to.equal(5);
    });

    it("does not read on behind the end of the batch, whatever stands there", async () => {
      const { ledger, market, valid } = await bytesFixture();
      const bytes = rawBatch(valid);
      const data = ledger.interface.encodeFunctionData("settle", [1, bytes]);
      const lengthAt = 2 + 2 * (4 + 2 * 32);
      for (let length = 0; length < bytes.length; length++) {
        const shortened = `${data.slice(0, lengthAt)}${length.toString(16).padStart(64, "0")}${data.slice(lengthAt + 64)}`;
        // oxlint-disable-next-line no-await-in-loop
        await expect(market.settler.call({ to: ledger, data: shortened })).to.be.revertedWithCustomError(
          ledger,
          "Ledger_Truncated",
        );
      }
    });

    it("rejects trailing bytes", async () => {
      const { valid, expectError } = await bytesFixture();
      const bytes = rawBatch(valid);
      for (const extra of [1, 7, 8, 15, 32])
        // oxlint-disable-next-line no-await-in-loop
        await expectError(
          new Uint8Array([...bytes, ...new Uint8Array(extra)]),
          "Ledger_TrailingBytes",
          bytes.length + extra,
          bytes.length,
        );
    });

    it("rejects another version", async () => {
      const { expectBatchError } = await bytesFixture();
      await expectBatchError({ version: 0 }, "Ledger_BadVersion", 0, 1);
      await expectBatchError({ version: 2 }, "Ledger_BadVersion", 2, 1);
    });

    it("takes batch numbers in order: none twice, none left out (I-03)", async () => {
      const { ledger, valid, settle, expectError, expectBatchError } = await bytesFixture();
      await expectBatchError({ batchNo: 1 }, "Ledger_BadBatchNo", 1, 0);
      await settle(rawBatch(valid));
      await expectError(rawBatch(valid), "Ledger_BadBatchNo", 0, 1);
      await expectBatchError({ batchNo: 2 }, "Ledger_BadBatchNo", 2, 1);
      await settle(rawBatch({ ...valid, batchNo: 1 }));
      expect(await ledger.nextBatchNo(1)).to.equal(2);
    });

    it("rejects a span that ends before it begins, lasts over an hour or lies in the future", async () => {
      const { ledger, market, valid, settle, expectBatchError } = await bytesFixture();
      await time.increase(2 * HOUR);
      const now = await market.now();
      await expectBatchError({ servedFrom: now, servedTo: now - 1 }, "Ledger_BadSpan");
      await expectBatchError({ servedFrom: now - HOUR - 1, servedTo: now }, "Ledger_BadSpan");
      await expectBatchError({ servedFrom: now, servedTo: now + HOUR }, "Ledger_BadSpan");
      await settle(rawBatch({ ...valid, servedFrom: now - HOUR, servedTo: now }));
      await time.setNextBlockTimestamp(now + 10);
      await settle(rawBatch({ ...valid, batchNo: 1, servedFrom: now + 10, servedTo: now + 10 }));
      expect(await ledger.nextBatchNo(1)).to.equal(2);
    });

    it("rejects zero rows: empty tables, no groups and empty groups", async () => {
      const { expectBatchError, expectGroupError } = await bytesFixture();
      await expectBatchError({ offers: [] }, "Ledger_EmptyTable");
      await expectBatchError({ apps: [] }, "Ledger_EmptyTable");
      await expectBatchError({ groups: [] }, "Ledger_EmptyBatch");
      await expectGroupError({ rows: [] }, "Ledger_EmptyGroup", 1);
    });

    it("huge counts: rejects more groups and rows than there are bytes for, at little gas", async () => {
      const { market, valid, expectBatchError, expectGroupError } = await bytesFixture();
      await expectBatchError({ nGroups: 65_535 }, "Ledger_Truncated");
      await expectBatchError({ nOffers: 255 }, "Ledger_Truncated");
      await expectBatchError({ nApps: 255 }, "Ledger_Truncated");
      await expectGroupError({ count: 65_535 }, "Ledger_Truncated");
      await expectGroupError({ count: 3 }, "Ledger_Truncated");
      await expectGroupError({ count: 1 }, "Ledger_TrailingBytes");
      // Everything at once, with a gas limit of a small transfer of tokens.
      const bytes = rawBatch({ ...valid, nOffers: 255, nApps: 255, nGroups: 65_535 });
      await expect(
        market.ledger.connect(market.settler).settle.staticCall(1, bytes, { gasLimit: 200_000 }),
      ).to.be.revertedWithCustomError(market.ledger, "Ledger_Truncated");
    });

    it("rejects fewer groups than announced, and more", async () => {
      const { expectBatchError } = await bytesFixture();
      await expectBatchError({ nGroups: 3 }, "Ledger_Truncated");
      await expectBatchError({ nGroups: 1 }, "Ledger_TrailingBytes");
    });

    it("rejects tables that are not strictly ascending", async () => {
      const { expectBatchError } = await bytesFixture();
      await expectBatchError({ offers: [2, 1] }, "Ledger_TableNotAscending", 1);
      await expectBatchError({ offers: [1, 1] }, "Ledger_TableNotAscending", 1);
      await expectBatchError({ apps: [1, 0] }, "Ledger_TableNotAscending", 3);
      await expectBatchError({ apps: [0, 0] }, "Ledger_TableNotAscending", 3);
    });

    it("rejects an app outside the table", async () => {
      const { expectGroupError } = await bytesFixture();
      await expectGroupError({ appIndex: 2 }, "Ledger_BadAppIndex", 1, 2);
      await expectGroupError({ appIndex: 255 }, "Ledger_BadAppIndex", 1, 255);
    });

    for (const position of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      it(`rejects an offer outside the table in row ${position}, failed or not`, async () => {
        const { expectGroupError } = await bytesFixture();
        const rows = (bad: RawGroup["rows"][number]) =>
          Array.from({ length: 9 }, (_, i) => (i === position ? bad : row));
        await expectGroupError({ rows: rows([2, 10, 20, 100]) }, "Ledger_BadOfferIndex", 1);
        await expectGroupError({ rows: rows([255, 10, 20, 255]) }, "Ledger_BadOfferIndex", 1);
        await expectGroupError({ rows: rows([2, 0, 0, 0]) }, "Ledger_BadOfferIndex", 1);
        await expectGroupError({ rows: rows([255, 0, 0, 0]) }, "Ledger_BadOfferIndex", 1);
      });

      it(`rejects a failed row with units in row ${position}`, async () => {
        const { expectGroupError } = await bytesFixture();
        const rows = (bad: RawGroup["rows"][number]) =>
          Array.from({ length: 9 }, (_, i) => (i === position ? bad : row));
        await expectGroupError({ rows: rows([1, 1, 0, 0]) }, "Ledger_FailedRowWithUnits", 1);
        await expectGroupError({ rows: rows([1, 0, 1, 0]) }, "Ledger_FailedRowWithUnits", 1);
        await expectGroupError({ rows: rows([0, 2 ** 23, 2 ** 23, 0]) }, "Ledger_FailedRowWithUnits", 1);
      });
    }

    it("finds any mix of good and failed rows", async () => {
      const { ledger, market, valid, settle } = await bytesFixture();
      // every pattern of six rows, the tail of one word and the whole of another
      const groups = Array.from({ length: 64 }, (_, pattern) => ({
        accountId: 1,
        appIndex: 0,
        rows: Array.from({ length: 6 }, (__, i) => ((pattern >> i) & 1 ? row : ([1, 0, 0, 0] as const))),
      }));
      await settle(rawBatch({ ...valid, groups }));
      const epoch = await ledger.epochAt(await market.now());
      expect(fieldsOf(await ledger.metrics(epoch, 1, 1))).to.deep.equal({
        // 2.5 % of 192 x 85 wei; 288 of them are for output, and either part weighs 1.
        fees: 408n,
        weightedTiming: 100n + 255n,
        outputUnits: 192n * 20n,
        requests: 192n,
        failures: 192n,
      });
    });

    it("huge counts: rejects more than 16,384 rows; that many with the largest fields overflow nothing", async () => {
      const { ledger, market, valid, settle, expectBatchError } = await bytesFixture();
      const tooMany = Array.from({ length: MAX_ROWS + 1 }, () => failed);
      await expectBatchError(
        { groups: [{ accountId: 1, appIndex: 0, rows: tooMany }] },
        "Ledger_TooManyRows",
        MAX_ROWS + 1,
        MAX_ROWS,
      );

      await market.addOffer({ inputPrice: 0n, outputPrice: 0n, requestPrice: 0n });
      const now = await market.now();
      const rows = Array.from({ length: MAX_ROWS }, () => [0, MAX_UNITS, MAX_UNITS, 255] as const);
      const groups = [
        { accountId: 1, appIndex: 0, rows: rows.slice(0, MAX_ROWS / 2) },
        { accountId: 2, appIndex: 1, rows: rows.slice(MAX_ROWS / 2) },
      ];
      await settle(rawBatch({ ...valid, offers: [3], servedFrom: now, servedTo: now, groups }));
      const epoch = await ledger.epochAt(await market.now());
      const many = BigInt(MAX_ROWS);
      expect(fieldsOf(await ledger.metrics(epoch, 1, 2))).to.deep.equal({
        fees: 0n,
        weightedTiming: 0n,
        outputUnits: many * BigInt(MAX_UNITS),
        requests: many,
        failures: 0n,
      });
    });

    it("prices 255 offers and 255 apps; the index behind the last is outside", async () => {
      const { ledger, registry, owner, market, settle, valid, expectError } = await bytesFixture();
      // So that the fee on a unit of offer i is i wei.
      const prices = (i: number) => ({ inputPrice: 40n * BigInt(i), outputPrice: 0n, requestPrice: 0n });
      const first = await market.addOffer(prices(3));
      for (let id = first.offerId + 1; id <= 255; id++) {
        // oxlint-disable-next-line no-await-in-loop
        await market.addOffer(prices(id), first);
        // oxlint-disable-next-line no-await-in-loop
        await registry.registerApp(owner, 0);
      }
      const ids = Array.from({ length: 255 }, (_, i) => i + 1);
      const now = await market.now();
      const rows = ids.slice(2).map((id) => [id - 1, 1, 0, 1] as const);
      const full = {
        ...valid,
        servedFrom: now,
        servedTo: now,
        offers: ids,
        apps: ids.slice(0, 253).map((id) => id - 1),
      };
      await expectError(
        rawBatch({ ...full, groups: [{ accountId: 1, appIndex: 252, rows: [...rows, [255, 1, 0, 1]] }] }),
        "Ledger_BadOfferIndex",
        0,
      );
      await settle(rawBatch({ ...full, groups: [{ accountId: 1, appIndex: 252, rows }] }));
      const epoch = await ledger.epochAt(await market.now());
      const { fees, requests } = await ledger.metrics(epoch, 1, first.listingId);
      expect([fees, requests]).to.deep.equal([BigInt((255 * 256) / 2 - 3), 253n]);
    });

    it("rejects a batch above the token's supply, and takes one of exactly that", async () => {
      const { ledger, market, valid, expectBatchError, settle } = await bytesFixture();
      const perUnit = SUPPLY / BigInt(MAX_UNITS);
      await market.addOffer({
        inputPrice: perUnit,
        outputPrice: 0n,
        requestPrice: SUPPLY % BigInt(MAX_UNITS),
      });
      await market.addOffer({ inputPrice: 0n, outputPrice: 1n, requestPrice: 0n });
      await market.addOffer({
        inputPrice: 2n ** 72n - 1n,
        outputPrice: 2n ** 72n - 1n,
        requestPrice: 2n ** 72n - 1n,
      });
      const now = await market.now();
      const common = { offers: [3, 4, 5], servedFrom: now, servedTo: now };
      const supply = [0, MAX_UNITS, 0, 1] as const;
      const dearest = [2, MAX_UNITS, MAX_UNITS, 1] as const;
      const group = (rows: RawGroup["rows"]): RawGroup => ({ accountId: 1, appIndex: 0, rows });
      await expectBatchError(
        { ...common, groups: [group([supply]), group([[1, 0, 1, 1]])] },
        "Ledger_AmountTooHigh",
        SUPPLY + 1n,
        SUPPLY,
      );
      const highest = (2n ** 72n - 1n) * (2n * BigInt(MAX_UNITS) + 1n);
      await expectBatchError(
        { ...common, groups: [group(Array.from({ length: 40 }, () => dearest))] },
        "Ledger_AmountTooHigh",
        highest * 40n,
        SUPPLY,
      );
      await expect(settle(rawBatch({ ...valid, ...common, groups: [group([supply])] })))
        .to.emit(ledger, "ShortfallRecorded")
        .withArgs(1, 0, 1, SUPPLY - 10n ** 18n);
    });

    it("gives the same words as the router's encoder", async () => {
      const { market, valid } = await bytesFixture();
      const rows = [
        { offerId: 1, inputUnits: 10, outputUnits: 20, timing: 100 },
        { offerId: 2, inputUnits: 0, outputUnits: 0, timing: 0 },
      ];
      const batch = await market.batch([{ accountId: 1, appId: 1, rows }], {
        servedFromSec: valid.servedFrom,
        servedToSec: valid.servedTo,
      });
      const raw = rawBatch({
        ...valid,
        apps: [1],
        groups: [{ accountId: 1, appIndex: 0, rows: [row, [1, 0, 0, 0]] }],
      });
      expect(toHex(encodeBatch(batch).bytes)).to.equal(toHex(raw));
    });
  });
});
