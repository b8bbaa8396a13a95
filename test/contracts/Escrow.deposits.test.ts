import { expect } from "chai";

import { accountSlot, getAccount, packAccount, termsOf } from "./fixtures/account.ts";
import { ethers, loadFixture, networkHelpers, saltOf, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, WINDOWS } from "./fixtures/economy.ts";
import {
  hashGrant,
  signAuthorization,
  signPermit,
  signPermitDeposit,
  type Authorization,
  type Terms,
} from "./fixtures/sign.ts";

const SALT = saltOf("grant");
const AMOUNT = tokens(25);

async function depositFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, token, payer } = economy;
  const terms = termsOf(economy);
  const now = await time.latest();

  /** The payer's ERC-3009 authorization whose nonce is the grant of `terms_`. */
  const authorize = async (terms_: Terms, changes: Partial<Authorization> = {}, by = payer) =>
    signAuthorization(token, by, "ReceiveWithAuthorization", {
      from: terms_.owner,
      to: await escrow.getAddress(),
      value: AMOUNT,
      validAfter: 0,
      validBefore: now + 1_000,
      nonce: await escrow.grantHash(terms_, SALT),
      ...changes,
    });
  const depositWithAuthorization = async (terms_: Terms, signature: string, amount = AMOUNT, salt = SALT) =>
    escrow
      .connect(economy.stranger)
      .depositWithAuthorization(terms_, salt, amount, 0, now + 1_000, signature);
  return { ...economy, terms, now, authorize, depositWithAuthorization };
}

