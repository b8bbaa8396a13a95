/** An account that is short is clamped: the app goes without first, then the last rows. */
import { expect } from "chai";

import type { Row } from "../../router/model/batch.ts";
import { ethers, loadFixture, networkHelpers } from "./fixtures/chain.ts";
import { Market, PROTOCOL_FEE_BPS, WINDOWS } from "./fixtures/market.ts";

const APP_FEE_BPS = 500n;
/** Storage slots that are searched for an account's word. */
const SEARCHED_SLOTS = 64;

const row = (offerId: number): Row => ({ offerId, inputUnits: 1, outputUnits: 0, timing: 50 });
const failed = (offerId: number): Row => ({ offerId, inputUnits: 0, outputUnits: 0, timing: 0 });

/** 1,000 + 3,000 + 1,000 + 3,000 wei, and failed rows in between. */
const ROWS = [row(1), failed(1), row(2), row(1), failed(2), row(2), failed(1)];
const AMOUNT = 8_000n;
const APP_FEE = (AMOUNT * APP_FEE_BPS) / 10_000n;
const DUE = AMOUNT + APP_FEE;

const feeOf = (paid: bigint): bigint => (paid * PROTOCOL_FEE_BPS) / 10_000n;
const afterFee = (paid: bigint): bigint => paid - feeOf(paid);
/** 2.5 % x 10 % of the amount, less a wei for each of the two offers. */
const REBATE = AMOUNT / 400n - 2n;

