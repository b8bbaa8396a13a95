/** What Rewards may pay out, and what is set aside for challenges. */
import { expect } from "chai";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";

import { EARNER, getAccount, packCredit, termsOf } from "./fixtures/account.ts";
import { ethers, loadFixture, networkHelpers, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, ledgerSignerOf, WINDOWS } from "./fixtures/economy.ts";

const BUCKET = WINDOWS.challenge;
const POOL = tokens(50);

async function signerAt(address: string): Promise<HardhatEthersSigner> {
  await networkHelpers.impersonateAccount(address);
  await networkHelpers.setBalance(address, 10n ** 20n);
  return ethers.getSigner(address);
}

/** A pool of 50 tokens in epoch 7, and a provider with 300 wei in one bucket and 20 in the next, which has just begun. */
async function poolsFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, rewards, disputes, payer } = economy;
  await escrow.connect(payer).deposit(termsOf(economy), tokens(100));
  const asLedger = escrow.connect(await ledgerSignerOf(economy));
  const first = Math.floor((await time.latest()) / BUCKET) + 1;
  await time.increaseTo(first * BUCKET);
  await asLedger.debit(1, [(1n << 224n) | tokens(60)], 0);
  await asLedger.credit(1, 7, [packCredit(EARNER.provider, 1n, 300n)], POOL);
  await time.increaseTo((first + 1) * BUCKET);
  await asLedger.credit(1, 7, [packCredit(EARNER.provider, 1n, 20n)], 0);
  const asRewards = escrow.connect(await signerAt(await rewards.getAddress()));
  const asChallenges = escrow.connect(await signerAt(await disputes.challenges()));
  const asDisputes = escrow.connect(await signerAt(await disputes.getAddress()));
  const state = async () => {
    const { current, previous, mature } = await escrow.earnings(EARNER.provider, 1);
    return { current, previous, mature, frozen: await escrow.frozenOf(1) };
  };
  const toBucket = async (index: number) => time.increaseTo((first + index) * BUCKET);
  return { ...economy, asLedger, asRewards, asChallenges, asDisputes, state, toBucket };
}

