import { expect } from "chai";

import { EARNER, packCredit, packGroup, termsOf } from "./fixtures/account.ts";
import { loadFixture, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, ledgerSignerOf, WINDOWS } from "./fixtures/economy.ts";

const BUCKET = WINDOWS.challenge;
const U96 = 2n ** 96n - 1n;

async function earningsFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, payer } = economy;
  const ledgerSigner = await ledgerSignerOf(economy);
  await escrow.connect(payer).deposit(termsOf(economy), tokens(1_000));
  // From here on time starts at the first second of a bucket.
  const bucket = Math.floor((await time.latest()) / BUCKET) + 1;
  await time.increaseTo(bucket * BUCKET);

  const credit = async (amount: bigint, earner: bigint = EARNER.provider, id = 1n) =>
    escrow.connect(ledgerSigner).credit(1, 0, [packCredit(earner, id, amount)], 0);
  const toBucket = async (index: number) => time.increaseTo((bucket + index) * BUCKET);
  return { ...economy, asLedger: escrow.connect(ledgerSigner), bucket, credit, toBucket };
}

describe("Escrow: earnings", () => {
  describe("credit", () => {
    it("is the Ledger's alone", async () => {
      const { escrow, stranger } = await earningsFixture();
      await expect(escrow.connect(stranger).credit(1, 0, [], 0))
        .to.be.revertedWithCustomError(escrow, "Escrow_NotLedger")
        .withArgs(stranger.address);
    });

    it("credits every kind of earner, and the pool of the operator's epoch", async () => {
      const { escrow, asLedger } = await earningsFixture();
      const credits = [
        packCredit(EARNER.provider, 1n, 10n),
        packCredit(EARNER.app, 1n, 20n),
        packCredit(EARNER.operator, 1n, 30n),
        packCredit(EARNER.provider, 1n, 5n),
      ];
      await asLedger.credit(1, 77, credits, 40);
      await asLedger.credit(1, 77, [], 2);
      expect(await escrow.pending(EARNER.provider, 1)).to.equal(15n);
      expect(await escrow.pending(EARNER.app, 1)).to.equal(20n);
      expect(await escrow.pending(EARNER.operator, 1)).to.equal(30n);
      expect(await escrow.pool(1, 77)).to.equal(42n);
      expect(await escrow.pool(1, 78)).to.equal(0n);
      expect(await escrow.pool(2, 77)).to.equal(0n);
    });

    it("refuses more in a bucket than its field holds", async () => {
      const { escrow, asLedger } = await earningsFixture();
      const credits = [packCredit(EARNER.provider, 1n, U96), packCredit(EARNER.provider, 1n, 1n)];
      await expect(asLedger.credit(1, 0, credits, 0))
        .to.be.revertedWithCustomError(escrow, "Escrow_AmountTooHigh")
        .withArgs(U96 + 1n, U96);
    });
  });

  describe("buckets", () => {
    it("mature two buckets on, whatever the time inside them (I-07)", async () => {
      const { escrow, credit, toBucket } = await earningsFixture();
      const state = async () => [
        await escrow.pending(EARNER.provider, 1),
        await escrow.claimable(EARNER.provider, 1),
      ];
      await credit(10n);
      expect(await state()).to.deep.equal([10n, 0n]);
      await toBucket(1);
      await credit(200n);
      expect(await state()).to.deep.equal([210n, 0n]);
      await time.increase(BUCKET - 10);
      expect(await state()).to.deep.equal([210n, 0n]);
      await toBucket(2);
      expect(await state()).to.deep.equal([200n, 10n]);
      await credit(3_000n);
      expect(await state()).to.deep.equal([3_200n, 10n]);
      await toBucket(3);
      expect(await state()).to.deep.equal([3_000n, 210n]);
      await toBucket(4);
      expect(await state()).to.deep.equal([0n, 3_210n]);
      await credit(7n);
      expect(await state()).to.deep.equal([7n, 3_210n]);
    });

    it("mature at once after a long silence", async () => {
      const { escrow, credit, toBucket } = await earningsFixture();
      await credit(10n);
      await toBucket(1);
      await credit(20n);
      await toBucket(300);
      await credit(1n);
      expect((await escrow.earnings(EARNER.provider, 1)).mature).to.equal(30n);
      expect(await escrow.pending(EARNER.provider, 1)).to.equal(1n);
    });

    it("hold an earner in two slots, and write the second only when credit matures", async () => {
      const { escrow, bucket, credit, toBucket } = await earningsFixture();
      await credit(10n);
      await toBucket(1);
      await credit(20n);
      expect([...(await escrow.earnings(EARNER.provider, 1))]).to.deep.equal([
        20n,
        10n,
        BigInt(bucket + 1),
        0n,
        0n,
      ]);
      await toBucket(2);
      await credit(30n);
      expect([...(await escrow.earnings(EARNER.provider, 1))]).to.deep.equal([
        30n,
        20n,
        BigInt(bucket + 2),
        10n,
        0n,
      ]);
    });
  });

  describe("claim", () => {
    it("pays provider, app and operator where they asked, to the wei", async () => {
      const { escrow, token, credit, toBucket, providerPayee, appOwner, operatorPayee, stranger } =
        await earningsFixture();
      await credit(10n, EARNER.provider);
      await credit(20n, EARNER.app);
      await credit(30n, EARNER.operator);
      await toBucket(2);
      for (const [earner, payee, amount] of [
        [EARNER.provider, providerPayee, 10n],
        [EARNER.app, appOwner, 20n],
        [EARNER.operator, operatorPayee, 30n],
      ] as const) {
        const owedBefore = await escrow.owed();
        await expect(escrow.connect(stranger).claim(earner, 1))
          .to.emit(escrow, "Claimed")
          .withArgs(earner, 1, payee.address, amount);
        expect(await token.balanceOf(payee)).to.equal(amount);
        expect(await escrow.owed()).to.equal(owedBefore - amount);
        expect((await escrow.earnings(earner, 1)).claimed).to.equal(amount);
      }
    });

    it("pays what matured and leaves what is pending", async () => {
      const { escrow, token, credit, toBucket, providerPayee } = await earningsFixture();
      await credit(10n);
      await toBucket(1);
      await credit(20n);
      await toBucket(2);
      await credit(40n);
      await escrow.claim(EARNER.provider, 1);
      expect(await token.balanceOf(providerPayee)).to.equal(10n);
      expect(await escrow.pending(EARNER.provider, 1)).to.equal(60n);
      await toBucket(4);
      await escrow.claim(EARNER.provider, 1);
      expect(await token.balanceOf(providerPayee)).to.equal(70n);
      expect((await escrow.earnings(EARNER.provider, 1)).claimed).to.equal(70n);
    });

    it("rolls the buckets on by itself, where no credit has", async () => {
      const { escrow, token, credit, toBucket, providerPayee } = await earningsFixture();
      await credit(10n);
      await toBucket(1);
      await credit(20n);
      await toBucket(2);
      await escrow.claim(EARNER.provider, 1);
      expect(await token.balanceOf(providerPayee)).to.equal(10n);
      expect(await escrow.pending(EARNER.provider, 1)).to.equal(20n);
      await toBucket(3);
      await escrow.claim(EARNER.provider, 1);
      expect(await token.balanceOf(providerPayee)).to.equal(30n);
      expect(await escrow.claimable(EARNER.provider, 1)).to.equal(0n);
    });

    it("refuses when nothing is mature", async () => {
      const { escrow, credit, toBucket } = await earningsFixture();
      await credit(10n);
      await toBucket(1);
      await expect(escrow.claim(EARNER.provider, 1))
        .to.be.revertedWithCustomError(escrow, "Escrow_NothingToClaim")
        .withArgs(EARNER.provider, 1);
      await expect(escrow.claim(EARNER.app, 9)).to.be.revertedWithCustomError(
        escrow,
        "Escrow_NothingToClaim",
      );
    });

    it("follows the payee", async () => {
      const { escrow, token, registry, provider, stranger, credit, toBucket } = await earningsFixture();
      const before = await token.balanceOf(stranger);
      await credit(10n);
      await registry.connect(provider).setProviderPayee(1, stranger);
      await toBucket(2);
      await escrow.claim(EARNER.provider, 1);
      expect((await token.balanceOf(stranger)) - before).to.equal(10n);
    });
  });

  describe("owed", () => {
    it("never exceeds what the Escrow holds (I-01)", async () => {
      const { escrow, token, payer, asLedger, toBucket } = await earningsFixture();
      const check = async () => expect(await escrow.owed()).to.equal(await token.balanceOf(escrow));
      await check();
      await asLedger.debit(
        1,
        [packGroup({ accountId: 1n, rows: 3n, appFeeBps: 0n, amount: tokens(600) })],
        0,
      );
      await asLedger.credit(1, 0, [packCredit(EARNER.provider, 1n, tokens(550))], tokens(50));
      await check();
      await escrow.connect(payer).requestExit(1, tokens(400));
      await toBucket(5);
      await escrow.claim(EARNER.provider, 1);
      await check();
      await escrow.connect(payer).withdraw(1, payer);
      await check();
      expect(await escrow.owed()).to.equal(tokens(50));
    });
  });
});