describe("Ledger", () => {
  describe("settle, accounts that are short", () => {
    async function deployTwoProviders() {
      const market = await Market.deploy(ethers);
      await market.addOffer({ inputPrice: 1_000n, outputPrice: 0n, requestPrice: 0n });
      await market.addOffer({ inputPrice: 0n, outputPrice: 0n, requestPrice: 3_000n });
      await market.addApp(Number(APP_FEE_BPS));
      return market;
    }

    async function shortFixture() {
      const market = await loadFixture(deployTwoProviders);
      const { escrow, ledger, disputes } = market;
      const claimedBy = async (providerId: number) =>
        disputes.claimOf(1, 1, providerId, Math.floor((await market.now()) / WINDOWS.challenge));
      const pendingOf = async (earner: number, id: number) => escrow.pending(earner, id);
      const outcome = async () => ({
        first: await pendingOf(0, 1),
        second: await pendingOf(0, 2),
        app: await pendingOf(1, 1),
        fees: [
          (await ledger.metrics(await ledger.epochAt(await market.now()), 1, 1)).fees,
          (await ledger.metrics(await ledger.epochAt(await market.now()), 1, 2)).fees,
        ],
        claims: [await claimedBy(1), await claimedBy(2)],
      });
      return { market, escrow, ledger, outcome };
    }

    /** Puts `credits` into an account's slot: nothing sells credits yet. */
    async function setCredits({ escrow }: Market, accountId: number, credits: bigint): Promise<void> {
      const { balance, nextSeq, operatorId, flags } = await escrow.account(accountId);
      const rest = balance | (nextSeq << 184n) | (operatorId << 224n) | (flags << 248n);
      for (let slot = 0; slot < SEARCHED_SLOTS; slot++) {
        // oxlint-disable-next-line no-await-in-loop
        if ((await networkHelpers.getStorageAt(escrow.target as string, slot)) !== ethers.toBeHex(rest, 32))
          continue;
        // oxlint-disable-next-line no-await-in-loop
        await networkHelpers.setStorageAt(escrow.target as string, slot, rest | (credits << 96n));
        return;
      }
      throw new Error(`no slot holds account ${accountId}`);
    }

    /** What is there, and what each of the rows 1,000 + 3,000 + 1,000 + 3,000 and the app's 400 get of it. */
    const CASES: readonly { available: bigint; first: bigint; second: bigint; app: bigint }[] = [
      { available: DUE + 1n, first: 2_000n, second: 6_000n, app: 400n },
      { available: DUE, first: 2_000n, second: 6_000n, app: 400n },
      { available: DUE - 1n, first: 2_000n, second: 6_000n, app: 399n },
      { available: AMOUNT + 1n, first: 2_000n, second: 6_000n, app: 1n },
      { available: AMOUNT, first: 2_000n, second: 6_000n, app: 0n },
      { available: AMOUNT - 1n, first: 2_000n, second: 5_999n, app: 0n },
      { available: 5_001n, first: 2_000n, second: 3_001n, app: 0n },
      { available: 5_000n, first: 2_000n, second: 3_000n, app: 0n },
      { available: 4_999n, first: 1_999n, second: 3_000n, app: 0n },
      { available: 4_000n, first: 1_000n, second: 3_000n, app: 0n },
      { available: 3_999n, first: 1_000n, second: 2_999n, app: 0n },
      { available: 1_000n, first: 1_000n, second: 0n, app: 0n },
      { available: 999n, first: 999n, second: 0n, app: 0n },
      { available: 1n, first: 1n, second: 0n, app: 0n },
    ];
    for (const { available, first, second, app } of CASES) {
      const shortfall = available > DUE ? 0n : DUE - available;
      for (const fromCredits of [0n, available / 2n, available - 1n]) {
        it(`has ${available} of ${DUE}, ${fromCredits} of it credits`, async () => {
          const { market, escrow, ledger, outcome } = await shortFixture();
          const accountId = await market.openAccount(available - fromCredits);
          await setCredits(market, accountId, fromCredits);
          const batch = await market.batch([{ accountId, appId: 1, rows: ROWS }]);
          const settlement = expect(market.settle(batch));
          if (shortfall === 0n) await settlement.not.to.emit(ledger, "ShortfallRecorded");
          else await settlement.to.emit(ledger, "ShortfallRecorded").withArgs(1, 0, accountId, shortfall);

          expect(await outcome()).to.deep.equal({
            first: afterFee(first),
            second: afterFee(second),
            app,
            fees: [feeOf(first), feeOf(second)],
            claims: [afterFee(2_000n - first), afterFee(6_000n - second)],
          });
          const { balance, credits, nextSeq } = await escrow.account(accountId);
          expect(balance + credits + DUE - shortfall).to.equal(available + (shortfall === 0n ? REBATE : 0n));
          expect(nextSeq).to.equal(ROWS.length);
        });
      }
    }

    it("settles an empty account's rows as shortfall alone, and numbers them", async () => {
      const { market, escrow, ledger, outcome } = await shortFixture();
      const accountId = await market.openAccount(1n);
      await market.settle(await market.batch([{ accountId, appId: 1, rows: [row(1)] }]));
      const before = await outcome();
      const group = { accountId, appId: 1, rows: ROWS };
      await expect(market.settle(await market.batch([group])))
        .to.emit(ledger, "ShortfallRecorded")
        .withArgs(1, 1, accountId, DUE);
      const claims = [afterFee(999n) + afterFee(2_000n), afterFee(6_000n)];
      expect(await outcome()).to.deep.equal({ ...before, claims });
      expect((await escrow.account(accountId)).nextSeq).to.equal(1 + ROWS.length);
    });

    it("overdrawn account inside a good batch: the batch settles, the shortfall is recorded, others pay as ever", async () => {
      const { market, escrow, ledger, outcome } = await shortFixture();
      const good = await market.openAccount(10_000n);
      const overdrawn = await market.openAccount(1_500n);
      const batch = await market.batch([
        { accountId: overdrawn, appId: 0, rows: [row(1), row(2)] },
        { accountId: good, appId: 0, rows: [row(1), row(2)] },
      ]);
      await expect(market.settle(batch))
        .to.emit(ledger, "ShortfallRecorded")
        .withArgs(1, 0, overdrawn, 2_500n)
        .and.to.emit(ledger, "BatchSettled")
        .withArgs(1, 0, ethers.isHexString, 4, 8_000, 0, 50 + 87, 2_500, 8);
      expect(await outcome()).to.deep.equal({
        first: afterFee(2_000n),
        second: afterFee(3_500n),
        app: 0n,
        fees: [50n, 87n],
        claims: [0n, afterFee(2_500n)],
      });
      expect([(await escrow.account(good)).balance, (await escrow.account(overdrawn)).balance]).to.deep.equal(
        [6_000n, 0n],
      );
    });

    it("spends an account on its groups in their order", async () => {
      const { market, ledger, outcome } = await shortFixture();
      const accountId = await market.openAccount(4_500n);
      const other = await market.openAccount(10_000n);
      const batch = await market.batch([
        { accountId, appId: 0, rows: [row(2)] }, // paid, and gives 5 wei back
        { accountId: other, appId: 0, rows: [row(1)] }, // paid
        { accountId, appId: 1, rows: [row(2)] }, // gets 1,505
        { accountId, appId: 0, rows: [row(1)] }, // gets nothing
      ]);
      await expect(market.settle(batch))
        .to.emit(ledger, "ShortfallRecorded")
        .withArgs(1, 0, accountId, 1_645n)
        .and.to.emit(ledger, "ShortfallRecorded")
        .withArgs(1, 0, accountId, 1_000n);
      expect(await outcome()).to.deep.equal({
        first: afterFee(1_000n),
        second: afterFee(4_505n),
        app: 0n,
        fees: [25n, 112n],
        claims: [afterFee(1_000n), afterFee(1_495n)],
      });
    });

    it("charges no app fee above what the account allows, short or not", async () => {
      const { market, ledger, outcome } = await shortFixture();
      const rich = await market.openAccount(10_000n, 4);
      const short = await market.openAccount(AMOUNT - 10n, 4);
      const batch = await market.batch([
        { accountId: rich, appId: 1, rows: ROWS },
        { accountId: short, appId: 1, rows: ROWS },
      ]);
      await expect(market.settle(batch)).to.emit(ledger, "ShortfallRecorded").withArgs(1, 0, short, 10n);
      expect(await outcome()).to.deep.equal({
        first: afterFee(4_000n),
        second: afterFee(11_990n),
        app: 0n,
        fees: [100n, 299n],
        claims: [0n, afterFee(10n)],
      });
    });

    it("charges the app fee that an account allows to the per cent", async () => {
      const { market, outcome } = await shortFixture();
      const accountId = await market.openAccount(10_000n, 5);
      await market.settle(await market.batch([{ accountId, appId: 1, rows: ROWS }]));
      expect((await outcome()).app).to.equal(APP_FEE);
    });
  });
});
