import { expect } from "chai";

import { encodeBatch, type Row } from "../../router/model/batch.ts";
import type { IBoundedPause } from "../../types/contracts/index.ts";
import { EARNER, packCredit, termsOf } from "./fixtures/account.ts";
import { ethers, loadFixture, saltOf, time, tokens } from "./fixtures/chain.ts";
import { deployEconomy, ledgerSignerOf, MIN_PROVIDER_STAKE, WINDOWS } from "./fixtures/economy.ts";
import { signAuthorization, signPermitDeposit } from "./fixtures/sign.ts";

const { maxPause, settle: SETTLE, exitNotice, challenge, unbonding } = WINDOWS;
const COOL_DOWN = maxPause + SETTLE;
const BALANCE = tokens(100);
const ROW: Row = { offerId: 1, inputUnits: 10, outputUnits: 20, timing: 90 };
const PRICE = 10n * 2_000n + 20n * 6_000n + 10_000n;
/** 10 % of the fee of 5 %, less a wei for the batch's one offer. */
const REBATE = PRICE / 200n - 1n;

async function pauseFixture() {
  const economy = await loadFixture(deployEconomy);
  const { escrow, ledger, payer, guardian, settler } = economy;
  await escrow.connect(payer).deposit(termsOf(economy), BALANCE);
  await escrow.connect(payer).grantCredits(1, 1n);
  /** Settles a row that was served at `servedAtSec`, as the settler. */
  const settle = async (servedAtSec: number) => {
    const batchNo = Number(await ledger.nextBatchNo(1));
    const groups = [{ accountId: 1, appId: 0, rows: [ROW] }];
    const { bytes } = encodeBatch({ batchNo, servedFromSec: servedAtSec, servedToSec: servedAtSec, groups });
    return ledger.connect(settler).settle(1, bytes);
  };
  return {
    ...economy,
    asGuardian: { Escrow: escrow.connect(guardian), Ledger: ledger.connect(guardian) },
    settle,
  };
}

/** Pauses for `duration` and tells until when. */
async function pause(contract: IBoundedPause, duration = maxPause): Promise<number> {
  await contract.pause(duration);
  return (await time.latest()) + duration;
}

