import { expect } from "chai";

import { ethers, loadFixture, networkHelpers, time } from "./fixtures/chain.ts";
import { deployEconomy, MIN_OPERATOR_BOND, WINDOWS } from "./fixtures/economy.ts";

const NOT_RETIRED = 2n ** 40n - 1n;
const HOUR = 3_600;

/** The tables of a batch: offers, then apps. */
function tablesOf(offerIds: readonly number[], appIds: readonly number[]): string {
  return ethers.concat([...offerIds, ...appIds].map((id) => ethers.toBeHex(id, 4)));
}

describe("Registry", () => {
  describe("billing", () => {
    const billingFixture = async () => {
      const economy = await loadFixture(deployEconomy);
      const { registry } = economy;
      const offer = await registry.offer(1);
      const createdAt = Number(offer.createdAt);
      const bill = async (
        from: number,
        to: number,
        { offers = [1], apps = [0], settler = economy.settler.address, operatorId = 1 } = {},
      ) => registry.billing(operatorId, settler, from, to, offers.length, tablesOf(offers, apps));
      return { ...economy, createdAt, bill };
    };

    it("returns the stored words of each offer, then each app's fee", async () => {
      const { registry, provider, bill } = await billingFixture();
      await registry.connect(provider).createOffer(1, 11, 22, 33, 44);
      await registry.registerApp(provider, 700);
      const createdAt = await time.latest();
      const words = await bill(createdAt, createdAt, { offers: [1, 2], apps: [0, 1, 2] });
      const first = await registry.offer(1);
      const pack = (prices: readonly bigint[], rest: readonly bigint[]) => [
        (prices[0] ?? 0n) |
          ((prices[1] ?? 0n) << 72n) |
          ((prices[2] ?? 0n) << 144n) |
          ((prices[3] ?? 0n) << 216n),
        (rest[0] ?? 0n) | ((rest[1] ?? 0n) << 32n) | ((rest[2] ?? 0n) << 64n) | ((rest[3] ?? 0n) << 104n),
      ];
      expect(words).to.deep.equal([
        ...pack([2_000n, 6_000n, 10_000n, NOT_RETIRED], [1n, 1n, first.createdAt, 2_500n]),
        ...pack([11n, 22n, 33n, NOT_RETIRED], [1n, 1n, (await registry.offer(2)).createdAt, 44n]),
        0n,
        500n,
        700n,
      ]);
    });

    it("keeps an offer in two slots, found by its id alone", async () => {
      const { registry, createdAt, bill } = await billingFixture();
      const address = await registry.getAddress();
      const words = await bill(createdAt, createdAt);
      const slots = await Promise.all(
        Array.from({ length: 24 }, async (_, slot) => networkHelpers.getStorageAt(address, slot)),
      );
      const at = slots.findIndex((slot) => BigInt(slot) === words[0]);
      expect(BigInt(slots[at + 1] ?? 0)).to.equal(words[1]);
    });

    it("reverts for anyone who may not settle", async () => {
      const { registry, createdAt, rivalOperator, bill } = await billingFixture();
      await expect(bill(createdAt, createdAt, { settler: rivalOperator.address }))
        .to.be.revertedWithCustomError(registry, "Registry_NotSettler")
        .withArgs(1, rivalOperator.address);
      await expect(bill(createdAt, createdAt, { operatorId: 0 })).to.be.revertedWithCustomError(
        registry,
        "Registry_NotSettler",
      );
    });

    it("reverts for unknown offers and apps", async () => {
      const { registry, createdAt, bill } = await billingFixture();
      await expect(bill(createdAt, createdAt, { offers: [1, 2] }))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownOffer")
        .withArgs(2);
      await expect(bill(createdAt, createdAt, { apps: [2] }))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownApp")
        .withArgs(2);
    });

    it("bills from creation to retirement and grace, and not a second more (I-04)", async () => {
      const { registry, provider, createdAt, bill } = await billingFixture();
      await bill(createdAt, 2 ** 40 - 1);
      await expect(bill(createdAt - 1, createdAt))
        .to.be.revertedWithCustomError(registry, "Registry_OfferNotBillable")
        .withArgs(1, createdAt - 1, createdAt);
      const retiresAt = createdAt + 2 * HOUR;
      await registry.connect(provider).retireOffer(1, retiresAt);
      await bill(createdAt, retiresAt + WINDOWS.grace);
      await expect(bill(createdAt, retiresAt + WINDOWS.grace + 1)).to.be.revertedWithCustomError(
        registry,
        "Registry_OfferNotBillable",
      );
    });

    it("ends with the bond: only what was served before, while all of it can be slashed (I-12)", async () => {
      const { registry, operator, createdAt, bill } = await billingFixture();
      await registry.connect(operator).requestUnbond(1, MIN_OPERATOR_BOND);
      const askedAt = await time.latest();
      await bill(createdAt, askedAt);
      await expect(bill(createdAt, askedAt + 1))
        .to.be.revertedWithCustomError(registry, "Registry_BondTooLow")
        .withArgs(0, MIN_OPERATOR_BOND);
      await time.increaseTo(askedAt + WINDOWS.settle + WINDOWS.maxPause);
      await bill(createdAt, askedAt);
      await time.increaseTo(askedAt + WINDOWS.settle + WINDOWS.maxPause + 1);
      await expect(bill(createdAt, askedAt)).to.be.revertedWithCustomError(registry, "Registry_BondTooLow");

      await time.increaseTo(askedAt + WINDOWS.unbonding);
      await registry.connect(operator).withdrawBond(1, operator);
      await expect(bill(createdAt, askedAt)).to.be.revertedWithCustomError(registry, "Registry_BondTooLow");
      await expect(registry.connect(operator).addBond(1, MIN_OPERATOR_BOND - 1n))
        .to.be.revertedWithCustomError(registry, "Registry_BondTooLow")
        .withArgs(MIN_OPERATOR_BOND - 1n, MIN_OPERATOR_BOND);
      await registry.connect(operator).addBond(1, MIN_OPERATOR_BOND);
      await bill(createdAt, await time.latest());
    });

    it("goes on after a part of the bond was asked back", async () => {
      const { registry, operator, createdAt, bill } = await billingFixture();
      await registry.connect(operator).addBond(1, 100);
      await registry.connect(operator).requestUnbond(1, 100);
      await bill(createdAt, await time.latest());
    });
  });
});
