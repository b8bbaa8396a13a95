import { expect } from "chai";

import { packGroup, termsOf } from "./fixtures/account.ts";
import { ethers, loadFixture, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, ledgerSignerOf, WINDOWS } from "./fixtures/economy.ts";

const BALANCE = tokens(100);
const NOTICE = WINDOWS.exitNotice;

async function exitFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, payer } = economy;
  await escrow.connect(payer).deposit(termsOf(economy), BALANCE);
  const asLedger = escrow.connect(await ledgerSignerOf(economy));
  const spend = async (amount: bigint) =>
    asLedger.debit(1, [packGroup({ accountId: 1n, rows: 1n, appFeeBps: 0n, amount })], 0);
  return { ...economy, asOwner: escrow.connect(payer), spend };
}

describe("Escrow: exits", () => {
  describe("requestExit", () => {
    it("announces an amount and a time", async () => {
      const { escrow, asOwner } = await exitFixture();
      const at = (await time.latest()) + 5;
      await time.setNextBlockTimestamp(at);
      await expect(asOwner.requestExit(1, tokens(40)))
        .to.emit(escrow, "ExitRequested")
        .withArgs(1, tokens(40), at + NOTICE);
      expect([...(await escrow.exitOf(1))]).to.deep.equal([tokens(40), BigInt(at + NOTICE)]);
      expect((await escrow.account(1)).balance).to.equal(BALANCE);
    });

    it("never announces more than the balance, so later deposits get a notice of their own", async () => {
      const { escrow, asOwner } = await exitFixture();
      await asOwner.requestExit(1, 2n ** 96n - 1n);
      expect((await escrow.exitOf(1)).amount).to.equal(BALANCE);
    });

    it("replaces an earlier request and starts the notice anew", async () => {
      const { escrow, asOwner, payer } = await exitFixture();
      await asOwner.requestExit(1, tokens(40));
      const at = (await time.latest()) + NOTICE;
      await time.setNextBlockTimestamp(at);
      await asOwner.requestExit(1, tokens(10));
      expect([...(await escrow.exitOf(1))]).to.deep.equal([tokens(10), BigInt(at + NOTICE)]);
      await time.setNextBlockTimestamp(at + NOTICE - 1);
      await expect(asOwner.withdraw(1, payer)).to.be.revertedWithCustomError(escrow, "Escrow_ExitNotReady");
    });

    it("refuses nothing, an empty account, strangers and unknown accounts", async () => {
      const { escrow, asOwner, payer, stranger, spend } = await exitFixture();
      await expect(asOwner.requestExit(1, 0)).to.be.revertedWithCustomError(escrow, "Escrow_ZeroAmount");
      await expect(escrow.connect(stranger).requestExit(1, 1))
        .to.be.revertedWithCustomError(escrow, "Escrow_NotOwner")
        .withArgs(stranger.address, payer.address);
      await expect(asOwner.requestExit(2, 1))
        .to.be.revertedWithCustomError(escrow, "Escrow_UnknownAccount")
        .withArgs(2);
      await spend(BALANCE);
      await expect(asOwner.requestExit(1, 1))
        .to.be.revertedWithCustomError(escrow, "Escrow_InsufficientBalance")
        .withArgs(1, 0, 1);
    });
  });

  describe("cancelExit", () => {
    it("takes the request back", async () => {
      const { escrow, asOwner, payer } = await exitFixture();
      await asOwner.requestExit(1, tokens(40));
      await expect(asOwner.cancelExit(1)).to.emit(escrow, "ExitCanceled").withArgs(1);
      expect([...(await escrow.exitOf(1))]).to.deep.equal([0n, 0n]);
      await time.increase(NOTICE);
      await expect(asOwner.withdraw(1, payer))
        .to.be.revertedWithCustomError(escrow, "Escrow_NoExit")
        .withArgs(1);
    });

    it("refuses without a request, strangers and unknown accounts", async () => {
      const { escrow, asOwner, stranger } = await exitFixture();
      await expect(asOwner.cancelExit(1)).to.be.revertedWithCustomError(escrow, "Escrow_NoExit");
      await expect(escrow.connect(stranger).cancelExit(1)).to.be.revertedWithCustomError(
        escrow,
        "Escrow_NotOwner",
      );
      await expect(asOwner.cancelExit(2)).to.be.revertedWithCustomError(escrow, "Escrow_UnknownAccount");
    });
  });

  describe("withdraw", () => {
    it("pays after the notice, to the second, and ends the request", async () => {
      const { escrow, token, asOwner, appOwner } = await exitFixture();
      await asOwner.requestExit(1, tokens(40));
      const { readyAt } = await escrow.exitOf(1);
      await time.setNextBlockTimestamp(readyAt - 1n);
      await expect(asOwner.withdraw(1, appOwner))
        .to.be.revertedWithCustomError(escrow, "Escrow_ExitNotReady")
        .withArgs(readyAt, readyAt - 1n);
      await time.setNextBlockTimestamp(readyAt);
      await expect(asOwner.withdraw(1, appOwner))
        .to.emit(escrow, "Withdrawn")
        .withArgs(1, appOwner.address, tokens(40));
      expect(await token.balanceOf(appOwner)).to.equal(tokens(40));
      expect((await escrow.account(1)).balance).to.equal(tokens(60));
      expect(await escrow.owed()).to.equal(tokens(60));
      expect(await token.balanceOf(escrow)).to.equal(tokens(60));
      await expect(asOwner.withdraw(1, appOwner)).to.be.revertedWithCustomError(escrow, "Escrow_NoExit");
    });

    it("pays what is left when less was left", async () => {
      const { escrow, asOwner, payer, spend } = await exitFixture();
      await asOwner.requestExit(1, tokens(40));
      await spend(tokens(70));
      await time.increase(NOTICE);
      await expect(asOwner.withdraw(1, payer))
        .to.emit(escrow, "Withdrawn")
        .withArgs(1, payer.address, tokens(30));
      expect((await escrow.account(1)).balance).to.equal(0n);
    });

    it("ends the request when nothing is left", async () => {
      const { escrow, asOwner, payer, spend } = await exitFixture();
      await asOwner.requestExit(1, BALANCE);
      await spend(BALANCE);
      await time.increase(NOTICE);
      await expect(asOwner.withdraw(1, payer)).to.emit(escrow, "Withdrawn").withArgs(1, payer.address, 0);
      expect((await escrow.exitOf(1)).readyAt).to.equal(0n);
    });

    it("pays no deposit made after the request", async () => {
      const economy = await exitFixture();
      const { escrow, asOwner, payer } = economy;
      await asOwner.requestExit(1, 2n ** 96n - 1n);
      await asOwner.deposit(termsOf(economy), tokens(5));
      await time.increase(NOTICE);
      await asOwner.withdraw(1, payer);
      expect((await escrow.account(1)).balance).to.equal(tokens(5));
    });

    it("refuses nobody, strangers and unknown accounts", async () => {
      const { escrow, asOwner, payer, stranger } = await exitFixture();
      await asOwner.requestExit(1, 1);
      await time.increase(NOTICE);
      await expect(asOwner.withdraw(1, ethers.ZeroAddress)).to.be.revertedWithCustomError(
        escrow,
        "Escrow_ZeroAddress",
      );
      await expect(escrow.connect(stranger).withdraw(1, stranger))
        .to.be.revertedWithCustomError(escrow, "Escrow_NotOwner")
        .withArgs(stranger.address, payer.address);
      await expect(asOwner.withdraw(2, payer)).to.be.revertedWithCustomError(escrow, "Escrow_UnknownAccount");
    });

    it("is open to contract wallets", async () => {
      const economy = await exitFixture();
      const { escrow, token, payer, stranger } = economy;
      const wallet = await ethers.deployContract("TestWallet", [payer.address]);
      const act = async (data: string) => wallet.connect(payer).execute(escrow, data);
      const owner = await wallet.getAddress();
      await escrow.connect(stranger).deposit(termsOf(economy, { owner }), 9n);
      await act(escrow.interface.encodeFunctionData("requestExit", [2, 9n]));
      await time.increase(NOTICE);
      await act(escrow.interface.encodeFunctionData("withdraw", [2, owner]));
      expect(await token.balanceOf(wallet)).to.equal(9n);
    });
  });
});
