/** A part of the protocol's fee goes back to payers, as credits, in the same write that charges them. */
import { expect } from "chai";

import type { Group, Row } from "../../router/model/batch.ts";
import { encodeBatch } from "../../router/model/batch.ts";
import { getAccount, setAccount, termsOf } from "./fixtures/account.ts";
import { loadFixture, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, REBATE_SHARE_BPS, WINDOWS } from "./fixtures/economy.ts";
import { Random } from "./fixtures/random.ts";

const SEED = 0x4eba7e;
const FEE_BPS = 500n;
const OPERATOR_SHARE_BPS = 4_000n;
const ROW: Row = { offerId: 1, inputUnits: 10, outputUnits: 20, timing: 90 };
/** 10 x 2,000 + 20 x 6,000 + 10,000. */
const PRICE = 150_000n;
const BALANCE = tokens(1);
const DAY = 86_400;

const rebateOf = (
  amount: bigint,
  offers: number,
  feeBps = FEE_BPS,
  shareBps = BigInt(REBATE_SHARE_BPS),
): bigint => {
  const rebate = (amount * feeBps * shareBps) / 10n ** 8n - BigInt(offers);
  return rebate > 0n ? rebate : 0n;
};

async function rebatesFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, ledger, registry, provider, payer, settler } = economy;
  await escrow.connect(payer).deposit(termsOf(economy), BALANCE);
  await escrow.connect(payer).deposit(termsOf(economy, { maxAppFeePct: 4 }), BALANCE);
  const offer = async (input: bigint, output: bigint, request: bigint) =>
    registry.connect(provider).createOffer(1, input, output, request, 0);
  const settle = async (groups: readonly Group[], servedAtSec?: number) => {
    const at = servedAtSec ?? (await time.latest());
    const batchNo = Number(await ledger.nextBatchNo(1));
    const { bytes } = encodeBatch({ batchNo, servedFromSec: at, servedToSec: at, groups: [...groups] });
    const sent = await ledger.connect(settler).settle(1, bytes);
    const [event] = await ledger.queryFilter(ledger.filters.BatchSettled(), sent.blockNumber ?? 0);
    if (event === undefined) throw new Error("no batch was settled");
    return event.args;
  };
  const pool = async () => escrow.pool(1, await ledger.epochAt(await time.latest()));
  const nextEpoch = async () =>
    time.increaseTo((Math.floor((await time.latest()) / WINDOWS.epoch) + 1) * WINDOWS.epoch);
  return { ...economy, economy, offer, settle, pool, nextEpoch };
}

