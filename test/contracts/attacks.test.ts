/** Attacks that are no one contract's matter; contracts/README.md says where each of the others is shown. */
import { expect } from "chai";

import { encodeBatch, type Group, type Row } from "../../router/model/batch.ts";
import type { AI1NET } from "../../types/contracts/index.ts";
import { ethers, loadFixture, networkHelpers, time } from "./fixtures/chain.ts";
import {
  AMOUNT,
  challenge,
  cheat,
  DEPOSIT,
  deployDisputeWorld,
  failed,
  furnish,
  LIST,
  net,
  priceOf,
  REBATE,
  served,
  signedReceipt,
  withAppFee,
  type World,
} from "./fixtures/disputeWorld.ts";
import { settleGroups } from "./fixtures/evidence.ts";
import { BOND, Market, PENALTY, WINDOWS } from "./fixtures/market.ts";

const HOUR = 3_600;
const rows = (...of: Row[]): Row[] => of;

/** The dispute world with a second operator, of somebody else. */
async function deployRivals() {
  const world = await deployDisputeWorld();
  const { market, other } = world;
  await market.token.transfer(other, 2n * BOND);
  await market.token.connect(other).approve(market.registry, ethers.MaxUint256);
  await market.registry.connect(other).registerOperator(other, other, other, BOND);
  const rivals = await market.openAccount(DEPOSIT, 20, 2);
  /** Settles a batch as the rival. */
  const settleAsRival = async (groups: readonly Group[], operatorId = 2) => {
    const batchNo = Number(await market.ledger.nextBatchNo(operatorId));
    const { bytes } = encodeBatch({ ...(await market.batch([...groups])), batchNo });
    return market.ledger.connect(other).settle(operatorId, bytes);
  };
  return { ...world, rivals, settleAsRival };
}

