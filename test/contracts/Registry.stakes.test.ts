import { expect } from "chai";

import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import { deployEconomy, MIN_OPERATOR_BOND, MIN_PROVIDER_STAKE, WINDOWS } from "./fixtures/economy.ts";

describe("Registry: stakes", () => {
  for (const kind of ["bond", "stake"] as const) {
    const isOperator = kind === "bond";
    const minimum = isOperator ? MIN_OPERATOR_BOND : MIN_PROVIDER_STAKE;

    /** The same three calls for an operator's bond and a provider's stake. */
    const stakeFixture = async () => {
      const economy = await loadFixture(deployEconomy);
      const { registry } = economy;
      const backer = isOperator ? economy.operator : economy.provider;
      const as = registry.connect(backer);
      return {
        ...economy,
        backer,
        add: (amount: bigint, id = 1) => (isOperator ? as.addBond(id, amount) : as.addStake(id, amount)),
        request: (amount: bigint) =>
          isOperator ? as.requestUnbond(1, amount) : as.requestUnstake(1, amount),
        withdraw: (to: string) => (isOperator ? as.withdrawBond(1, to) : as.withdrawStake(1, to)),
        stake: async () =>
          isOperator ? (await registry.operator(1)).bond : (await registry.getFunction("provider")(1)).stake,
      };
    };

    describe(`${kind}: add, request, withdraw`, () => {
      it("adds from anyone, and refuses nothing and nobody", async () => {
        const { registry, stranger, add, stake } = await stakeFixture();
        await expect(
          isOperator ? registry.connect(stranger).addBond(1, 9) : registry.connect(stranger).addStake(1, 9),
        )
          .to.emit(registry, "Bonded")
          .withArgs(isOperator, 1, 9, minimum + 9n);
        expect((await stake()).bonded).to.equal(minimum + 9n);
        await expect(add(0n)).to.be.revertedWithCustomError(registry, "Registry_ZeroAmount");
        await expect(add(1n, 9)).to.be.revertedWithCustomError(
          registry,
          isOperator ? "Registry_UnknownOperator" : "Registry_UnknownProvider",
        );
      });

      it("releases a part after the unbonding period, to the second (I-12)", async () => {
        const { registry, token, stranger, add, request, withdraw, stake } = await stakeFixture();
        await add(100n);
        const at = (await time.latest()) + 10;
        await time.setNextBlockTimestamp(at);
        await expect(request(100n))
          .to.emit(registry, "UnbondingRequested")
          .withArgs(isOperator, 1, 100, at + WINDOWS.unbonding);
        expect([...(await stake())]).to.deep.equal([minimum, 100n, BigInt(at + WINDOWS.unbonding)]);
        await time.setNextBlockTimestamp(at + WINDOWS.unbonding - 1);
        await expect(withdraw(stranger.address))
          .to.be.revertedWithCustomError(registry, "Registry_NotUnbonded")
          .withArgs(at + WINDOWS.unbonding, at + WINDOWS.unbonding - 1);
        await time.setNextBlockTimestamp(at + WINDOWS.unbonding);
        const before = await token.balanceOf(stranger);
        await expect(withdraw(stranger.address))
          .to.emit(registry, "Unbonded")
          .withArgs(isOperator, 1, 100, stranger.address);
        expect((await token.balanceOf(stranger)) - before).to.equal(100n);
        expect([...(await stake())]).to.deep.equal([minimum, 0n, 0n]);
      });

      it("keeps the minimum, or nothing at all", async () => {
        const { registry, add, request } = await stakeFixture();
        await add(100n);
        await expect(request(101n))
          .to.be.revertedWithCustomError(registry, "Registry_BondTooLow")
          .withArgs(minimum - 1n, minimum);
        await expect(request(minimum + 101n))
          .to.be.revertedWithCustomError(registry, "Registry_BondTooLow")
          .withArgs(minimum + 100n, minimum + 101n);
        await request(minimum + 100n);
      });

      it("takes one request at a time, of something", async () => {
        const { registry, add, request, stake } = await stakeFixture();
        await add(100n);
        await expect(request(0n)).to.be.revertedWithCustomError(registry, "Registry_ZeroAmount");
        await request(50n);
        const { readyAt } = await stake();
        await expect(request(50n))
          .to.be.revertedWithCustomError(registry, "Registry_UnbondingInProgress")
          .withArgs(readyAt);
      });

      it("refuses to pay nobody, or what was not asked back", async () => {
        const { registry, backer, request, withdraw } = await stakeFixture();
        await expect(withdraw(backer.address)).to.be.revertedWithCustomError(
          registry,
          "Registry_NotUnbonded",
        );
        await request(minimum);
        await time.increase(WINDOWS.unbonding);
        await expect(withdraw(ethers.ZeroAddress)).to.be.revertedWithCustomError(
          registry,
          "Registry_ZeroAddress",
        );
        await withdraw(backer.address);
        await expect(withdraw(backer.address)).to.be.revertedWithCustomError(
          registry,
          "Registry_NotUnbonded",
        );
      });
    });
  }
});