describe("Escrow: pools", () => {
  describe("payFromPool", () => {
    it("is Rewards' alone", async () => {
      const { escrow, stranger, owner, asLedger, asDisputes } = await poolsFixture();
      for (const as of [escrow.connect(stranger), escrow.connect(owner), asLedger, asDisputes])
        await expect(as.payFromPool(1, 7, stranger, 1))
          .to.be.revertedWithCustomError(escrow, "Escrow_NotRewards")
          .withArgs(await (as.runner as HardhatEthersSigner).getAddress());
    });

    it("pays out of the pool of one operator and epoch, as far as there is something", async () => {
      const { escrow, token, asRewards, appOwner } = await poolsFixture();
      const owed = await escrow.owed();
      await expect(asRewards.payFromPool(1, 7, appOwner, 3n))
        .to.emit(escrow, "PoolPaid")
        .withArgs(1, 7, appOwner.address, 3);
      expect(await token.balanceOf(appOwner)).to.equal(3n);
      expect(await escrow.pool(1, 7)).to.equal(POOL - 3n);
      expect(await escrow.owed()).to.equal(owed - 3n);
      for (const [operatorId, epoch, available] of [
        [1, 7, POOL - 3n],
        [1, 8, 0n],
        [2, 7, 0n],
      ] as const)
        await expect(asRewards.payFromPool(operatorId, epoch, appOwner, available + 1n))
          .to.be.revertedWithCustomError(escrow, "Escrow_PoolTooSmall")
          .withArgs(operatorId, epoch, available, available + 1n);
      await asRewards.payFromPool(1, 7, appOwner, POOL - 3n);
      expect([await token.balanceOf(appOwner), await escrow.pool(1, 7)]).to.deep.equal([POOL, 0n]);
    });
  });

  describe("freeze, thaw, reverse", () => {
    it("are for the contract of challenges alone", async () => {
      const { escrow, stranger, asLedger, asRewards, asDisputes } = await poolsFixture();
      for (const as of [escrow.connect(stranger), asLedger, asRewards, asDisputes]) {
        const caller = await (as.runner as HardhatEthersSigner).getAddress();
        for (const call of [
          async () => as.freeze(1, 1),
          async () => as.thaw(1, 1),
          async () => as.reverse(1, 1, 1),
        ])
          await expect(call()).to.be.revertedWithCustomError(escrow, "Escrow_NotDisputes").withArgs(caller);
      }
    });

    it("take the older bucket's credit first, and never more than is pending", async () => {
      const { escrow, asChallenges, state } = await poolsFixture();
      await expect(asChallenges.freeze(1, 299)).to.emit(escrow, "Frozen").withArgs(1, 299);
      expect(await state()).to.deep.equal({ current: 20n, previous: 1n, mature: 0n, frozen: 299n });
      await expect(asChallenges.freeze(1, 5)).to.emit(escrow, "Frozen").withArgs(1, 5);
      expect(await state()).to.deep.equal({ current: 16n, previous: 0n, mature: 0n, frozen: 304n });
      await expect(asChallenges.freeze(1, 1_000)).to.emit(escrow, "Frozen").withArgs(1, 16);
      expect(await state()).to.deep.equal({ current: 0n, previous: 0n, mature: 0n, frozen: 320n });
      await expect(asChallenges.freeze(1, 1)).to.emit(escrow, "Frozen").withArgs(1, 0);
    });

    it("leave alone what has matured, also where no credit has moved the buckets on (I-07)", async () => {
      const { escrow, asChallenges, state, toBucket } = await poolsFixture();
      await toBucket(2);
      await expect(asChallenges.freeze(1, 1_000)).to.emit(escrow, "Frozen").withArgs(1, 20);
      expect(await state()).to.deep.equal({ current: 0n, previous: 0n, mature: 300n, frozen: 20n });
      expect(await escrow.claimable(EARNER.provider, 1)).to.equal(300n);
      await toBucket(4);
      await escrow.claim(EARNER.provider, 1);
      expect(await state()).to.deep.equal({ current: 0n, previous: 0n, mature: 0n, frozen: 20n });
    });

    it("give back to the provider at once, or to the payer, and owe as much as before", async () => {
      const { escrow, economy, asChallenges, state } = await poolsFixture().then((f) => ({
        ...f,
        economy: f,
      }));
      const owed = await escrow.owed();
      const { balance } = await getAccount(economy, 1);
      await asChallenges.freeze(1, 310);
      await expect(asChallenges.thaw(1, 100)).to.emit(escrow, "Thawed").withArgs(1, 100);
      expect(await state()).to.deep.equal({ current: 10n, previous: 0n, mature: 100n, frozen: 210n });
      await expect(asChallenges.reverse(1, 1, 200))
        .to.emit(escrow, "Reversed")
        .withArgs(1, 1, 200);
      expect(await state()).to.deep.equal({ current: 10n, previous: 0n, mature: 100n, frozen: 10n });
      expect((await getAccount(economy, 1)).balance).to.equal(balance + 200n);
      expect(await escrow.owed()).to.equal(owed);
      // No more than was frozen, by either way.
      for (const call of [async () => asChallenges.thaw(1, 11), async () => asChallenges.reverse(1, 1, 11)])
        await expect(call()).to.be.revertedWithPanic(0x11);
      await asChallenges.thaw(1, 10);
    });
  });

  describe("chargeReceipt", () => {
    it("charges no account that was never opened, nor for no operator", async () => {
      const { escrow, asDisputes } = await poolsFixture();
      const charge = {
        operatorId: 0,
        accountId: 99,
        seq: 0,
        providerId: 1,
        appId: 0,
        amount: 1,
        appFee: 0,
        protocolFeeBps: 0,
        epoch: 0,
      };
      for (const operatorId of [0, 1])
        await expect(asDisputes.chargeReceipt({ ...charge, operatorId }))
          .to.be.revertedWithCustomError(escrow, "Escrow_ForeignAccount")
          .withArgs(99, 0, operatorId);
    });
  });

  describe("balanceOf", () => {
    it("is what all accounts of an owner hold, credits included: what x402 clients ask of an asset", async () => {
      const economy = await poolsFixture();
      const { escrow, payer, stranger, operator } = economy;
      expect(await escrow.balanceOf(payer)).to.equal(tokens(40));
      await escrow.connect(payer).deposit(termsOf(economy, { operatorId: 2 }), 5n);
      await escrow.connect(operator).grantCredits(1, 7n);
      // Somebody else's gift to an account counts for its owner, whoever signs for it.
      await escrow
        .connect(stranger)
        .deposit(termsOf(economy, { signer: stranger.address, strict: true }), 11n);
      await escrow.connect(stranger).deposit(termsOf(economy, { owner: stranger.address }), 13n);
      expect(await escrow.balanceOf(payer)).to.equal(tokens(40) + 5n + 7n + 11n);
      expect(await escrow.balanceOf(stranger)).to.equal(13n);
      expect(await escrow.balanceOf(operator)).to.equal(0n);
    });
  });
});