describe("attacks", () => {
  it("replayed batch, and the same bytes mined twice after a reorg: settle once, on either branch", async () => {
    const { market, accountId } = await loadFixture(deployRivals);
    const { bytes } = encodeBatch(await market.batch([{ accountId, appId: 0, rows: [served] }]));
    const expectReplayRefused = async () =>
      expect(market.settle(bytes))
        .to.be.revertedWithCustomError(market.ledger, "Ledger_BadBatchNo")
        .withArgs(0, 1);
    const beforeFork = await networkHelpers.takeSnapshot();
    await market.settle(bytes);
    const commitment = await market.ledger.commitmentOf(1, 0);
    await expectReplayRefused();
    // The block is lost, and the router sends the very same bytes again, twice, to be sure.
    await beforeFork.restore();
    expect(await market.ledger.nextBatchNo(1)).to.equal(0n);
    await market.settle(bytes);
    await expectReplayRefused();
    expect(await market.ledger.commitmentOf(1, 0)).to.equal(commitment);
    expect((await market.escrow.account(accountId)).balance).to.equal(DEPOSIT - AMOUNT);
  });

  it("batch from another operator: refused for who sends it, and for whose account it charges", async () => {
    const { market, accountId, other, settleAsRival } = await loadFixture(deployRivals);
    const group = { accountId, appId: 0, rows: [served] };
    await expect(settleAsRival([group], 1))
      .to.be.revertedWithCustomError(market.registry, "Registry_NotSettler")
      .withArgs(1, other.address);
    await expect(settleAsRival([group], 2))
      .to.be.revertedWithCustomError(market.escrow, "Escrow_ForeignAccount")
      .withArgs(accountId, 1, 2);
    expect((await market.escrow.account(accountId)).nextSeq).to.equal(0n);
  });

  it("account of another operator: one foreign group undoes the whole batch", async () => {
    const { market, accountId, rivals } = await loadFixture(deployRivals);
    const groups = [
      { accountId, appId: 0, rows: [served] },
      { accountId: rivals, appId: 0, rows: [served] },
    ];
    await expect(market.settle(await market.batch(groups)))
      .to.be.revertedWithCustomError(market.escrow, "Escrow_ForeignAccount")
      .withArgs(rivals, 2, 1);
    for (const id of [accountId, rivals]) {
      const { balance, nextSeq } = await market.escrow.account(id);
      expect([balance, nextSeq]).to.deep.equal([DEPOSIT, 0n]);
    }
    expect(await market.ledger.nextBatchNo(1)).to.equal(0n);
  });

  it("a provider that lists cheaper and retires at once: serves at that price for its notice and grace, and no router is trapped", async () => {
    const { market, accountId } = await loadFixture(deployRivals);
    const { registry } = market;
    const bait = await market.addOffer(
      { inputPrice: 1n, outputPrice: 1n, requestPrice: 1n },
      { listingId: 1, providerId: 1 },
    );
    const now = await market.now();
    await expect(registry.retireOffer(bait.offerId, now + HOUR)).to.be.revertedWithCustomError(
      registry,
      "Registry_NoticeTooShort",
    );
    const retiresAt = now + HOUR + 10;
    await registry.retireOffer(bait.offerId, retiresAt);
    await expect(registry.retireOffer(bait.offerId, retiresAt + 1)).to.be.revertedWithCustomError(
      registry,
      "Registry_AlreadyRetired",
    );
    // Served in the last second at which it could be, and settled long after.
    const last = retiresAt + WINDOWS.grace;
    await time.increaseTo(last + 5 * HOUR);
    const span = (at: number) => ({ servedFromSec: at, servedToSec: at });
    const group = { accountId, appId: 0, rows: rows({ ...served, offerId: bait.offerId }) };
    await expect(market.settle(await market.batch([group], span(last + 1)))).to.be.revertedWithCustomError(
      registry,
      "Registry_OfferNotBillable",
    );
    await market.settle(await market.batch([group], span(last)));
    expect((await market.escrow.account(accountId)).balance).to.equal(DEPOSIT - 151n);
    // And the list that it undercut prices as ever, in the same span.
    await market.settle(await market.batch([{ accountId, appId: 0, rows: [served] }], span(last)));
    expect((await market.escrow.account(accountId)).balance).to.equal(DEPOSIT - 151n - AMOUNT);
  });

  it("exit racing a batch: what was served before is charged first, and what is served after is the router's own loss", async () => {
    const { market, accountId } = await loadFixture(deployRivals);
    const { escrow, owner, disputes } = market;
    const servedAt = await market.now();
    // Leaves as soon as it was served, with everything.
    await escrow.requestExit(accountId, DEPOSIT);
    const { readyAt } = await escrow.exitOf(accountId);
    // A pause keeps the router from settling for as long as a guardian can, and it takes its whole window besides.
    await market.ledger.pause(WINDOWS.maxPause);
    const latest = Number(await disputes.settleBy(servedAt));
    expect(latest).to.be.lessThan(Number(readyAt));
    await time.increaseTo(latest - 1);
    const span = { servedFromSec: servedAt, servedToSec: servedAt };
    await market.settle(await market.batch([{ accountId, appId: 0, rows: [served] }], span));
    await time.increaseTo(readyAt);
    await expect(escrow.withdraw(accountId, owner))
      .to.emit(escrow, "Withdrawn")
      .withArgs(accountId, owner.address, DEPOSIT - AMOUNT);
    // A router that went on serving a payer that was leaving finds nothing: the batch settles, and its bond owes.
    const late = await market.settle(await market.batch([{ accountId, appId: 0, rows: [served] }]));
    await expect(late)
      .to.emit(market.ledger, "ShortfallRecorded")
      .withArgs(1, 1, accountId, AMOUNT - REBATE);
    expect(await disputes.openClaims(1)).to.equal(net(AMOUNT - REBATE));
  });

  it("an app stamped on an account that never consented: is paid nothing, and the stamp is evidence", async () => {
    const world = await loadFixture(deployRivals);
    const { market } = world;
    const accountId = await market.openAccount(DEPOSIT, 0);
    const evidence = await cheat({ ...world, accountId }, { appId: 1 });
    expect((await market.escrow.account(accountId)).balance).to.equal(DEPOSIT - AMOUNT);
    expect(await market.escrow.pending(1, 1)).to.equal(0n);
    await expect(challenge(world, evidence)).to.emit(market.registry, "Slashed");
    // One that allows apps up to 5 % gives a dearer one nothing, rather than 5 %.
    const dear = await market.addApp(501);
    const allowed = await market.openAccount(DEPOSIT, 5);
    await market.registry.addBond(1, BOND);
    await market.settle(await market.batch([{ accountId: allowed, appId: dear.appId, rows: [served] }]));
    expect(await market.escrow.pending(1, dear.appId)).to.equal(0n);
    expect((await market.escrow.account(allowed)).balance).to.equal(DEPOSIT - AMOUNT);
  });

  it("failed rows invented against a competitor: count with the operator that invents them, and nowhere else", async () => {
    const { market, accountId, rivals, settleAsRival } = await loadFixture(deployRivals);
    const { ledger, rewards } = market;
    await settleAsRival([{ accountId: rivals, appId: 0, rows: [served, served] }]);
    const epoch = await ledger.epochAt(await market.now());
    const honest = await rewards.score(2, epoch, 1);
    // Operator 1 smears the listing, as much as a batch holds.
    const smear = Array.from({ length: 2_000 }, () => failed);
    await market.settle(await market.batch([{ accountId, appId: 0, rows: smear }]));
    expect((await ledger.metrics(epoch, 1, 1)).failures).to.equal(2_000n);
    expect((await ledger.metrics(epoch, 2, 1)).failures).to.equal(0n);
    expect(await rewards.score(2, epoch, 1)).to.deep.equal(honest);
    expect(await rewards.providerReward(1, epoch, 1)).to.deep.equal([0n, 0n]);
    // Its own payer is not charged for it either.
    expect((await market.escrow.account(accountId)).balance).to.equal(DEPOSIT);
  });

  it("relisting to launder a bad record: neither a new price nor a new listing gives a provider a fresh start", async () => {
    const { market, accountId } = await loadFixture(deployRivals);
    const { registry, ledger, rewards } = market;
    const bad = [served, ...Array.from({ length: 50 }, () => failed)];
    await market.settle(await market.batch([{ accountId, appId: 0, rows: bad }]));
    const epoch = await ledger.epochAt(await market.now());
    const before = await ledger.metrics(epoch, 1, 1);
    const score = await rewards.score(1, epoch, 1);
    // The same model again is refused; a new price list is the same listing's.
    const { modelId } = await registry.listing(1);
    await expect(registry.createListing(1, modelId))
      .to.be.revertedWithCustomError(registry, "Registry_ListingExists")
      .withArgs(1, modelId, 1);
    const cheaper = await market.addOffer({ ...LIST, requestPrice: 1n }, { listingId: 1, providerId: 1 });
    expect(await rewards.score(1, epoch, 1)).to.deep.equal(score);
    await market.settle(
      await market.batch([{ accountId, appId: 0, rows: rows({ ...served, offerId: cheaper.offerId }) }]),
    );
    const after = await ledger.metrics(epoch, 1, 1);
    expect([after.failures, after.requests]).to.deep.equal([before.failures, before.requests + 1n]);
    // A new provider, with a stake of its own, has earned nothing for which a score could count.
    const fresh = await market.addListing();
    expect(await rewards.providerReward(1, epoch, fresh.listingId)).to.deep.equal([0n, 0n]);
  });

  it("reward claim twice, or before a reversal: claims open when no row can be reversed any more, and pay once", async () => {
    const world = await loadFixture(deployRivals);
    const { market, accountId, challenger } = world;
    const { ledger, rewards } = market;
    const epoch = await ledger.epochAt(await market.now());
    await settleGroups(market, [{ accountId, appId: 0, rows: [served] }]);
    const evidence = await cheat(world, { inputUnits: 9_000 });
    const claim = async () => rewards.connect(challenger).claimProvider(1, epoch, 1);
    const opensAt = await rewards.claimsOpenAt(epoch);
    await expect(claim()).to.be.revertedWithCustomError(rewards, "Rewards_NotOpen");
    const [base] = await rewards.providerReward(1, epoch, 1);
    await challenge(world, evidence);
    const [reversed] = await rewards.providerReward(1, epoch, 1);
    expect(reversed).to.be.lessThan(base);
    // The last batch of the epoch can be challenged in the two buckets that follow, and that decided in one more.
    expect(opensAt).to.be.at.least((epoch + 1n) * BigInt(WINDOWS.epoch) + 2n * BigInt(WINDOWS.challenge));
    await time.increaseTo(opensAt - 2n);
    expect(await ledger.firstOpenBatch(1)).to.equal(2n);
    await time.setNextBlockTimestamp(opensAt - 1n);
    await expect(claim())
      .to.be.revertedWithCustomError(rewards, "Rewards_NotOpen")
      .withArgs(opensAt, opensAt - 1n);
    const { payee } = await market.registry.getFunction("provider")(1);
    const held = await market.token.balanceOf(payee);
    await time.setNextBlockTimestamp(opensAt);
    await claim();
    expect((await market.token.balanceOf(payee)) - held).to.be.at.least(reversed);
    await expect(claim())
      .to.be.revertedWithCustomError(rewards, "Rewards_AlreadyClaimed")
      .withArgs(1, epoch, 1);
  });

  it("stake withdrawal with a dispute open: the bond stays until the last dispute about its last row is decided and paid", async () => {
    const world = await loadFixture(deployRivals);
    const { market, challenger } = world;
    const { registry, disputes, owner, token } = market;
    const [, , , , signer] = await ethers.getSigners();
    const terms = { signer: signer?.address ?? "", strict: true };
    const accountId = await market.openAccount(DEPOSIT, 20, 1, terms);
    const strict: World = { ...world, accountId };
    const challenges = await market.challenges();
    await token.transfer(challenger, PENALTY);
    await token.connect(challenger).approve(challenges, PENALTY);
    // The operator leaves, and settles its last row as late as it may.
    const servedAt = await market.now();
    await registry.requestUnbond(1, BOND);
    const { readyAt } = (await registry.operator(1)).bond;
    await time.increase(WINDOWS.settle + WINDOWS.maxPause - 60);
    const evidence = await cheat(strict, {}, {}, { servedFromSec: servedAt, servedToSec: servedAt });
    // Somebody asks for the authorization at the last moment, and has to wait for the answer.
    const bucket = Math.floor((await market.now()) / WINDOWS.challenge);
    await time.setNextBlockTimestamp((bucket + 2) * WINDOWS.challenge - 1);
    await challenges.connect(challenger).challengeAuthorization(evidence.proof);
    const { answerBy } = await challenges.challenge(accountId, 0);
    expect(answerBy).to.be.lessThan(readyAt);
    await expect(registry.withdrawBond(1, owner)).to.be.revertedWithCustomError(
      registry,
      "Registry_NotUnbonded",
    );
    await time.increaseTo(answerBy);
    await challenges.resolve(accountId, 0);
    expect(await disputes.openClaims(1)).to.equal(AMOUNT);
    // It leaves without what the payer claims.
    await time.increaseTo((await registry.operator(1)).bond.readyAt);
    await expect(registry.withdrawBond(1, owner))
      .to.emit(registry, "Unbonded")
      .withArgs(true, 1, BOND - PENALTY - AMOUNT, owner.address);
    const claimedIn = Math.floor(Number(answerBy + 1n) / WINDOWS.challenge);
    await time.increaseTo((claimedIn + 1) * WINDOWS.challenge + WINDOWS.unbonding);
    await expect(disputes.connect(challenger).collect(1, 0, accountId, claimedIn))
      .to.emit(market.escrow, "Refunded")
      .withArgs(accountId, AMOUNT);
  });

  it("reentrancy: a token that calls back during a claim, a sweep, an exit or a withdrawal finds nothing to take twice", async () => {
    const [first] = await ethers.getSigners();
    const token = await ethers.deployContract("CallbackToken", [first]);
    const { market, accountId } = await furnish(await Market.deployOn(ethers, token as unknown as AI1NET));
    const { escrow, registry, owner } = market;
    await market.settle(await market.batch([{ accountId, appId: 1, rows: [served] }]));
    await time.increase(3 * WINDOWS.challenge);
    const claim = escrow.interface.encodeFunctionData("claim", [0, 1]);
    await token.arm(escrow, claim);
    await escrow.claim(0, 1);
    expect([await token.succeeded(), await token.failed()]).to.deep.equal([0n, 1n]);
    expect(escrow.interface.parseError(await token.reason())?.name).to.equal("Escrow_NothingToClaim");
    expect((await escrow.earnings(0, 1)).claimed).to.equal(net(AMOUNT));

    // A sweep within the sweep has nothing to sweep.
    const terms = await escrow.termsOf(accountId);
    const { owner: of, operatorId, signer, strict, maxAppFeePct } = terms;
    const plain = { owner: of, operatorId, signer, strict, maxAppFeePct };
    await token.arm(ethers.ZeroAddress, "0x");
    await token.transfer(await escrow.depositAddress(plain), 5n);
    await token.arm(escrow, escrow.interface.encodeFunctionData("sweep", [plain]));
    const { balance } = await escrow.account(accountId);
    await escrow.sweep(plain);
    expect((await escrow.account(accountId)).balance).to.equal(balance + 5n);

    // During an exit and a withdrawal of the bond, anyone's claim works, and takes no more than its own.
    await escrow.requestExit(accountId, 7n);
    await registry.requestUnbond(1, BOND);
    await time.increase(WINDOWS.unbonding);
    await token.arm(escrow, escrow.interface.encodeFunctionData("claim", [1, 1]));
    await escrow.withdraw(accountId, owner);
    expect(await token.succeeded()).to.equal(1n);
    expect(await escrow.owed()).to.equal(await token.balanceOf(escrow));
    await token.arm(escrow, escrow.interface.encodeFunctionData("claim", [2, 1]));
    await registry.withdrawBond(1, owner);
    expect(await token.succeeded()).to.equal(2n);
    expect(await escrow.owed()).to.equal(await token.balanceOf(escrow));
    expect((await registry.operator(1)).bond.unbonding).to.equal(0n);
  });

  it("receipt replay in selfSettle, and a later batch over a self-settled row: the payer pays once", async () => {
    const world = await loadFixture(deployRivals);
    const { market, accountId } = world;
    const { receipt, signature } = await signedReceipt(world, { appId: 1 });
    await time.increase(WINDOWS.settle + 1);
    await market.disputes.selfSettle([receipt], [signature]);
    await expect(market.disputes.selfSettle([receipt], [signature])).to.be.revertedWithCustomError(
      market.disputes,
      "Disputes_AlreadyPaid",
    );
    await market.settle(await market.batch([{ accountId, appId: 1, rows: [served] }]));
    await expect(market.disputes.selfSettle([receipt], [signature])).to.be.revertedWithCustomError(
      market.disputes,
      "Disputes_AlreadyPaid",
    );
    const { balance, nextSeq } = await market.escrow.account(accountId);
    expect([balance, nextSeq]).to.deep.equal([DEPOSIT - withAppFee(AMOUNT), 1n]);
    expect(await market.escrow.pending(0, 1)).to.equal(net(AMOUNT));
    expect(priceOf(served)).to.equal(AMOUNT);
  });
});
