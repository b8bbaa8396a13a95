import { expect } from "chai";

import { accountSlot, packGroup, setAccount, termsOf, unpackResult } from "./fixtures/account.ts";
import { loadFixture, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, ledgerSignerOf, WINDOWS } from "./fixtures/economy.ts";

const BALANCE = tokens(100);
const CREDITS = tokens(30);
const MOST = 2n ** 88n - 1n;

async function creditsFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, payer, operator } = economy;
  await escrow.connect(payer).deposit(termsOf(economy), BALANCE);
  const asLedger = escrow.connect(await ledgerSignerOf(economy));
  const spend = async (amount: bigint) => {
    const groups = [packGroup({ accountId: 1n, rows: 1n, appFeeBps: 0n, amount })];
    const { results } = await asLedger.debit.staticCall(1, groups, 0);
    await asLedger.debit(1, groups, 0);
    return unpackResult(results[0] ?? 0n);
  };
  /** What account 1 holds. */
  const held = async () => {
    const { balance, credits } = await escrow.account(1);
    return { balance, credits };
  };
  return { ...economy, asOperator: escrow.connect(operator), spend, held };
}

describe("Escrow: credits", () => {
  it("take the caller's tokens, are owed and are announced", async () => {
    const { escrow, token, asOperator, operator, held } = await creditsFixture();
    const before = await token.balanceOf(operator);
    await expect(asOperator.grantCredits(1, CREDITS))
      .to.emit(escrow, "CreditsGranted")
      .withArgs(1, operator.address, CREDITS);
    expect(await held()).to.deep.equal({ balance: BALANCE, credits: CREDITS });
    expect(await token.balanceOf(operator)).to.equal(before - CREDITS);
    expect(await escrow.owed()).to.equal(BALANCE + CREDITS);
    expect(await token.balanceOf(escrow)).to.equal(BALANCE + CREDITS);
  });

  it("may be sponsored by anyone, several times", async () => {
    const { escrow, asOperator, stranger, payer, held } = await creditsFixture();
    await asOperator.grantCredits(1, 1n);
    await escrow.connect(stranger).grantCredits(1, 2n);
    await escrow.connect(payer).grantCredits(1, 4n);
    expect((await held()).credits).to.equal(7n);
  });

  it("change nothing else of the account", async () => {
    const economy = await creditsFixture();
    const { asOperator, spend } = economy;
    await spend(1n);
    const before = await accountSlot(economy, 1);
    await asOperator.grantCredits(1, CREDITS);
    expect(await accountSlot(economy, 1)).to.equal(before + (CREDITS << 96n));
  });

  it("are spent first, and what they lack comes from the balance", async () => {
    const { asOperator, spend, held } = await creditsFixture();
    await asOperator.grantCredits(1, CREDITS);
    expect((await spend(tokens(20))).shortfall).to.equal(0n);
    expect(await held()).to.deep.equal({ balance: BALANCE, credits: tokens(10) });
    expect((await spend(tokens(25))).shortfall).to.equal(0n);
    expect(await held()).to.deep.equal({ balance: tokens(85), credits: 0n });
    await asOperator.grantCredits(1, tokens(1));
    expect((await spend(tokens(90))).shortfall).to.equal(tokens(4));
    expect(await held()).to.deep.equal({ balance: 0n, credits: 0n });
  });

  it("never leave with an exit", async () => {
    const { escrow, token, asOperator, payer, held } = await creditsFixture();
    await asOperator.grantCredits(1, CREDITS);
    const asOwner = escrow.connect(payer);
    await asOwner.requestExit(1, 2n ** 96n - 1n);
    expect((await escrow.exitOf(1)).amount).to.equal(BALANCE);
    await time.increase(WINDOWS.exitNotice);
    await expect(asOwner.withdraw(1, payer)).to.emit(escrow, "Withdrawn").withArgs(1, payer.address, BALANCE);
    expect(await held()).to.deep.equal({ balance: 0n, credits: CREDITS });
    expect(await escrow.owed()).to.equal(CREDITS);
    expect(await token.balanceOf(escrow)).to.equal(CREDITS);
    await expect(asOwner.requestExit(1, 1))
      .to.be.revertedWithCustomError(escrow, "Escrow_InsufficientBalance")
      .withArgs(1, 0, 1);
  });

  it("never run into the next field", async () => {
    const economy = await creditsFixture();
    const { escrow, asOperator, held } = economy;
    const account = { balance: 1n, credits: MOST - 10n, nextSeq: 0n, operatorId: 1n, flags: 0n };
    await setAccount(economy, 1, account);
    await expect(asOperator.grantCredits(1, 11))
      .to.be.revertedWithCustomError(escrow, "Escrow_CreditsTooHigh")
      .withArgs(1, MOST + 1n, MOST);
    await asOperator.grantCredits(1, 10);
    expect(await held()).to.deep.equal({ balance: 1n, credits: MOST });
    expect((await escrow.account(1)).nextSeq).to.equal(0n);
  });

  it("need an account, an amount and the tokens", async () => {
    const { escrow, token, asOperator, appOwner } = await creditsFixture();
    for (const accountId of [0, 2])
      await expect(asOperator.grantCredits(accountId, 1))
        .to.be.revertedWithCustomError(escrow, "Escrow_UnknownAccount")
        .withArgs(accountId);
    await expect(asOperator.grantCredits(1, 0)).to.be.revertedWithCustomError(escrow, "Escrow_ZeroAmount");
    await expect(escrow.connect(appOwner).grantCredits(1, 1)).to.be.revertedWithCustomError(
      token,
      "ERC20InsufficientAllowance",
    );
  });
});