describe("Ledger", () => {
  describe("rebates", () => {
    it("are a share of the fee on each group, less a wei for each offer of the batch, out of the pool's part", async () => {
      const { economy, offer, settle, pool } = await rebatesFixture();
      await offer(1n, 1n, 1_000n);
      const { rebates, protocolFee } = await settle([
        { accountId: 1, appId: 1, rows: [ROW, ROW] },
        { accountId: 2, appId: 0, rows: [{ ...ROW, offerId: 2 }, ROW] },
      ]);
      const [first, second] = [rebateOf(2n * PRICE, 2), rebateOf(PRICE + 1_030n, 2)];
      expect([first, second]).to.deep.equal([1_498n, 753n]);
      expect(rebates).to.equal(first + second);
      expect(protocolFee).to.equal((3n * PRICE * FEE_BPS) / 10_000n + 51n);
      const operatorShare = (protocolFee * OPERATOR_SHARE_BPS) / 10_000n;
      expect(await pool()).to.equal(protocolFee - operatorShare - rebates);
      const accounts = [await getAccount(economy, 1), await getAccount(economy, 2)];
      expect(accounts.map(({ credits }) => credits)).to.deep.equal([first, second]);
      // The charge itself is what the list says, to the wei.
      expect(accounts.map(({ balance }) => BALANCE - balance)).to.deep.equal([
        2n * PRICE + (2n * PRICE * 500n) / 10_000n,
        PRICE + 1_030n,
      ]);
    });

    it("are spent first in the next batch, and earn rebates themselves", async () => {
      const { economy, settle } = await rebatesFixture();
      const group = { accountId: 1, appId: 0, rows: [ROW] };
      await settle([group]);
      await settle([group]);
      const { balance, credits } = await getAccount(economy, 1);
      expect(credits).to.equal(rebateOf(PRICE, 1));
      expect(balance).to.equal(BALANCE - 2n * PRICE + rebateOf(PRICE, 1));
    });

    it("are not for a group that was short, were it of its app's fee alone", async () => {
      const { economy, escrow, payer, settle, pool } = await rebatesFixture();
      const due = PRICE + (PRICE * 500n) / 10_000n;
      await escrow.connect(payer).deposit(termsOf(economy, { signer: economy.guardian.address }), due - 1n);
      const { rebates, shortfall } = await settle([{ accountId: 3, appId: 1, rows: [ROW] }]);
      expect([rebates, shortfall]).to.deep.equal([0n, 0n]);
      expect((await getAccount(economy, 3)).credits).to.equal(0n);
      expect(await pool()).to.equal((7_500n * 6n) / 10n);
    });

    it("fit into credits that are at their limit, for the charge has made room", async () => {
      const { economy, settle } = await rebatesFixture();
      const most = 2n ** 88n - 1n;
      await setAccount(economy, 1, { ...(await getAccount(economy, 1)), credits: most });
      expect((await settle([{ accountId: 1, appId: 0, rows: [ROW] }])).rebates).to.equal(rebateOf(PRICE, 1));
      expect((await getAccount(economy, 1)).credits).to.equal(most - PRICE + rebateOf(PRICE, 1));
    });

    it("are nothing for a group so small that its fee may have been rounded away", async () => {
      const { offer, settle } = await rebatesFixture();
      await offer(0n, 0n, 399n);
      await offer(0n, 0n, 400n);
      const group = (offerId: number) => [{ accountId: 1, appId: 0, rows: [{ ...ROW, offerId }] }];
      expect((await settle(group(2))).rebates).to.equal(0n);
      expect((await settle(group(3))).rebates).to.equal(1n);
      // With another offer in the batch, its wei is kept as well.
      const both = await settle([
        { accountId: 1, appId: 0, rows: [{ ...ROW, offerId: 3 }] },
        { accountId: 2, appId: 0, rows: [{ ...ROW, offerId: 2 }] },
      ]);
      expect(both.rebates).to.equal(0n);
    });

    it(`never exceed their share of the fee, whatever is rounded (seed ${SEED})`, async function () {
      this.timeout(120_000);
      const { economy, ledger, owner, offer, settle, nextEpoch } = await rebatesFixture();
      const random = new Random(SEED);
      const offers = 20;
      for (let i = 1; i < offers; i++) {
        const price = () => BigInt(random.int(0, random.pick([3, 40, 900])));
        await offer(price(), price(), price());
      }
      await ledger.connect(owner).scheduleRebateShare(2_000);
      await nextEpoch();
      for (let n = 0; n < 40; n++) {
        const groups = Array.from({ length: random.int(1, 9) }, () => ({
          accountId: random.int(1, 2),
          appId: 0,
          rows: Array.from({ length: random.int(1, 12) }, () => ({
            offerId: random.int(1, offers),
            inputUnits: random.int(0, 5),
            outputUnits: random.int(0, 5),
            timing: 1,
          })),
        }));
        const { rebates, protocolFee } = await settle(groups);
        expect(rebates * 10n).to.be.at.most(protocolFee * 2n);
      }
      expect((await getAccount(economy, 1)).credits).to.be.at.least(0n);
    });
  });

  describe("rebate share", () => {
    it("is announced by the owner only, up to a fifth, for the next epoch", async () => {
      const { ledger, owner, stranger } = await rebatesFixture();
      await expect(ledger.connect(stranger).scheduleRebateShare(1)).to.be.revertedWithCustomError(
        ledger,
        "OwnableUnauthorizedAccount",
      );
      await expect(ledger.connect(owner).scheduleRebateShare(2_001))
        .to.be.revertedWithCustomError(ledger, "Ledger_FeeOutOfRange")
        .withArgs(2_001, 2_000);
      const epoch = await ledger.epochAt(await time.latest());
      await expect(ledger.connect(owner).scheduleRebateShare(2_000))
        .to.emit(ledger, "RebateShareScheduled")
        .withArgs(2_000, epoch + 1n);
      const shares = [epoch - 1n, epoch, epoch + 1n, epoch + 5n].map(async (of) => ledger.rebateShareBps(of));
      expect(await Promise.all(shares)).to.deep.equal([1_000n, 1_000n, 2_000n, 2_000n]);
    });

    it("replaces what was announced for the same epoch, and nothing that has begun", async () => {
      const { ledger, owner, nextEpoch } = await rebatesFixture();
      const as = ledger.connect(owner);
      const epoch = await ledger.epochAt(await time.latest());
      await as.scheduleRebateShare(500);
      await as.scheduleRebateShare(700);
      expect(await ledger.rebateShareBps(epoch + 1n)).to.equal(700n);
      await nextEpoch();
      await as.scheduleRebateShare(0);
      await nextEpoch();
      await as.scheduleRebateShare(300);
      const shares = [0n, 1n, 2n, 3n].map(async (after) => ledger.rebateShareBps(epoch + after));
      expect(await Promise.all(shares)).to.deep.equal([1_000n, 700n, 0n, 300n]);
    });

    it("is that of the epoch of settlement, of the fee of the time of service", async () => {
      const { ledger, owner, settle, nextEpoch } = await rebatesFixture();
      const group = [{ accountId: 1, appId: 0, rows: [ROW] }];
      await ledger.connect(owner).scheduleRebateShare(2_000);
      await nextEpoch();
      const at = (await time.latest()) + 2 * DAY;
      await ledger.connect(owner).scheduleProtocolFee(1_000, at);
      expect((await settle(group)).rebates).to.equal(rebateOf(PRICE, 1, 500n, 2_000n));
      await time.increaseTo(at + 10);
      expect((await settle(group, at - 1)).rebates).to.equal(rebateOf(PRICE, 1, 500n, 2_000n));
      expect((await settle(group, at)).rebates).to.equal(rebateOf(PRICE, 1, 1_000n, 2_000n));
    });

    it("of nothing gives nothing, and so does a fee of nothing", async () => {
      const { ledger, owner, settle, nextEpoch, pool } = await rebatesFixture();
      const group = [{ accountId: 1, appId: 0, rows: [ROW] }];
      const at = (await time.latest()) + 2 * DAY;
      await ledger.connect(owner).scheduleProtocolFee(0, at);
      await time.increaseTo(at);
      const free = await settle(group);
      expect([free.protocolFee, free.rebates, await pool()]).to.deep.equal([0n, 0n, 0n]);
      await ledger.connect(owner).scheduleProtocolFee(500, at + 2 * DAY);
      await ledger.connect(owner).scheduleRebateShare(0);
      await time.increaseTo(at + 2 * DAY);
      await nextEpoch();
      const kept = await settle(group);
      expect([kept.protocolFee, kept.rebates, await pool()]).to.deep.equal([7_500n, 0n, 4_500n]);
    });
  });
});