describe("BoundedPause", () => {
  for (const name of ["Escrow", "Ledger"] as const)
    describe(`of the ${name}`, () => {
      const fixture = async () => {
        const { asGuardian, guardian, stranger, owner } = await pauseFixture();
        return { paused: asGuardian[name] as unknown as IBoundedPause, guardian, stranger, owner };
      };

      it("is fixed when it is deployed", async () => {
        const { paused, guardian } = await fixture();
        expect([
          await paused.guardian(),
          await paused.maxPause(),
          await paused.coolDown(),
          await paused.pausedFrom(),
          await paused.pausedUntil(),
          await paused.nextPauseAt(),
        ]).to.deep.equal([guardian.address, BigInt(maxPause), BigInt(COOL_DOWN), 0n, 0n, 0n]);
      });

      it("is announced, with its end", async () => {
        const { paused } = await fixture();
        const at = (await time.latest()) + 10;
        await time.setNextBlockTimestamp(at);
        await expect(paused.pause(60))
          .to.emit(paused, "Paused")
          .withArgs(at + 60);
        expect([await paused.pausedFrom(), await paused.pausedUntil()]).to.deep.equal([
          BigInt(at),
          BigInt(at + 60),
        ]);
        expect(await paused.nextPauseAt()).to.equal(at + 60 + COOL_DOWN);
      });

      it("is the guardian's alone, to begin and to end", async () => {
        const { paused, guardian, stranger, owner } = await fixture();
        for (const other of [stranger, owner]) {
          await expect(paused.connect(other).pause(60))
            .to.be.revertedWithCustomError(paused, "BoundedPause_NotGuardian")
            .withArgs(other.address, guardian.address);
          await expect(paused.connect(other).endPause())
            .to.be.revertedWithCustomError(paused, "BoundedPause_NotGuardian")
            .withArgs(other.address, guardian.address);
        }
      });

      it("lasts at most maxPause", async () => {
        const { paused } = await fixture();
        for (const duration of [0, maxPause + 1])
          await expect(paused.pause(duration))
            .to.be.revertedWithCustomError(paused, "BoundedPause_DurationOutOfRange")
            .withArgs(duration, maxPause);
        await paused.pause(maxPause);
      });

      it("pauses chained: is neither extended nor chained, the next begins after the cool-down", async () => {
        const { paused } = await fixture();
        const until = await pause(paused);
        const earliest = until + COOL_DOWN;
        for (const at of [until - 1, until, earliest - 1]) {
          await time.setNextBlockTimestamp(at);
          await expect(paused.pause(1))
            .to.be.revertedWithCustomError(paused, "BoundedPause_TooSoon")
            .withArgs(at, earliest);
        }
        await time.setNextBlockTimestamp(earliest);
        await paused.pause(1);
      });

      it("is ended early, once, and cools down from then on", async () => {
        const { paused } = await fixture();
        await pause(paused);
        const at = (await time.latest()) + 5;
        await time.setNextBlockTimestamp(at);
        await expect(paused.endPause())
          .to.emit(paused, "PauseEnded")
          .withArgs(at + COOL_DOWN);
        await expect(paused.endPause())
          .to.be.revertedWithCustomError(paused, "BoundedPause_NotPaused")
          .withArgs(at + 1, at);
        await expect(paused.pause(1)).to.be.revertedWithCustomError(paused, "BoundedPause_TooSoon");
        await time.setNextBlockTimestamp(at + COOL_DOWN);
        await paused.pause(1);
      });
    });

  it("is nobody's without a guardian", async () => {
    const { token, registry, ledger, stranger } = await pauseFixture();
    const escrow = await ethers.deployContract("Escrow", [
      token,
      registry,
      ledger,
      WINDOWS,
      ethers.ZeroAddress,
      stranger,
      stranger,
    ]);
    await expect(escrow.connect(stranger).pause(1))
      .to.be.revertedWithCustomError(escrow, "BoundedPause_NotGuardian")
      .withArgs(stranger.address, ethers.ZeroAddress);
  });

  describe("of the Escrow stops", () => {
    it("every way in, and nothing else than for its time", async () => {
      const economy = await pauseFixture();
      const { escrow, token, payer, asGuardian } = economy;
      const terms = termsOf(economy);
      const asPayer = escrow.connect(payer);
      const salt = saltOf("paused");
      const validBefore = (await time.latest()) + 30 * 86_400;
      const authorization = await signAuthorization(token, payer, "ReceiveWithAuthorization", {
        from: payer.address,
        to: await escrow.getAddress(),
        value: 5n,
        validAfter: 0,
        validBefore,
        nonce: await escrow.grantHash(terms, salt),
      });
      const permitted = await signPermitDeposit(escrow, payer, terms, salt, 5n, validBefore);
      await token.connect(payer).transfer(await escrow.depositAddress(terms), 5n);
      const ways = [
        async () => asPayer.deposit(terms, 5n),
        async () => asPayer.depositWithAuthorization(terms, salt, 5n, 0, validBefore, authorization),
        async () =>
          asPayer.depositWithPermit(
            terms,
            salt,
            5n,
            validBefore,
            27,
            ethers.ZeroHash,
            ethers.ZeroHash,
            permitted,
          ),
        async () => asPayer.sweep(terms),
        async () => asPayer.grantCredits(1, 5n),
      ];
      const until = await pause(asGuardian.Escrow);
      for (const way of ways)
        await expect(way()).to.be.revertedWithCustomError(escrow, "BoundedPause_Paused");
      await time.setNextBlockTimestamp(until - 1);
      await expect(asPayer.deposit(terms, 5n))
        .to.be.revertedWithCustomError(escrow, "BoundedPause_Paused")
        .withArgs(until - 1, until);
      await time.setNextBlockTimestamp(until);
      for (const way of ways) await way();
      const { balance, credits } = await escrow.account(1);
      expect([balance, credits]).to.deep.equal([BALANCE + 20n, 6n]);
    });
  });

  describe("of the Ledger", () => {
    it("stops settling, and what waited settles afterwards, at its own prices", async () => {
      const { escrow, ledger, registry, provider, asGuardian, settle } = await pauseFixture();
      // The offer retires during the pause: what it served is billed as ever.
      const servedAt = await time.latest();
      await registry.connect(provider).retireOffer(1, servedAt + 3_700);
      const until = await pause(asGuardian.Ledger);
      await time.setNextBlockTimestamp(until - 1);
      await expect(settle(servedAt))
        .to.be.revertedWithCustomError(ledger, "BoundedPause_Paused")
        .withArgs(until - 1, until);
      await time.setNextBlockTimestamp(until);
      await expect(settle(servedAt)).to.emit(ledger, "BatchSettled");
      const { balance, credits, nextSeq } = await escrow.account(1);
      expect([balance + credits, nextSeq]).to.deep.equal([BALANCE + 1n - PRICE + REBATE, 1n]);
    });

    it("settles what was served within it, and ends for settling when it is ended", async () => {
      const { ledger, asGuardian, settle } = await pauseFixture();
      await pause(asGuardian.Ledger);
      await time.increase(60);
      const servedAt = await time.latest();
      await asGuardian.Ledger.endPause();
      await expect(settle(servedAt)).to.emit(ledger, "BatchSettled");
    });

    it("leaves a row its settle window before another pause (exits stay behind both)", () => {
      // Served as a pause begins, a row can settle from the pause's end on for as long as the cool-down lasts.
      expect(COOL_DOWN).to.be.at.least(SETTLE + maxPause);
      expect(exitNotice).to.be.above(SETTLE + WINDOWS.selfSettle + maxPause);
    });
  });

  describe("of everything (I-06)", () => {
    async function pausedFixture() {
      const economy = await pauseFixture();
      const { escrow, payer, asGuardian, provider, registry } = economy;
      const asLedger = escrow.connect(await ledgerSignerOf(economy));
      await asLedger.credit(1, 0, [packCredit(EARNER.provider, 1n, 7n)], 0);
      await escrow.connect(payer).requestExit(1, tokens(1));
      await registry.connect(provider).requestUnstake(1, MIN_PROVIDER_STAKE);
      return {
        ...economy,
        asOwner: escrow.connect(payer),
        asProvider: registry.connect(provider),
        asGuardian,
      };
    }

    it("leaves exits alone, from the request to the money", async () => {
      const { escrow, asOwner, asGuardian, payer } = await pausedFixture();
      await time.increaseTo((await escrow.exitOf(1)).readyAt - 10n);
      await pause(asGuardian.Escrow);
      await pause(asGuardian.Ledger);
      await asOwner.cancelExit(1);
      await asOwner.requestExit(1, tokens(2));
      await time.increase(exitNotice);
      await asOwner.withdraw(1, payer);
      expect((await escrow.account(1)).balance).to.equal(BALANCE - tokens(2));
    });

    it("lets a ripe exit be withdrawn while both are paused", async () => {
      const { escrow, asOwner, asGuardian, payer } = await pausedFixture();
      await time.increaseTo((await escrow.exitOf(1)).readyAt);
      const until = await pause(asGuardian.Escrow);
      await pause(asGuardian.Ledger);
      await expect(asOwner.withdraw(1, payer))
        .to.emit(escrow, "Withdrawn")
        .withArgs(1, payer.address, tokens(1));
      expect(await time.latest()).to.be.below(until);
    });

    it("leaves earnings and stakes alone", async () => {
      const { escrow, asProvider, asGuardian, provider, registry } = await pausedFixture();
      await time.increase(Math.max(2 * challenge, unbonding));
      const until = await pause(asGuardian.Escrow);
      await pause(asGuardian.Ledger);
      await expect(escrow.claim(EARNER.provider, 1)).to.emit(escrow, "Claimed");
      await expect(asProvider.withdrawStake(1, provider)).to.emit(registry, "Unbonded");
      expect(await time.latest()).to.be.below(until);
    });
  });
});
