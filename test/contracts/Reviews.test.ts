import { expect } from "chai";
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";

import { encodeBatch, groupLeaf, type Group, type Row } from "../../router/model/batch.ts";
import { merkleProof, merkleTree } from "../../router/model/merkle.ts";
import type { ILedger } from "../../types/contracts/index.ts";
import { termsOf } from "./fixtures/account.ts";
import { ethers, loadFixture, time, tokens } from "./fixtures/chain.ts";
import {
  challenge,
  cheat,
  DEPOSIT,
  deployDisputeWorld,
  LIST,
  served,
  signedReceipt,
} from "./fixtures/disputeWorld.ts";
import { deployEconomy, MIN_PROVIDER_STAKE, WINDOWS } from "./fixtures/economy.ts";
import { settleGroups as settleAndProve } from "./fixtures/evidence.ts";
import { WINDOWS as DISPUTE_WINDOWS } from "./fixtures/market.ts";
import type { Terms } from "./fixtures/sign.ts";

const ROW: Row = { offerId: 1, inputUnits: 10, outputUnits: 20, timing: 90 };
const FAILED: Row = { offerId: 1, inputUnits: 0, outputUnits: 0, timing: 0 };
/** 10 x 2,000 + 20 x 6,000 + 10,000. */
const PRICE = 150_000n;
/** 5 % of the price. */
const WEIGHT = 7_500n;
const TEXT = ethers.id("a fine summary");
const LISTING = 1;

const REVIEW = {
  Review: [
    { name: "accountId", type: "uint32" },
    { name: "seq", type: "uint40" },
    { name: "listingId", type: "uint32" },
    { name: "rating", type: "uint8" },
    { name: "textHash", type: "bytes32" },
    { name: "deadline", type: "uint256" },
  ],
};

type Proof = ILedger.RowProofStruct;

async function deployReviews() {
  const economy = await deployEconomy();
  const { escrow, ledger, payer, stranger } = economy;
  const reviews = await ethers.deployContract("Reviews", [ledger]);
  await escrow.connect(payer).deposit(termsOf(economy), tokens(1));
  await escrow.connect(stranger).deposit(termsOf(economy, { owner: stranger.address }), tokens(1));
  return { ...economy, reviews };
}

async function reviewsFixture() {
  const economy = await loadFixture(deployReviews);
  const { escrow, ledger, settler, payer, reviews } = economy;

  /** Settles groups, one per account, and shows any of their rows. */
  const settleGroups = async (groups: readonly Group[], shortfalls: readonly bigint[] = []) => {
    const servedAt = await time.latest();
    const batchNo = Number(await ledger.nextBatchNo(1));
    const encoded = encodeBatch({ batchNo, servedFromSec: servedAt, servedToSec: servedAt, groups });
    const startSeqs: number[] = [];
    for (const { accountId } of groups) startSeqs.push(Number((await escrow.account(accountId)).nextSeq));
    await ledger.connect(settler).settle(1, encoded.bytes);
    const tree = merkleTree(
      encoded.groupBytes.map((bytes, i) => groupLeaf(startSeqs[i] ?? 0, shortfalls[i] ?? 0n, bytes)),
    );
    return (groupIndex: number, rowIndex: number): Proof => ({
      operatorId: 1,
      header: encoded.header,
      group: encoded.groupBytes[groupIndex] ?? new Uint8Array(),
      startSeq: startSeqs[groupIndex] ?? 0,
      shortfall: shortfalls[groupIndex] ?? 0n,
      rowIndex,
      siblings: merkleProof(tree, groupIndex),
    });
  };
  /** Settles one group of account 1, or another. */
  const settle = async (rows: readonly Row[], accountId = 1, appId = 0, shortfall = 0n) => {
    const proofOf = await settleGroups([{ accountId, appId, rows: [...rows] }], [shortfall]);
    return (rowIndex: number): Proof => proofOf(0, rowIndex);
  };
  const epoch = async () => ledger.epochAt(await time.latest());
  const sums = async (listingId = LISTING) => {
    const { count, weights, weightedRatings } = await reviews.summary(await epoch(), listingId);
    return [count, weights, weightedRatings];
  };
  const sign = async (by: HardhatEthersSigner, message: Record<string, unknown>) => {
    const { name, version, chainId, verifyingContract } = await reviews.eip712Domain();
    return by.signTypedData({ name, version, chainId, verifyingContract }, REVIEW, message);
  };
  return { ...economy, settleGroups, settle, epoch, sums, sign, asPayer: reviews.connect(payer) };
}