describe("Escrow: deposits", () => {
  describe("constructor", () => {
    it("fixes what it is wired to", async () => {
      const { escrow, token, registry, ledger } = await loadFixture(deployEconomy);
      expect([
        await escrow.token(),
        await escrow.registry(),
        await escrow.ledger(),
        await escrow.challengeWindow(),
        await escrow.exitNotice(),
      ]).to.deep.equal([
        await token.getAddress(),
        await registry.getAddress(),
        await ledger.getAddress(),
        BigInt(WINDOWS.challenge),
        BigInt(WINDOWS.exitNotice),
      ]);
    });

    it("refuses zero addresses and windows out of order", async () => {
      const { escrow, token, registry } = await loadFixture(deployEconomy);
      const factory = await ethers.getContractFactory("Escrow");
      const probe = await ethers.deployContract("WindowsProbe");
      const none = ethers.ZeroAddress;
      for (const [first, second, third, fourth, fifth] of [
        [none, registry, registry, registry, registry],
        [token, none, registry, registry, registry],
        [token, registry, none, registry, registry],
        [token, registry, registry, none, registry],
        [token, registry, registry, registry, none],
      ] as const) {
        await expect(
          factory.deploy(first, second, third, WINDOWS, none, fourth, fifth),
        ).to.be.revertedWithCustomError(escrow, "Escrow_ZeroAddress");
      }
      await expect(
        factory.deploy(token, registry, registry, { ...WINDOWS, unbonding: 5 }, none, registry, registry),
      ).to.be.revertedWithCustomError(probe, "Windows_UnbondingTooShort");
    });
  });

  describe("domain", () => {
    it("is AI1NET Escrow, version 1", async () => {
      const { escrow } = await loadFixture(deployEconomy);
      const { name, version } = await escrow.eip712Domain();
      expect([name, version]).to.deep.equal(["AI1NET Escrow", "1"]);
      expect([await escrow.name(), await escrow.version()]).to.deep.equal(["AI1NET Escrow", "1"]);
    });

    it("hashes grants as wallets do", async () => {
      const { escrow, terms } = await depositFixture();
      expect(await escrow.grantHash(terms, SALT)).to.equal(await hashGrant(escrow, terms, SALT));
    });
  });

  describe("opening", () => {
    it("numbers accounts from 1 and keeps their terms for ever", async () => {
      const economy = await depositFixture();
      const { escrow, terms, payer } = economy;
      const strict = { ...terms, strict: true, maxAppFeePct: 20 };
      expect(await escrow.accountIdOf(terms)).to.equal(0n);
      await expect(escrow.connect(payer).deposit(terms, 1))
        .to.emit(escrow, "AccountOpened")
        .withArgs(1, payer.address, 1, payer.address, false, 5);
      await expect(escrow.connect(payer).deposit(strict, 1))
        .to.emit(escrow, "AccountOpened")
        .withArgs(2, payer.address, 1, payer.address, true, 20);
      expect(await escrow.accountCount()).to.equal(2n);
      expect(await escrow.accountIdOf(terms)).to.equal(1n);
      expect([...(await escrow.termsOf(2))]).to.deep.equal([payer.address, 1n, payer.address, true, 20n]);
      expect(await getAccount(economy, 1)).to.deep.equal({
        balance: 1n,
        credits: 0n,
        nextSeq: 0n,
        operatorId: 1n,
        flags: 5n << 2n,
      });
      expect((await escrow.account(2)).flags).to.equal((20n << 2n) | 1n);
    });

    it("makes another account of every other term", async () => {
      const { escrow, terms, payer, stranger } = await depositFixture();
      const others: Terms[] = [
        terms,
        { ...terms, owner: stranger.address },
        { ...terms, operatorId: 2 },
        { ...terms, signer: stranger.address },
        { ...terms, strict: true },
        { ...terms, maxAppFeePct: 6 },
      ];
      for (const [index, other] of others.entries()) {
        await escrow.connect(payer).deposit(other, 1);
        expect(await escrow.accountIdOf(other)).to.equal(BigInt(index + 1));
      }
      const addresses = await Promise.all(others.map(async (other) => escrow.depositAddress(other)));
      expect(new Set(addresses).size).to.equal(others.length);
    });

    it("keeps an account in one slot", async () => {
      const economy = await depositFixture();
      const { escrow, terms, payer } = economy;
      await escrow.connect(payer).deposit(terms, AMOUNT);
      expect(await accountSlot(economy, 1)).to.equal(packAccount(await getAccount(economy, 1)));
    });

    it("refuses terms that nobody could use", async () => {
      const { escrow, terms, payer } = await depositFixture();
      const as = escrow.connect(payer);
      await expect(as.deposit({ ...terms, owner: ethers.ZeroAddress }, 1)).to.be.revertedWithCustomError(
        escrow,
        "Escrow_ZeroAddress",
      );
      await expect(
        as.deposit({ ...terms, strict: true, signer: ethers.ZeroAddress }, 1),
      ).to.be.revertedWithCustomError(escrow, "Escrow_ZeroAddress");
      await as.deposit({ ...terms, signer: ethers.ZeroAddress }, 1);
      await expect(as.deposit({ ...terms, maxAppFeePct: 21 }, 1))
        .to.be.revertedWithCustomError(escrow, "Escrow_AppFeePctTooHigh")
        .withArgs(21, 20);
      for (const operatorId of [0, 3]) {
        await expect(as.deposit({ ...terms, operatorId }, 1))
          .to.be.revertedWithCustomError(escrow, "Escrow_UnknownOperator")
          .withArgs(operatorId);
      }
    });
  });

  describe("deposit", () => {
    it("takes the caller's tokens for anyone's account, again and again", async () => {
      const { escrow, token, terms, payer, stranger } = await depositFixture();
      await escrow.connect(payer).deposit(terms, AMOUNT);
      await expect(escrow.connect(stranger).deposit(terms, 7n))
        .to.emit(escrow, "Deposited")
        .withArgs(1, stranger.address, 7n);
      expect((await escrow.account(1)).balance).to.equal(AMOUNT + 7n);
      expect(await token.balanceOf(escrow)).to.equal(AMOUNT + 7n);
      expect(await escrow.owed()).to.equal(AMOUNT + 7n);
    });

    it("refuses nothing, and what the caller does not have", async () => {
      const { escrow, token, terms, payer, appOwner } = await depositFixture();
      await expect(escrow.connect(payer).deposit(terms, 0)).to.be.revertedWithCustomError(
        escrow,
        "Escrow_ZeroAmount",
      );
      await expect(escrow.connect(appOwner).deposit(terms, 1)).to.be.revertedWithCustomError(
        token,
        "ERC20InsufficientAllowance",
      );
      expect(await escrow.owed()).to.equal(0n);
    });
  });

  describe("depositWithAuthorization", () => {
    it("opens and funds by one signature that anyone relays, once", async () => {
      const { escrow, token, terms, payer, authorize, depositWithAuthorization } = await depositFixture();
      await token.connect(payer).approve(escrow, 0);
      const signature = await authorize(terms);
      await expect(depositWithAuthorization(terms, signature))
        .to.emit(escrow, "Deposited")
        .withArgs(1, payer.address, AMOUNT);
      expect((await escrow.account(1)).balance).to.equal(AMOUNT);
      await expect(depositWithAuthorization(terms, signature)).to.be.revertedWithCustomError(
        token,
        "AI1NET_AuthorizationUsed",
      );
    });

    it("cannot be bent to other terms, another salt or another amount", async () => {
      const { token, terms, stranger, authorize, depositWithAuthorization } = await depositFixture();
      const signature = await authorize(terms);
      const bends = [
        async () => depositWithAuthorization({ ...terms, operatorId: 2 }, signature),
        async () => depositWithAuthorization({ ...terms, owner: stranger.address }, signature),
        async () => depositWithAuthorization({ ...terms, signer: stranger.address }, signature),
        async () => depositWithAuthorization({ ...terms, strict: true }, signature),
        async () => depositWithAuthorization({ ...terms, maxAppFeePct: 20 }, signature),
        async () => depositWithAuthorization(terms, signature, AMOUNT, saltOf("another")),
        async () => depositWithAuthorization(terms, signature, AMOUNT - 1n),
      ];
      for (const bend of bends) {
        await expect(bend()).to.be.revertedWithCustomError(token, "AI1NET_InvalidSignature");
      }
    });

    const receive =
      "receiveWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)" as const;

    it("ERC-3009 front-run: cannot be taken from the mempool into the token", async () => {
      const { escrow, token, terms, now, stranger, authorize, depositWithAuthorization } =
        await depositFixture();
      const signature = await authorize(terms);
      const grant = await escrow.grantHash(terms, SALT);
      await expect(
        token.connect(stranger)[receive](terms.owner, escrow, AMOUNT, 0, now + 1_000, grant, signature),
      ).to.be.revertedWithCustomError(token, "AI1NET_CallerNotPayee");
      await depositWithAuthorization(terms, signature);
    });

    it("is signed by contract wallets through ERC-1271", async () => {
      const { escrow, token, terms, payer, authorize, depositWithAuthorization } = await depositFixture();
      const wallet = await ethers.deployContract("TestWallet", [payer.address]);
      await token.connect(payer).transfer(wallet, AMOUNT);
      const walletTerms = { ...terms, owner: await wallet.getAddress() };
      await depositWithAuthorization(walletTerms, await authorize(walletTerms));
      expect((await escrow.termsOf(1)).owner).to.equal(walletTerms.owner);
    });

    it("refuses nothing", async () => {
      const { escrow, terms, authorize, depositWithAuthorization } = await depositFixture();
      const signature = await authorize(terms, { value: 0n });
      await expect(depositWithAuthorization(terms, signature, 0n)).to.be.revertedWithCustomError(
        escrow,
        "Escrow_ZeroAmount",
      );
    });
  });

  describe("depositWithPermit", () => {
    const permitFixture = async () => {
      const fixture = await depositFixture();
      const { escrow, token, terms, payer, stranger, now } = fixture;
      await token.connect(payer).approve(escrow, 0);
      const deadline = now + 1_000;
      const permit = await signPermit(token, payer, escrow, AMOUNT, deadline);
      const grant = await signPermitDeposit(escrow, payer, terms, SALT, AMOUNT, deadline);
      const relay = async (
        grantSignature = grant,
        { terms: terms_ = terms, amount = AMOUNT, salt = SALT, until = deadline } = {},
      ) =>
        escrow
          .connect(stranger)
          .depositWithPermit(terms_, salt, amount, until, permit.v, permit.r, permit.s, grantSignature);
      return { ...fixture, deadline, permit, relay };
    };

    it("opens and funds by two signatures that anyone relays, once per salt", async () => {
      const { escrow, terms, payer, relay } = await permitFixture();
      await expect(relay()).to.emit(escrow, "Deposited").withArgs(1, payer.address, AMOUNT);
      expect((await escrow.account(1)).balance).to.equal(AMOUNT);
      await expect(relay())
        .to.be.revertedWithCustomError(escrow, "Escrow_GrantUsed")
        .withArgs(await escrow.grantHash(terms, SALT));
    });

    it("permit front-run: the deposit still works", async () => {
      const { escrow, token, payer, stranger, deadline, permit, relay } = await permitFixture();
      await token.connect(stranger).permit(payer, escrow, AMOUNT, deadline, permit.v, permit.r, permit.s);
      await relay();
      expect((await escrow.account(1)).balance).to.equal(AMOUNT);
      expect(await token.allowance(payer, escrow)).to.equal(0n);
    });

    it("cannot be bent to other terms, another salt, amount or deadline", async () => {
      const { escrow, terms, payer, stranger, deadline, relay } = await permitFixture();
      for (const bend of [
        { terms: { ...terms, operatorId: 2 } },
        { terms: { ...terms, signer: stranger.address } },
        { terms: { ...terms, strict: true } },
        { terms: { ...terms, maxAppFeePct: 20 } },
        { salt: saltOf("another") },
        { amount: AMOUNT - 1n },
        { until: deadline + 1 },
      ]) {
        await expect(relay(undefined, bend))
          .to.be.revertedWithCustomError(escrow, "Escrow_InvalidSignature")
          .withArgs(payer.address);
      }
      await expect(relay("0x")).to.be.revertedWithCustomError(escrow, "Escrow_InvalidSignature");
      const strangers = await signPermitDeposit(escrow, stranger, terms, SALT, AMOUNT, deadline);
      await expect(relay(strangers)).to.be.revertedWithCustomError(escrow, "Escrow_InvalidSignature");
    });

    it("needs the allowance that the permit gives", async () => {
      const { escrow, token, terms, payer, stranger, deadline } = await permitFixture();
      const grant = await signPermitDeposit(escrow, payer, terms, SALT, AMOUNT, deadline);
      await expect(
        escrow
          .connect(stranger)
          .depositWithPermit(terms, SALT, AMOUNT, deadline, 27, ethers.ZeroHash, ethers.ZeroHash, grant),
      ).to.be.revertedWithCustomError(token, "ERC20InsufficientAllowance");
    });

    it("ends with its deadline", async () => {
      const { escrow, deadline, relay } = await permitFixture();
      await time.setNextBlockTimestamp(deadline + 1);
      await expect(relay())
        .to.be.revertedWithCustomError(escrow, "Escrow_GrantExpired")
        .withArgs(deadline, deadline + 1);
    });

    it("is signed by contract wallets through ERC-1271, after an approval", async () => {
      const { escrow, token, terms, payer, deadline, relay } = await permitFixture();
      const wallet = await ethers.deployContract("TestWallet", [payer.address]);
      await token.connect(payer).transfer(wallet, AMOUNT);
      const walletTerms = { ...terms, owner: await wallet.getAddress() };
      const approve = token.interface.encodeFunctionData("approve", [await escrow.getAddress(), AMOUNT]);
      await wallet.connect(payer).execute(token, approve);
      const grant = await signPermitDeposit(escrow, payer, walletTerms, SALT, AMOUNT, deadline);
      await relay(grant, { terms: walletTerms });
      expect((await escrow.account(1)).balance).to.equal(AMOUNT);
    });

    it("accepts the key of an account that has code (EIP-7702)", async () => {
      const { escrow, payer, relay } = await permitFixture();
      await networkHelpers.setCode(payer.address, "0x00");
      await relay();
      expect((await escrow.account(1)).balance).to.equal(AMOUNT);
    });
  });

  describe("sweep", () => {
    it("tokens sent straight to a deposit address: are swept into its account, before and after opening, so nothing is ever stranded", async () => {
      const { escrow, token, terms, payer, stranger } = await depositFixture();
      const address = await escrow.depositAddress(terms);
      await token.connect(stranger).transfer(address, AMOUNT);
      await expect(escrow.connect(stranger).sweep(terms))
        .to.emit(escrow, "Deposited")
        .withArgs(1, address, AMOUNT);
      expect([...(await escrow.termsOf(1))][0]).to.equal(payer.address);

      await token.connect(payer).transfer(address, 3n);
      await escrow.connect(stranger).sweep(terms);
      await token.connect(payer).transfer(address, 4n);
      expect([...(await escrow.connect(stranger).sweep.staticCall(terms))]).to.deep.equal([1n, 4n]);
      await escrow.connect(stranger).sweep(terms);
      expect((await escrow.account(1)).balance).to.equal(AMOUNT + 7n);
      expect(await token.balanceOf(address)).to.equal(0n);
      expect(await token.balanceOf(escrow)).to.equal(await escrow.owed());
    });

    it("joins an account that was opened in another way", async () => {
      const { escrow, token, terms, payer, authorize, depositWithAuthorization } = await depositFixture();
      await token.connect(payer).transfer(await escrow.depositAddress(terms), 1n);
      await depositWithAuthorization(terms, await authorize(terms));
      await escrow.sweep(terms);
      expect(await escrow.accountCount()).to.equal(1n);
      expect((await escrow.account(1)).balance).to.equal(AMOUNT + 1n);
    });

    it("lets a stranger's dust open nothing but the account the owner chose", async () => {
      const { escrow, token, terms, stranger, authorize, depositWithAuthorization } = await depositFixture();
      const dearer = { ...terms, maxAppFeePct: 20 };
      await token.connect(stranger).transfer(await escrow.depositAddress(dearer), 1n);
      await escrow.connect(stranger).sweep(dearer);
      await depositWithAuthorization(terms, await authorize(terms));
      expect(await escrow.accountIdOf(dearer)).to.equal(1n);
      expect(await escrow.accountIdOf(terms)).to.equal(2n);
      expect((await escrow.account(1)).balance).to.equal(1n);
      expect((await escrow.account(2)).balance).to.equal(AMOUNT);
    });

    it("a deposit claimed by another operator: goes to the operator of its terms (I-05)", async () => {
      const { escrow, token, terms, payer, rivalOperator } = await depositFixture();
      const address = await escrow.depositAddress(terms);
      await token.connect(payer).transfer(address, AMOUNT);
      await expect(
        escrow.connect(rivalOperator).sweep({ ...terms, operatorId: 2 }),
      ).to.be.revertedWithCustomError(escrow, "Escrow_ZeroAmount");

      await escrow.sweep(terms);
      await token.connect(payer).transfer(address, AMOUNT);
      const forwarder = await ethers.getContractAt("DepositForwarder", address);
      await expect(forwarder.connect(rivalOperator).forward(AMOUNT))
        .to.be.revertedWithCustomError(forwarder, "DepositForwarder_NotEscrow")
        .withArgs(rivalOperator.address, await escrow.getAddress());
    });

    it("refuses an empty address", async () => {
      const { escrow, terms } = await depositFixture();
      await expect(escrow.sweep(terms)).to.be.revertedWithCustomError(escrow, "Escrow_ZeroAmount");
    });
  });
});
