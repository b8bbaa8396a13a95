import { expect } from "chai";

import { ethers, loadFixture, time, tokens } from "./fixtures/chain.ts";
import {
  deployContracts,
  deployEconomy,
  MIN_OPERATOR_BOND,
  MIN_PROVIDER_STAKE,
  WINDOWS,
} from "./fixtures/economy.ts";

const NOT_RETIRED = 2n ** 40n - 1n;
const HOUR = 3_600;

describe("Registry", () => {
  describe("constructor", () => {
    it("sets what it is given", async () => {
      const { registry, token, owner } = await loadFixture(deployContracts);
      expect(await registry.token()).to.equal(await token.getAddress());
      expect(await registry.grace()).to.equal(WINDOWS.grace);
      expect(await registry.unbondingPeriod()).to.equal(WINDOWS.unbonding);
      expect(await registry.owner()).to.equal(owner.address);
      expect(await registry.minOperatorBond()).to.equal(MIN_OPERATOR_BOND);
      expect(await registry.minProviderStake()).to.equal(MIN_PROVIDER_STAKE);
    });

    it("refuses no token, windows out of order and minimums out of range", async () => {
      const { registry, token, owner } = await loadFixture(deployContracts);
      const factory = await ethers.getContractFactory("Registry");
      const probe = await ethers.deployContract("WindowsProbe");
      const bad = { ...WINDOWS, exitNotice: WINDOWS.settle };
      const min = tokens(1);
      await expect(
        factory.deploy(ethers.ZeroAddress, WINDOWS, min, min, owner, owner),
      ).to.be.revertedWithCustomError(registry, "Registry_ZeroAddress");
      await expect(
        factory.deploy(token, WINDOWS, min, min, owner, ethers.ZeroAddress),
      ).to.be.revertedWithCustomError(registry, "Registry_ZeroAddress");
      await expect(factory.deploy(token, bad, min, min, owner, owner)).to.be.revertedWithCustomError(
        probe,
        "Windows_ExitNoticeTooShort",
      );
      await expect(factory.deploy(token, WINDOWS, min - 1n, min, owner, owner)).to.be.revertedWithCustomError(
        registry,
        "Registry_ParameterOutOfRange",
      );
    });
  });

  describe("setMinimums", () => {
    it("changes both, within their range", async () => {
      const { registry } = await loadFixture(deployContracts);
      const highest = tokens(10_000_000);
      await expect(registry.setMinimums(highest, tokens(1)))
        .to.emit(registry, "MinimumsSet")
        .withArgs(highest, tokens(1));
      await expect(registry.setMinimums(highest + 1n, tokens(1)))
        .to.be.revertedWithCustomError(registry, "Registry_ParameterOutOfRange")
        .withArgs(highest + 1n, tokens(1), highest);
      await expect(registry.setMinimums(highest, tokens(1) - 1n))
        .to.be.revertedWithCustomError(registry, "Registry_ParameterOutOfRange")
        .withArgs(tokens(1) - 1n, tokens(1), highest);
    });

    it("is the owner's alone, and ownership moves in two steps", async () => {
      const { registry, stranger } = await loadFixture(deployContracts);
      const minimum = tokens(2);
      await registry.transferOwnership(stranger);
      await expect(registry.connect(stranger).setMinimums(minimum, minimum)).to.be.revertedWithCustomError(
        registry,
        "OwnableUnauthorizedAccount",
      );
      await registry.connect(stranger).acceptOwnership();
      await registry.connect(stranger).setMinimums(minimum, minimum);
    });
  });

  describe("registerOperator", () => {
    it("numbers operators from 1, takes the bond and names settler and receipt key", async () => {
      const { registry, token, operator, settler, receiptKey, operatorPayee } =
        await loadFixture(deployContracts);
      const call = registry
        .connect(operator)
        .registerOperator(operatorPayee, settler, receiptKey, MIN_OPERATOR_BOND);
      await expect(call)
        .to.emit(registry, "OperatorRegistered")
        .withArgs(1, operator.address, operatorPayee.address);
      await expect(call).to.emit(registry, "SettlerSet").withArgs(1, settler.address, true);
      await expect(call).to.emit(registry, "ReceiptKeyAdded").withArgs(1, receiptKey.address);
      await expect(call).to.emit(registry, "Bonded").withArgs(true, 1, MIN_OPERATOR_BOND, MIN_OPERATOR_BOND);
      expect(await token.balanceOf(registry)).to.equal(MIN_OPERATOR_BOND);
      const stored = await registry.operator(1);
      expect([stored.owner, stored.payee, stored.bond.bonded]).to.deep.equal([
        operator.address,
        operatorPayee.address,
        MIN_OPERATOR_BOND,
      ]);
      expect(await registry.isSettler(1, settler)).to.equal(true);
      expect(await registry.operatorOfReceiptKey(receiptKey)).to.equal(1n);
      expect(await registry.operatorPayee(1)).to.equal(operatorPayee.address);
    });

    it("refuses a bond below the minimum and zero addresses", async () => {
      const { registry, operator, settler } = await loadFixture(deployContracts);
      const as = registry.connect(operator);
      await expect(as.registerOperator(operator, settler, operator, MIN_OPERATOR_BOND - 1n))
        .to.be.revertedWithCustomError(registry, "Registry_BondTooLow")
        .withArgs(MIN_OPERATOR_BOND - 1n, MIN_OPERATOR_BOND);
      for (const [payee, first, key] of [
        [ethers.ZeroAddress, settler.address, operator.address],
        [operator.address, ethers.ZeroAddress, operator.address],
        [operator.address, settler.address, ethers.ZeroAddress],
      ] as const) {
        await expect(as.registerOperator(payee, first, key, MIN_OPERATOR_BOND)).to.be.revertedWithCustomError(
          registry,
          "Registry_ZeroAddress",
        );
      }
    });

    it("refuses a receipt key that is taken", async () => {
      const { registry, operator, settler, receiptKey } = await loadFixture(deployEconomy);
      await expect(
        registry.connect(operator).registerOperator(operator, settler, receiptKey, MIN_OPERATOR_BOND),
      )
        .to.be.revertedWithCustomError(registry, "Registry_ReceiptKeyTaken")
        .withArgs(receiptKey.address);
    });
  });

  describe("setSettler, addReceiptKey, setOperatorPayee", () => {
    it("change what they name", async () => {
      const { registry, operator, settler, stranger } = await loadFixture(deployEconomy);
      const as = registry.connect(operator);
      await expect(as.setSettler(1, settler, false))
        .to.emit(registry, "SettlerSet")
        .withArgs(1, settler.address, false);
      expect(await registry.isSettler(1, settler)).to.equal(false);
      await as.addReceiptKey(1, stranger);
      expect(await registry.operatorOfReceiptKey(stranger)).to.equal(1n);
      await expect(as.setOperatorPayee(1, stranger))
        .to.emit(registry, "PayeeSet")
        .withArgs(true, 1, stranger.address);
      expect(await registry.operatorPayee(1)).to.equal(stranger.address);
    });

    it("are the owner's alone", async () => {
      const { registry, operator, stranger } = await loadFixture(deployEconomy);
      const as = registry.connect(stranger);
      for (const call of [
        () => as.setSettler(1, stranger, true),
        () => as.addReceiptKey(1, stranger),
        () => as.setOperatorPayee(1, stranger),
        () => as.requestUnbond(1, 1),
        () => as.withdrawBond(1, stranger),
      ]) {
        await expect(call())
          .to.be.revertedWithCustomError(registry, "Registry_NotOwner")
          .withArgs(stranger.address, operator.address);
      }
      await expect(as.setSettler(9, stranger, true))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownOperator")
        .withArgs(9);
    });

    it("give a payee to one operator for ever, so that nobody answers with another's authorizations", async () => {
      const { registry, operator, rivalOperator, operatorPayee, stranger } = await loadFixture(deployEconomy);
      const asRival = registry.connect(rivalOperator);
      const expectTaken = async (call: Promise<unknown>, payee: string, holder: number) =>
        expect(call).to.be.revertedWithCustomError(registry, "Registry_PayeeTaken").withArgs(payee, holder);
      await expectTaken(asRival.setOperatorPayee(2, operatorPayee), operatorPayee.address, 1);
      await expectTaken(
        asRival.registerOperator(operatorPayee, rivalOperator, stranger, MIN_OPERATOR_BOND),
        operatorPayee.address,
        1,
      );
      // Past payees stay the operator's: what was signed for them is still for it.
      await registry.connect(operator).setOperatorPayee(1, stranger);
      expect(await registry.operatorPayee(1)).to.equal(stranger.address);
      for (const payee of [operatorPayee, stranger]) {
        expect(await registry.operatorOfPayee(payee)).to.equal(1n);
        await expectTaken(asRival.setOperatorPayee(2, payee), payee.address, 1);
      }
      await registry.connect(operator).setOperatorPayee(1, operatorPayee);
      expect(await registry.operatorPayee(1)).to.equal(operatorPayee.address);
    });

    it("refuse the zero address and keys of others", async () => {
      const { registry, operator, rivalOperator } = await loadFixture(deployEconomy);
      const as = registry.connect(operator);
      for (const call of [
        () => as.setSettler(1, ethers.ZeroAddress, true),
        () => as.addReceiptKey(1, ethers.ZeroAddress),
        () => as.setOperatorPayee(1, ethers.ZeroAddress),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(registry, "Registry_ZeroAddress");
      }
      await expect(as.addReceiptKey(1, rivalOperator)).to.be.revertedWithCustomError(
        registry,
        "Registry_ReceiptKeyTaken",
      );
    });
  });

  describe("registerProvider, setProviderPayee", () => {
    it("register with any stake, and move the payee", async () => {
      const { registry, provider, stranger } = await loadFixture(deployContracts);
      const as = registry.connect(provider);
      await expect(as.registerProvider(provider, 5))
        .to.emit(registry, "ProviderRegistered")
        .withArgs(1, provider.address, provider.address);
      await as.registerProvider(provider, 0);
      expect((await registry.getFunction("provider")(1)).stake.bonded).to.equal(5n);
      expect((await registry.getFunction("provider")(2)).stake.bonded).to.equal(0n);
      await expect(as.setProviderPayee(2, stranger))
        .to.emit(registry, "PayeeSet")
        .withArgs(false, 2, stranger.address);
      expect(await registry.providerPayee(2)).to.equal(stranger.address);
    });

    it("refuse zero addresses, strangers and unknown providers", async () => {
      const { registry, provider, stranger } = await loadFixture(deployEconomy);
      await expect(
        registry.connect(provider).registerProvider(ethers.ZeroAddress, 5),
      ).to.be.revertedWithCustomError(registry, "Registry_ZeroAddress");
      await expect(
        registry.connect(provider).setProviderPayee(1, ethers.ZeroAddress),
      ).to.be.revertedWithCustomError(registry, "Registry_ZeroAddress");
      await expect(registry.connect(stranger).setProviderPayee(1, stranger))
        .to.be.revertedWithCustomError(registry, "Registry_NotOwner")
        .withArgs(stranger.address, provider.address);
      await expect(registry.setProviderPayee(7, stranger))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownProvider")
        .withArgs(7);
    });
  });

  describe("registerModel", () => {
    it("names models once, from 1", async () => {
      const { registry } = await loadFixture(deployContracts);
      await expect(registry.registerModel("acme/painter:v2", 1))
        .to.emit(registry, "ModelRegistered")
        .withArgs(1, 1, "acme/painter:v2");
      expect(await registry.modelIdOf("acme/painter:v2")).to.equal(1n);
      expect([...(await registry.model(1))]).to.deep.equal([1n, "acme/painter:v2"]);
      await expect(registry.registerModel("acme/painter:v2", 0))
        .to.be.revertedWithCustomError(registry, "Registry_NameTaken")
        .withArgs("acme/painter:v2", 1);
    });

    it("takes 1 to 96 bytes of a-z, 0-9 and . _ : / -", async () => {
      const { registry } = await loadFixture(deployContracts);
      for (const name of ["a", "az09._:/-", "x".repeat(96)]) {
        await registry.registerModel(name, 0);
      }
      for (const name of ["", "x".repeat(97), "Acme", "a b", "a`", "a{", "a;", "a,", "a@", "é", "a\0"]) {
        await expect(registry.registerModel(name, 0))
          .to.be.revertedWithCustomError(registry, "Registry_BadName")
          .withArgs(name);
      }
    });
  });

  describe("createListing", () => {
    it("lists a model once per provider", async () => {
      const { registry, provider } = await loadFixture(deployEconomy);
      await registry.registerModel("acme/second", 0);
      await expect(registry.connect(provider).createListing(1, 2))
        .to.emit(registry, "ListingCreated")
        .withArgs(2, 1, 2);
      expect([...(await registry.listing(2))]).to.deep.equal([1n, 2n]);
      expect(await registry.listingIdOf(1, 2)).to.equal(2n);
      await expect(registry.connect(provider).createListing(1, 2))
        .to.be.revertedWithCustomError(registry, "Registry_ListingExists")
        .withArgs(1, 2, 2);
    });

    it("needs the minimum stake, a known model and the provider's owner", async () => {
      const { registry, provider, stranger } = await loadFixture(deployEconomy);
      await registry.connect(stranger).registerProvider(stranger, MIN_PROVIDER_STAKE - 1n);
      await expect(registry.connect(stranger).createListing(2, 1))
        .to.be.revertedWithCustomError(registry, "Registry_BondTooLow")
        .withArgs(MIN_PROVIDER_STAKE - 1n, MIN_PROVIDER_STAKE);
      for (const modelId of [0, 2]) {
        await expect(registry.connect(provider).createListing(1, modelId))
          .to.be.revertedWithCustomError(registry, "Registry_UnknownModel")
          .withArgs(modelId);
      }
      await expect(registry.connect(stranger).createListing(1, 1)).to.be.revertedWithCustomError(
        registry,
        "Registry_NotOwner",
      );
    });
  });

  describe("createOffer", () => {
    it("stores a price list that is billable at once", async () => {
      const { registry, provider } = await loadFixture(deployEconomy);
      const highest = 2n ** 72n - 1n;
      await expect(registry.connect(provider).createOffer(1, highest, 0, 7, 10_000))
        .to.emit(registry, "OfferCreated")
        .withArgs(2, 1, highest, 0, 7, 10_000);
      expect([...(await registry.offer(2))]).to.deep.equal([
        highest,
        0n,
        7n,
        NOT_RETIRED,
        1n,
        1n,
        BigInt(await time.latest()),
        10_000n,
      ]);
    });

    it("refuses an unknown listing, strangers and cached shares above one", async () => {
      const { registry, provider, stranger } = await loadFixture(deployEconomy);
      await expect(registry.connect(provider).createOffer(2, 1, 1, 1, 0))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownListing")
        .withArgs(2);
      await expect(registry.connect(stranger).createOffer(1, 1, 1, 1, 0)).to.be.revertedWithCustomError(
        registry,
        "Registry_NotOwner",
      );
      await expect(registry.connect(provider).createOffer(1, 1, 1, 1, 10_001))
        .to.be.revertedWithCustomError(registry, "Registry_CachedBpsTooHigh")
        .withArgs(10_001, 10_000);
    });
  });

  describe("retireOffer", () => {
    it("announces the end once, at least an hour ahead", async () => {
      const { registry, provider } = await loadFixture(deployEconomy);
      const as = registry.connect(provider);
      const at = (await time.latest()) + 10;
      await time.setNextBlockTimestamp(at);
      await expect(as.retireOffer(1, at + HOUR - 1))
        .to.be.revertedWithCustomError(registry, "Registry_NoticeTooShort")
        .withArgs(at + HOUR - 1, at + HOUR);
      await time.setNextBlockTimestamp(at + 1);
      await expect(as.retireOffer(1, at + 1 + HOUR))
        .to.emit(registry, "OfferRetired")
        .withArgs(1, at + 1 + HOUR);
      expect((await registry.offer(1)).retiresAt).to.equal(at + 1 + HOUR);
      await expect(as.retireOffer(1, at + 9 * HOUR))
        .to.be.revertedWithCustomError(registry, "Registry_AlreadyRetired")
        .withArgs(1, at + 1 + HOUR);
    });

    it("refuses an unknown offer, strangers, and an end that is none", async () => {
      const { registry, provider, stranger } = await loadFixture(deployEconomy);
      await expect(registry.connect(provider).retireOffer(2, NOT_RETIRED - 1n))
        .to.be.revertedWithCustomError(registry, "Registry_UnknownOffer")
        .withArgs(2);
      await expect(registry.connect(stranger).retireOffer(1, NOT_RETIRED - 1n)).to.be.revertedWithCustomError(
        registry,
        "Registry_NotOwner",
      );
      await expect(registry.connect(provider).retireOffer(1, NOT_RETIRED)).to.be.revertedWithCustomError(
        registry,
        "Registry_ParameterOutOfRange",
      );
    });
  });

  describe("registerApp", () => {
    it("fixes owner and fee, up to 20 %", async () => {
      const { registry, appOwner } = await loadFixture(deployContracts);
      await expect(registry.registerApp(appOwner, 2_000))
        .to.emit(registry, "AppRegistered")
        .withArgs(1, appOwner.address, 2_000);
      expect([...(await registry.app(1))]).to.deep.equal([appOwner.address, 2_000n]);
      await expect(registry.registerApp(appOwner, 2_001))
        .to.be.revertedWithCustomError(registry, "Registry_AppFeeTooHigh")
        .withArgs(2_001, 2_000);
      await expect(registry.registerApp(ethers.ZeroAddress, 0)).to.be.revertedWithCustomError(
        registry,
        "Registry_ZeroAddress",
      );
    });
  });

  describe("counts", () => {
    it("gives the highest id of each kind", async () => {
      const { registry } = await loadFixture(deployEconomy);
      expect([...(await registry.counts())]).to.deep.equal([2n, 1n, 1n, 1n, 1n, 1n]);
    });

    it("reads ids that were never given as zeros", async () => {
      const { registry } = await loadFixture(deployContracts);
      expect((await registry.operator(1)).owner).to.equal(ethers.ZeroAddress);
      expect((await registry.offer(1)).createdAt).to.equal(0n);
      expect(await registry.providerPayee(1)).to.equal(ethers.ZeroAddress);
    });
  });
});