describe("Reviews", () => {
  it("are wired by their Ledger", async () => {
    const { reviews, ledger, escrow, registry, disputes } = await reviewsFixture();
    expect([
      await reviews.ledger(),
      await reviews.escrow(),
      await reviews.registry(),
      await reviews.disputes(),
    ]).to.deep.equal([
      await ledger.getAddress(),
      await escrow.getAddress(),
      await registry.getAddress(),
      await disputes.getAddress(),
    ]);
  });

  describe("review", () => {
    it("counts a rating with the fee that its row paid", async () => {
      const { reviews, asPayer, payer, settle, epoch, sums } = await reviewsFixture();
      const proofOf = await settle([FAILED, ROW]);
      await expect(asPayer.review(proofOf(1), 4, TEXT))
        .to.emit(reviews, "Reviewed")
        .withArgs(LISTING, payer.address, await epoch(), 1, 1, 4, WEIGHT, TEXT);
      expect(await sums()).to.deep.equal([1n, WEIGHT, 4n * WEIGHT]);
      expect(await reviews.hasReviewed(payer, LISTING, await epoch())).to.equal(true);
      expect([await reviews.isRowUsed(1, 0), await reviews.isRowUsed(1, 1)]).to.deep.equal([false, true]);
    });

    it("adds up what different owners say, dear rows more than cheap ones", async () => {
      const { reviews, asPayer, stranger, settleGroups, sums } = await reviewsFixture();
      const dear = { ...ROW, inputUnits: 0, outputUnits: 100 }; // 610,000 wei, of which 30,500 are fee
      const proofOf = await settleGroups([
        { accountId: 1, appId: 0, rows: [ROW] },
        { accountId: 2, appId: 0, rows: [FAILED, dear] },
      ]);
      await asPayer.review(proofOf(0, 0), 1, TEXT);
      await reviews.connect(stranger).review(proofOf(1, 1), 5, ethers.ZeroHash);
      expect(await sums()).to.deep.equal([2n, WEIGHT + 30_500n, WEIGHT + 5n * 30_500n]);
    });

    it("needs a row of one's own", async () => {
      const { reviews, stranger, payer, settle } = await reviewsFixture();
      const proofOf = await settle([ROW]);
      await expect(reviews.connect(stranger).review(proofOf(0), 1, TEXT))
        .to.be.revertedWithCustomError(reviews, "Reviews_NotOwner")
        .withArgs(stranger.address, payer.address);
    });

    it("lets nobody speak for an owner by opening an account for it", async () => {
      const economy = await reviewsFixture();
      const { reviews, escrow, payer, stranger, settle, sign } = economy;
      await escrow.connect(stranger).deposit(termsOf(economy, { signer: stranger.address }), tokens(1));
      const proofOf = await settle([ROW], 3);
      await expect(reviews.connect(stranger).review(proofOf(0), 1, TEXT))
        .to.be.revertedWithCustomError(reviews, "Reviews_NotOwner")
        .withArgs(stranger.address, payer.address);
      const deadline = (await time.latest()) + 1_000;
      const message = { accountId: 3, seq: 0, listingId: LISTING, rating: 1, textHash: TEXT, deadline };
      await expect(reviews.reviewFor(proofOf(0), 1, TEXT, deadline, await sign(stranger, message)))
        .to.be.revertedWithCustomError(reviews, "Reviews_InvalidSignature")
        .withArgs(payer.address);
    });

    it("takes 1 to 5", async () => {
      const { reviews, asPayer, settle } = await reviewsFixture();
      const proofOf = await settle([ROW]);
      for (const rating of [0, 6, 255])
        await expect(asPayer.review(proofOf(0), rating, TEXT))
          .to.be.revertedWithCustomError(reviews, "Reviews_BadRating")
          .withArgs(rating, 1, 5);
    });

    it("needs a row that succeeded and cost something", async () => {
      const { reviews, asPayer, registry, provider, settle } = await reviewsFixture();
      await registry.connect(provider).createOffer(1, 0, 0, 0, 0);
      const proofOf = await settle([FAILED, { ...ROW, offerId: 2 }]);
      for (const rowIndex of [0, 1])
        await expect(asPayer.review(proofOf(rowIndex), 5, TEXT))
          .to.be.revertedWithCustomError(reviews, "Reviews_NothingPaid")
          .withArgs(1, rowIndex);
    });

    it("rejects a proof with any part of it changed", async () => {
      const { asPayer, ledger, settleGroups } = await reviewsFixture();
      const groups = [1, 2].map((accountId) => ({ accountId, appId: 0, rows: [ROW, ROW] }));
      const proof = (await settleGroups(groups))(0, 0);
      const group = Uint8Array.from(proof.group as Uint8Array);
      group[group.length - 1]! ^= 1;
      for (const forged of [
        { ...proof, group },
        { ...proof, startSeq: 1 },
        { ...proof, shortfall: 1n },
        { ...proof, siblings: [] },
        { ...proof, operatorId: 2 },
      ])
        await expect(asPayer.review(forged, 5, TEXT)).to.be.revertedWithCustomError(
          ledger,
          "Ledger_WrongProof",
        );
      await expect(asPayer.review({ ...proof, rowIndex: 2 }, 5, TEXT)).to.be.revertedWithCustomError(
        ledger,
        "Ledger_RowOutOfRange",
      );
    });

    it("is refused to the listing's seller, as owner or as signer", async () => {
      const economy = await reviewsFixture();
      const { reviews, escrow, provider, payer, settle } = economy;
      const deposit = async (changes: Partial<Terms>) =>
        escrow.connect(payer).deposit(termsOf(economy, changes), tokens(1));
      await deposit({ owner: provider.address });
      await deposit({ signer: provider.address });
      for (const [accountId, reviewer] of [
        [3, provider],
        [4, payer],
      ] as const) {
        const proofOf = await settle([ROW], accountId);
        await expect(reviews.connect(reviewer).review(proofOf(0), 5, TEXT))
          .to.be.revertedWithCustomError(reviews, "Reviews_OwnListing")
          .withArgs(provider.address, LISTING);
      }
    });
  });

  describe("one per owner, listing and epoch (I-10)", () => {
    it("refuses a second, also of another account of the same owner", async () => {
      const economy = await reviewsFixture();
      const { reviews, escrow, asPayer, payer, settle, epoch, sums } = economy;
      await escrow.connect(payer).deposit(termsOf(economy, { maxAppFeePct: 1 }), tokens(1));
      const first = await settle([ROW, ROW]);
      const other = await settle([ROW], 3);
      await asPayer.review(first(0), 4, TEXT);
      for (const proof of [first(1), other(0)])
        await expect(asPayer.review(proof, 1, TEXT))
          .to.be.revertedWithCustomError(reviews, "Reviews_AlreadyReviewed")
          .withArgs(payer.address, LISTING, await epoch());
      expect(await sums()).to.deep.equal([1n, WEIGHT, 4n * WEIGHT]);
    });

    it("allows another in another epoch, with another row", async () => {
      const { reviews, asPayer, settle, sums } = await reviewsFixture();
      const proofOf = await settle([ROW, ROW]);
      await asPayer.review(proofOf(0), 4, TEXT);
      await time.increase(WINDOWS.epoch);
      await expect(asPayer.review(proofOf(0), 5, TEXT))
        .to.be.revertedWithCustomError(reviews, "Reviews_RowUsed")
        .withArgs(1, 0);
      expect(await sums()).to.deep.equal([0n, 0n, 0n]);
      await asPayer.review(proofOf(1), 5, TEXT);
      expect(await sums()).to.deep.equal([1n, WEIGHT, 5n * WEIGHT]);
    });

    it("allows one of another listing in the same epoch", async () => {
      const { asPayer, registry, appOwner, provider, token, holder, settle, sums } = await reviewsFixture();
      await token.connect(holder).transfer(appOwner, MIN_PROVIDER_STAKE);
      await token.connect(appOwner).approve(registry, MIN_PROVIDER_STAKE);
      await registry.connect(appOwner).registerProvider(provider, MIN_PROVIDER_STAKE);
      await registry.connect(appOwner).createListing(2, 1);
      await registry.connect(appOwner).createOffer(2, 2_000, 6_000, 10_000, 0);
      const proofOf = await settle([ROW, { ...ROW, offerId: 2 }]);
      await asPayer.review(proofOf(0), 2, TEXT);
      await asPayer.review(proofOf(1), 3, TEXT);
      expect(await sums(2)).to.deep.equal([1n, WEIGHT, 3n * WEIGHT]);
    });
  });

  describe("of an account that was short", () => {
    const ROWS = [ROW, ROW, FAILED, ROW];
    const DUE = 3n * PRICE;
    const APP_FEE = (DUE * 500n) / 10_000n;

    /** Account 3 has `balance`, and settles the rows through an app. */
    async function short(balance: bigint, appId: number, appFee: bigint) {
      const economy = await reviewsFixture();
      const { escrow, payer, registry, appOwner, settle } = economy;
      await registry.registerApp(appOwner, 600); // above what the account allows
      await escrow.connect(payer).deposit(termsOf(economy, { signer: economy.guardian.address }), balance);
      const proofOf = await settle(ROWS, 3, appId, DUE + appFee - balance);
      /** Wei that the row lacks; 0 when it may be reviewed. */
      const lacks = async (rowIndex: number) => {
        try {
          await economy.asPayer.review.staticCall(proofOf(rowIndex), 5, TEXT);
          return 0n;
        } catch (error) {
          const { data } = error as { data: string };
          return economy.reviews.interface.parseError(data)?.args["unpaid"] as bigint | undefined;
        }
      };
      return Promise.all([0, 1, 3].map(lacks));
    }

    it("leaves the last rows without, and the app before them", async () => {
      expect(await short(PRICE + PRICE / 2n, 1, APP_FEE)).to.deep.equal([0n, PRICE / 2n, PRICE]);
      expect(await short(DUE + 1n, 1, APP_FEE)).to.deep.equal([0n, 0n, 0n]);
      expect(await short(DUE, 1, APP_FEE)).to.deep.equal([0n, 0n, 0n]);
      expect(await short(DUE - 1n, 1, APP_FEE)).to.deep.equal([0n, 0n, 1n]);
    });

    it("counts no fee of an app that asked more than the account allows, and none without an app", async () => {
      for (const appId of [0, 2]) {
        expect(await short(2n * PRICE, appId, 0n)).to.deep.equal([0n, 0n, PRICE]);
        expect(await short(1n, appId, 0n)).to.deep.equal([PRICE - 1n, PRICE, PRICE]);
      }
    });

    it("names what the row lacks", async () => {
      const economy = await reviewsFixture();
      const { escrow, payer, settle, reviews, asPayer } = economy;
      const terms = termsOf(economy, { signer: economy.guardian.address });
      await escrow.connect(payer).deposit(terms, PRICE - 7n);
      const proofOf = await settle([ROW], 3, 0, 7n);
      await expect(asPayer.review(proofOf(0), 5, TEXT))
        .to.be.revertedWithCustomError(reviews, "Reviews_LeftUnpaid")
        .withArgs(3, 0, 7);
    });
  });

  describe("of a row that was given back, or that its provider settled", () => {
    /** Account 2 of the dispute world is somebody's who sells nothing. */
    async function payerWorld() {
      const world = await loadFixture(deployDisputeWorld);
      const { market, other } = world;
      const accountId = await market.openAccount(DEPOSIT, 20, 1, { owner: other.address });
      return { ...world, accountId, asPayer: market.reviews.connect(other) };
    }

    it("review with somebody else's row, or of a refunded one: is refused", async () => {
      const world = await payerWorld();
      const { market, accountId, challenger, other, asPayer } = world;
      const evidence = await cheat(world, { inputUnits: 103 });
      await expect(market.reviews.connect(challenger).review(evidence.proof, 5, TEXT))
        .to.be.revertedWithCustomError(market.reviews, "Reviews_NotOwner")
        .withArgs(challenger.address, other.address);
      await challenge(world, evidence);
      await expect(asPayer.review(evidence.proof, 1, TEXT))
        .to.be.revertedWithCustomError(market.reviews, "Reviews_Refunded")
        .withArgs(accountId, 0, 3n * LIST.inputPrice);
    });

    it("stands when a dispute gave nothing back", async () => {
      const world = await payerWorld();
      const evidence = await cheat(world, { timing: 99 });
      await challenge(world, evidence);
      await expect(world.asPayer.review(evidence.proof, 1, TEXT)).to.emit(world.market.reviews, "Reviewed");
    });

    it("is refused for a row that a batch only shows, for the provider had settled it", async () => {
      const world = await payerWorld();
      const { market, accountId, asPayer } = world;
      const { receipt, signature } = await signedReceipt(world);
      await time.increase(DISPUTE_WINDOWS.settle + 1);
      await market.disputes.selfSettle([receipt], [signature]);
      const { proofOf } = await settleAndProve(market, [{ accountId, appId: 0, rows: [served, served] }]);
      await expect(asPayer.review(proofOf(0, 0), 5, TEXT))
        .to.be.revertedWithCustomError(market.reviews, "Reviews_NothingPaid")
        .withArgs(accountId, 0);
      await asPayer.review(proofOf(0, 1), 5, TEXT);
    });
  });

  describe("reviewFor", () => {
    async function signedFixture() {
      const economy = await reviewsFixture();
      const { payer, sign, settle, reviews, stranger } = economy;
      const proofOf = await settle([ROW, ROW]);
      const deadline = (await time.latest()) + 1_000;
      const message = { accountId: 1, seq: 0, listingId: LISTING, rating: 4, textHash: TEXT, deadline };
      const signature = await sign(payer, message);
      const relay = async (proof = proofOf(0), rating = 4, text = TEXT, until = deadline, by = signature) =>
        reviews.connect(stranger).reviewFor(proof, rating, text, until, by);
      return { ...economy, proofOf, deadline, message, relay };
    }

    it("relays what the owner signed", async () => {
      const { reviews, payer, message, relay, sums, epoch } = await signedFixture();
      const { name, version, chainId, verifyingContract } = await reviews.eip712Domain();
      expect([name, version]).to.deep.equal(["AI1NET Reviews", "1"]);
      expect(await reviews.hashReview(1, 0, LISTING, 4, TEXT, message.deadline)).to.equal(
        ethers.TypedDataEncoder.hash({ name, version, chainId, verifyingContract }, REVIEW, message),
      );
      await expect(relay())
        .to.emit(reviews, "Reviewed")
        .withArgs(LISTING, payer.address, await epoch(), 1, 0, 4, WEIGHT, TEXT);
      expect(await sums()).to.deep.equal([1n, WEIGHT, 4n * WEIGHT]);
    });

    it("takes a signature once, whatever the epoch", async () => {
      const { reviews, sign, payer, message, relay, proofOf } = await signedFixture();
      const deadline = message.deadline + 10 * WINDOWS.epoch;
      const lasting = await sign(payer, { ...message, deadline });
      await relay(proofOf(0), 4, TEXT, deadline, lasting);
      await expect(relay(proofOf(0), 4, TEXT, deadline, lasting)).to.be.revertedWithCustomError(
        reviews,
        "Reviews_RowUsed",
      );
      await time.increase(WINDOWS.epoch);
      await expect(relay(proofOf(0), 4, TEXT, deadline, lasting)).to.be.revertedWithCustomError(
        reviews,
        "Reviews_RowUsed",
      );
    });

    it("lets nothing of it be bent, and nobody else sign", async () => {
      const { reviews, sign, stranger, payer, message, relay, proofOf, deadline } = await signedFixture();
      const forged = await sign(stranger, message);
      for (const attempt of [
        async () => relay(proofOf(1)),
        async () => relay(proofOf(0), 1),
        async () => relay(proofOf(0), 4, ethers.ZeroHash),
        async () => relay(proofOf(0), 4, TEXT, deadline + 1),
        async () => relay(proofOf(0), 4, TEXT, deadline, forged),
      ])
        await expect(attempt())
          .to.be.revertedWithCustomError(reviews, "Reviews_InvalidSignature")
          .withArgs(payer.address);
    });

    it("ends with its deadline", async () => {
      const { reviews, relay, deadline } = await signedFixture();
      await time.setNextBlockTimestamp(deadline + 1);
      await expect(relay())
        .to.be.revertedWithCustomError(reviews, "Reviews_Expired")
        .withArgs(deadline, deadline + 1);
    });

    it("is signed by contract wallets through ERC-1271", async () => {
      const economy = await signedFixture();
      const { reviews, escrow, payer, stranger, sign, settle, message, relay } = economy;
      const wallet = await ethers.deployContract("TestWallet", [payer.address]);
      const owner = await wallet.getAddress();
      await escrow.connect(stranger).deposit(termsOf(economy, { owner }), tokens(1));
      const proofOf = await settle([ROW], 3);
      const signature = await sign(payer, { ...message, accountId: 3 });
      await relay(proofOf(0), 4, TEXT, message.deadline, signature);
      expect(await reviews.isRowUsed(3, 0)).to.equal(true);
    });
  });
});
