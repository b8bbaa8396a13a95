/** An operator's own signatures against it: what is shown, what it costs, and who gets what. */
import { expect } from "chai";
import type { ContractTransactionResponse } from "ethers";

import type { Batch, Group, Row } from "../../router/model/batch.ts";
import type { AI1NET, ILedger } from "../../types/contracts/index.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import {
  disputesSignerOf,
  malleated,
  moved,
  positions,
  settleGroups,
  signReceipt,
  SINK,
  stranger,
  type TestReceipt,
} from "./fixtures/evidence.ts";
import { BOND, Market, PENALTY, PROTOCOL_FEE_BPS, WINDOWS } from "./fixtures/market.ts";

const TOKEN = 10n ** 18n;
const DEPOSIT = 500n * TOKEN;
const LIST = { inputPrice: 10n ** 15n, outputPrice: 2n * 10n ** 15n, requestPrice: 10n ** 16n };
const DEARER = { inputPrice: 10n ** 16n, outputPrice: 2n * 10n ** 16n, requestPrice: 10n ** 17n };
const APP_FEE_BPS = 500n;
const HALF = PENALTY / 2n;

const priceOf = (row: Pick<Row, "inputUnits" | "outputUnits">, list = LIST): bigint =>
  BigInt(row.inputUnits) * list.inputPrice + BigInt(row.outputUnits) * list.outputPrice + list.requestPrice;
const net = (wei: bigint): bigint => wei - (wei * PROTOCOL_FEE_BPS) / 10_000n;
const withAppFee = (wei: bigint): bigint => wei + (wei * APP_FEE_BPS) / 10_000n;

describe("Disputes", () => {
  /** Offers 1 and 3 are provider 1's, offer 2, dearer, is provider 2's; app 1 takes 5 %; account 1 pays. */
  async function deployMarket() {
    const market = await Market.deploy(ethers);
    return furnish(market);
  }

  async function furnish(market: Market) {
    const first = await market.addOffer(LIST);
    await market.addOffer(DEARER);
    await market.addOffer(DEARER, first);
    await market.addApp(Number(APP_FEE_BPS));
    const accountId = await market.openAccount(DEPOSIT);
    const [, , challenger, other] = await ethers.getSigners();
    if (challenger === undefined || other === undefined) throw new Error("the chain has too few signers");
    await time.increase(WINDOWS.challenge);
    return { market, accountId, challenger, other };
  }

  const served: Row = { offerId: 1, inputUnits: 100, outputUnits: 50, timing: 100 };
  const AMOUNT = priceOf(served);

  type World = Awaited<ReturnType<typeof deployMarket>>;

  async function receiptOf({ market, accountId }: World, changes: Partial<TestReceipt> = {}) {
    const receipt: TestReceipt = {
      operatorId: 1,
      accountId,
      seq: Number((await market.escrow.account(accountId)).nextSeq),
      ...served,
      appId: 0,
      amount: AMOUNT,
      requestHash: ethers.id("request"),
      responseHash: ethers.id("response"),
      servedAt: await market.now(),
      ...changes,
    };
    return receipt;
  }

  /** Signs a receipt for `served`, or something else, and settles `row` for it. */
  async function cheat(
    world: World,
    row: Partial<Row> & { appId?: number } = {},
    signed: Partial<TestReceipt> = {},
    batch: Partial<Batch> = {},
  ) {
    const { appId = 0, ...rest } = row;
    const receipt = await receiptOf(world, signed);
    const signature = await signReceipt(world.market, receipt);
    const groups: Group[] = [{ accountId: world.accountId, appId, rows: [{ ...served, ...rest }] }];
    const { proofOf } = await settleGroups(world.market, groups, batch);
    return { receipt, signature, proof: proofOf(0, 0) };
  }

  interface RowEvidence {
    readonly receipt: TestReceipt;
    readonly signature: string;
    readonly proof: ILedger.RowProofStruct;
  }

  const challenge = async (
    { market, challenger }: World,
    { receipt, signature, proof }: RowEvidence,
  ): Promise<ContractTransactionResponse> =>
    market.disputes.connect(challenger).challengeRow(receipt, signature, proof);

  /** What a transaction moved, every wei of it accounted for. */
  async function effect(
    { market, challenger, accountId }: World,
    act: () => Promise<ContractTransactionResponse>,
  ) {
    const before = await positions(market, challenger, accountId);
    await (await act()).wait();
    const after = await positions(market, challenger, accountId);
    return { before, after, delta: moved(before, after) };
  }

  async function expectRefused(
    world: World,
    evidence: RowEvidence,
    error: string,
    args?: readonly unknown[],
  ): Promise<void> {
    const refused = expect(challenge(world, evidence)).to.be.revertedWithCustomError(
      world.market.disputes,
      error,
    );
    await (args === undefined ? refused : refused.withArgs(...args));
  }

  describe("constructor", () => {
    it("is wired to contracts that answer to it, with a penalty within its range", async () => {
      const { market } = await loadFixture(deployMarket);
      const { disputes, registry, escrow, ledger } = market;
      expect(await disputes.penalty()).to.equal(PENALTY);
      expect([await disputes.registry(), await disputes.escrow(), await disputes.ledger()]).to.deep.equal([
        registry.target,
        escrow.target,
        ledger.target,
      ]);
      const factory = await ethers.getContractFactory("Disputes");
      await expect(factory.deploy(registry, escrow, ledger, PENALTY))
        .to.be.revertedWithCustomError(disputes, "Disputes_Miswired")
        .withArgs(registry.target);
      await expect(
        factory.deploy(registry, escrow, ethers.ZeroAddress, PENALTY),
      ).to.be.revertedWithCustomError(disputes, "Disputes_ZeroAddress");
    });

    it("alone may slash, refund and compensate", async () => {
      const { market, challenger } = await loadFixture(deployMarket);
      const { registry, escrow } = market;
      await expect(registry.connect(challenger).slash(1, 1))
        .to.be.revertedWithCustomError(registry, "Registry_NotDisputes")
        .withArgs(challenger.address);
      for (const call of [
        escrow.connect(challenger).refund(1, 1),
        escrow.connect(challenger).compensate(1, 1),
      ])
        // oxlint-disable-next-line no-await-in-loop
        await expect(call)
          .to.be.revertedWithCustomError(escrow, "Escrow_NotDisputes")
          .withArgs(challenger.address);
    });
  });

  describe("challengeRow, a row that is not what was signed", () => {
    it("gives the payer of an overcharged row back what it took too much", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { inputUnits: 9_000 });
      const refund = 8_900n * LIST.inputPrice;
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({
        bond: -(refund + PENALTY),
        account: refund,
        provider1: 0n,
        challenger: HALF,
        sink: HALF,
        debt: 0n,
      });
    });

    it("says what it paid for which evidence", async () => {
      const world = await loadFixture(deployMarket);
      const { market, challenger, accountId } = world;
      const evidence = await cheat(world, { inputUnits: 101 });
      const digest = await market.ledger.hashReceipt(evidence.receipt);
      const refund = LIST.inputPrice;
      await expect(challenge(world, evidence))
        .to.emit(market.disputes, "EvidencePaid")
        .withArgs(1, accountId, challenger.address, 0, 0, digest, 0, refund, 0, PENALTY, HALF)
        .and.to.emit(market.escrow, "Refunded")
        .withArgs(accountId, refund)
        .and.to.emit(market.registry, "Slashed");
      expect(await market.disputes.isUsed(digest)).to.equal(true);
      const { refunded, penalized, equivocated } = await market.disputes.judgement(1, accountId, 0);
      expect([refunded, penalized, equivocated]).to.deep.equal([refund, true, false]);
    });

    it("other units: an undercharged row costs the bond what its provider lacks, net of the fee", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const evidence = await cheat(world, { outputUnits: 20 });
      const lacks = net(30n * LIST.outputPrice);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -(lacks + PENALTY), account: 0n, provider1: lacks });
      await expect(market.escrow.claim(0, 2)).to.be.revertedWithCustomError(
        market.escrow,
        "Escrow_NothingToClaim",
      );
    });

    it("other offer: the provider that served is paid from the bond, the payer gets the difference", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { offerId: 2 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      const refund = priceOf(served, DEARER) - AMOUNT;
      expect(delta).to.deep.include({ account: refund, provider1: net(AMOUNT), provider2: 0n });
    });

    it("other offer of one provider: what it got is set off", async () => {
      const world = await loadFixture(deployMarket);
      const signed = { offerId: 3, amount: priceOf(served, DEARER) };
      const evidence = await cheat(world, {}, signed);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ account: 0n, provider1: net(signed.amount - AMOUNT) });
    });

    it("changed app: the payer gets a fee back that it did not agree to", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { appId: 1 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.account).to.equal(withAppFee(AMOUNT) - AMOUNT);
      expect(delta.bond).to.equal(-(delta.account + PENALTY));
    });

    it("other timing, nobody harmed: the penalty alone", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { timing: 99 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, account: 0n, provider1: 0n });
    });

    it("a failed attempt that was charged is refunded whole", async () => {
      const world = await loadFixture(deployMarket);
      const failed = { inputUnits: 0, outputUnits: 0, timing: 0, amount: 0n };
      const evidence = await cheat(world, { appId: 1 }, failed);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.account).to.equal(withAppFee(AMOUNT));
    });

    it("an amount that is not the list's price: neither side gains by it", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, {}, { amount: AMOUNT * 1_000n });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ bond: -PENALTY, account: 0n, provider1: 0n });
    });

    it("receipt outside the span, by a second on either side; the boundary itself is inside", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      for (const [offset, outside] of [
        [-1, true],
        [0, false],
        [60, false],
        [61, true],
      ] as const) {
        await time.increase(3_600);
        const servedFromSec = (await market.now()) - 100;
        const span = { servedFromSec, servedToSec: servedFromSec + 60 };
        const evidence = await cheat(world, {}, { servedAt: servedFromSec + offset }, span);
        if (outside) {
          await market.registry.addBond(1, BOND);
          const { delta } = await effect(world, async () => challenge(world, evidence));
          expect(delta).to.deep.include({ bond: -PENALTY, account: 0n, provider1: 0n });
        } else await expectRefused(world, evidence, "Disputes_SettledAsSigned");
      }
    });

    it("offer not billable when served: the receipt is worth nothing, the row is refunded whole", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, {}, { servedAt: 1 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta).to.deep.include({ account: AMOUNT, provider1: 0n });
    });

    it("a retired offer prices what it served until its grace has passed", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const retiresAt = (await market.now()) + 2 * 3_600;
      await market.registry.retireOffer(1, retiresAt);
      await time.increaseTo(retiresAt + WINDOWS.grace + 60);
      const last = { servedFromSec: retiresAt + WINDOWS.grace, servedToSec: retiresAt + WINDOWS.grace };
      const inTime = await cheat(world, {}, { servedAt: last.servedToSec }, last);
      await expectRefused(world, inTime, "Disputes_SettledAsSigned");
      const late = await cheat(world, {}, { servedAt: last.servedToSec + 1 }, last);
      const { delta } = await effect(world, async () => challenge(world, late));
      expect(delta.account).to.equal(AMOUNT);
    });

    it("of a short account: gives back no more than the row took, app fee and all", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const rows = [served, { ...served, inputUnits: 400 }, served];
      const [cheap, dear] = [AMOUNT, priceOf({ inputUnits: 400, outputUnits: 50 })];
      // The app goes without, and so does the last row; the second is paid but for 7 wei.
      const poor = await market.openAccount(cheap + dear - 7n);
      const { proofOf, shortOf } = await settleGroups(market, [
        { accountId: world.accountId, appId: 0, rows: [served] },
        { accountId: poor, appId: 1, rows },
      ]);
      expect(shortOf(1)).to.equal(withAppFee(2n * cheap + dear) - (cheap + dear - 7n));
      const poorWorld = { ...world, accountId: poor };
      for (const [rowIndex, refund] of [
        [0, cheap],
        [1, dear - 7n],
      ] as const) {
        const receipt = await receiptOf(poorWorld, {
          seq: rowIndex,
          appId: 1,
          inputUnits: 0,
          outputUnits: 0,
          timing: 0,
          amount: 0n,
        });
        const evidence = {
          receipt,
          signature: await signReceipt(market, receipt),
          proof: proofOf(1, rowIndex),
        };
        const { delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
        expect(delta.account).to.equal(refund);
      }
      const receipt = await receiptOf(poorWorld, { seq: 2, appId: 1, timing: 99 });
      const evidence = { receipt, signature: await signReceipt(market, receipt), proof: proofOf(1, 2) };
      const { delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
      expect(delta.account).to.equal(0n);
    });

    it("of a short account whose app got a part: shares that part by amount", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const due = withAppFee(3n * AMOUNT);
      const lacking = (due - 3n * AMOUNT) / 2n;
      const poor = await market.openAccount(due - lacking);
      const { proofOf } = await settleGroups(market, [
        { accountId: poor, appId: 1, rows: [served, served, served] },
      ]);
      const poorWorld = { ...world, accountId: poor };
      const receipt = await receiptOf(poorWorld, { seq: 1, appId: 1, timing: 0, amount: 0n });
      const evidence = { receipt, signature: await signReceipt(market, receipt), proof: proofOf(0, 1) };
      const { delta } = await effect(poorWorld, async () => challenge(poorWorld, evidence));
      expect(delta.account).to.equal(AMOUNT + (due - 3n * AMOUNT - lacking) / 3n);
    });
  });

  describe("challengeRow, an honest operator (I-15)", () => {
    it("is never slashed for what it settled as signed: paid, short and failed rows, with and without an app", async () => {
      const world = await loadFixture(deployMarket);
      const { market, accountId } = world;
      const poor = await market.openAccount(AMOUNT + 1n);
      const failed: Row = { ...served, inputUnits: 0, outputUnits: 0, timing: 0 };
      const groups: Group[] = [
        { accountId, appId: 0, rows: [served, failed] },
        { accountId: poor, appId: 1, rows: [served, failed, served] },
      ];
      const { batch, proofOf, shortOf } = await settleGroups(market, groups);
      expect(shortOf(1)).to.not.equal(0n);
      for (const [i, group] of groups.entries())
        for (const [seq, row] of group.rows.entries()) {
          const receipt = await receiptOf(world, {
            ...row,
            accountId: group.accountId,
            appId: group.appId,
            seq,
            amount: row.timing === 0 ? 0n : AMOUNT,
            servedAt: batch.servedFromSec,
          });
          const signature = await signReceipt(market, receipt);
          await expectRefused(
            world,
            { receipt, signature, proof: proofOf(i, seq) },
            "Disputes_SettledAsSigned",
            [await market.ledger.hashReceipt(receipt)],
          );
          // Signing it again gives the same receipt: no equivocation.
          await expect(
            market.disputes.challengeEquivocation(receipt, signature, receipt, signature),
          ).to.be.revertedWithCustomError(market.disputes, "Disputes_SameReceipt");
        }
    });

    it("is not slashed by the receipt of another row, account or sequence number", async () => {
      const world = await loadFixture(deployMarket);
      const { proof } = await cheat(world);
      for (const changes of [{ seq: 7 }, { accountId: 2 }, { operatorId: 1, seq: 1 }]) {
        const receipt = await receiptOf(world, changes);
        const signature = await signReceipt(world.market, receipt);
        await expectRefused(world, { receipt, signature, proof }, "Disputes_OtherRow", [
          1,
          world.accountId,
          0,
        ]);
      }
    });

    it("is not slashed by a proof of a row that was never settled", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { inputUnits: 101 });
      const proof = { ...evidence.proof, startSeq: 1 };
      await expect(challenge(world, { ...evidence, proof })).to.be.revertedWithCustomError(
        world.market.ledger,
        "Ledger_WrongProof",
      );
    });

    it("is not bound by a key of another operator, nor by anybody's", async () => {
      const world = await loadFixture(deployMarket);
      const { market, other } = world;
      const evidence = await cheat(world, { inputUnits: 101 });
      const digest = await market.ledger.hashReceipt(evidence.receipt);
      const byStranger = await signReceipt(market, evidence.receipt, stranger);
      await expectRefused(world, { ...evidence, signature: byStranger }, "Disputes_NotSigned", [
        digest,
        stranger.address,
      ]);
      await market.registry.registerOperator(other, other, other, BOND);
      const byRival = await signReceipt(market, evidence.receipt, other);
      await expectRefused(world, { ...evidence, signature: byRival }, "Disputes_NotSigned", [
        digest,
        other.address,
      ]);
      // Nobody's key has operator 0.
      const nobodys = { ...evidence.receipt, operatorId: 0 };
      const signature = await signReceipt(market, nobodys, stranger);
      await expectRefused(world, { ...evidence, receipt: nobodys, signature }, "Disputes_NotSigned");
    });

    it("is not bound by malleated, zero or broken signatures", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { inputUnits: 101 });
      for (const signature of [
        malleated(evidence.signature),
        `0x${"00".repeat(65)}`,
        "0x",
        evidence.signature.slice(0, -2),
        `${evidence.signature.slice(0, -2)}00`,
      ])
        await expectRefused(world, { ...evidence, signature }, "Disputes_NotSigned", [
          await world.market.ledger.hashReceipt(evidence.receipt),
          ethers.ZeroAddress,
        ]);
    });

    it("is not bound by what it signed for another chain or another Ledger", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { inputUnits: 101 });
      for (const domain of [{ chainId: 1n }, { verifyingContract: SINK }]) {
        const signature = await signReceipt(world.market, evidence.receipt, world.market.settler, domain);
        await expectRefused(world, { ...evidence, signature }, "Disputes_NotSigned");
      }
    });
  });

  describe("challengeEquivocation", () => {
    async function twoReceipts(world: World, changes: Partial<TestReceipt> = {}) {
      const a = await receiptOf(world);
      const b = { ...a, responseHash: ethers.id("another response"), ...changes };
      return { a, b, sigA: await signReceipt(world.market, a), sigB: await signReceipt(world.market, b) };
    }

    type Two = Awaited<ReturnType<typeof twoReceipts>>;
    const equivocate = async ({ market, challenger }: World, { a, b, sigA, sigB }: Two) =>
      market.disputes.connect(challenger).challengeEquivocation(a, sigA, b, sigB);

    it("costs the penalty, and what a provider that signed up for both surely lacks", async () => {
      const world = await loadFixture(deployMarket);
      const two = await twoReceipts(world);
      const { delta } = await effect(world, async () => equivocate(world, two));
      expect(delta).to.deep.include({
        bond: -(net(AMOUNT) + PENALTY),
        provider1: net(AMOUNT),
        challenger: HALF,
        sink: HALF,
      });
    });

    it("of two providers costs the penalty; the row decides who lacks what", async () => {
      const world = await loadFixture(deployMarket);
      const two = await twoReceipts(world, { offerId: 2, amount: priceOf(served, DEARER) });
      const { delta } = await effect(world, async () => equivocate(world, two));
      expect(delta).to.deep.include({ bond: -PENALTY, provider1: 0n, provider2: 0n });

      // D1 after D2 on one sequence number: the other provider is made whole, and no second penalty is taken.
      const { proofOf } = await settleGroups(
        world.market,
        [{ accountId: world.accountId, appId: 0, rows: [served] }],
        { servedFromSec: two.a.servedAt, servedToSec: two.a.servedAt },
      );
      const own = { receipt: two.a, signature: two.sigA, proof: proofOf(0, 0) };
      await expectRefused(world, own, "Disputes_SettledAsSigned");
      const { delta: second } = await effect(world, async () =>
        challenge(world, { receipt: two.b, signature: two.sigB, proof: proofOf(0, 0) }),
      );
      const lacks = net(priceOf(served, DEARER));
      expect(second).to.deep.include({ bond: -lacks, provider2: lacks, challenger: 0n, sink: 0n });
    });

    it("is paid once, in either order, and not a third time with another receipt", async () => {
      const world = await loadFixture(deployMarket);
      const two = await twoReceipts(world);
      await equivocate(world, two);
      const third = { ...two.b, requestHash: ethers.id("a third") };
      const swapped = { a: two.b, sigA: two.sigB, b: two.a, sigB: two.sigA };
      const others = { ...two, b: third, sigB: await signReceipt(world.market, third) };
      for (const again of [two, swapped, others])
        await expect(equivocate(world, again)).to.be.revertedWithCustomError(
          world.market.disputes,
          "Disputes_AlreadyPaid",
        );
    });

    it("is no matter of two sequence numbers, accounts or operators, nor of one receipt", async () => {
      const world = await loadFixture(deployMarket);
      const { disputes } = world.market;
      for (const changes of [{ seq: 9 }, { accountId: 9 }])
        await expect(equivocate(world, await twoReceipts(world, changes))).to.be.revertedWithCustomError(
          disputes,
          "Disputes_OtherSequence",
        );
      const { a, sigA } = await twoReceipts(world);
      await expect(equivocate(world, { a, sigA, b: a, sigB: sigA })).to.be.revertedWithCustomError(
        disputes,
        "Disputes_SameReceipt",
      );
      await expect(equivocate(world, { a, sigA, b: a, sigB: malleated(sigA) })).to.be.revertedWithCustomError(
        disputes,
        "Disputes_NotSigned",
      );
    });

    it("needs no row and no time: an old lie still costs the bond", async () => {
      const world = await loadFixture(deployMarket);
      const two = await twoReceipts(world);
      await time.increase(100 * WINDOWS.challenge);
      const { delta } = await effect(world, async () => equivocate(world, two));
      expect(delta.bond).to.equal(-(net(AMOUNT) + PENALTY));
    });

    it("after a row was challenged takes no second penalty, and is refused if nobody lacks anything", async () => {
      const world = await loadFixture(deployMarket);
      const two = await twoReceipts(world, { offerId: 2, amount: priceOf(served, DEARER) });
      const { proofOf } = await settleGroups(world.market, [
        { accountId: world.accountId, appId: 0, rows: [{ ...served, timing: 7 }] },
      ]);
      await challenge(world, { receipt: two.a, signature: two.sigA, proof: proofOf(0, 0) });
      await expect(equivocate(world, two)).to.be.revertedWithCustomError(
        world.market.disputes,
        "Disputes_NothingLeft",
      );
    });
  });

  describe("each evidence pays once (I-09)", () => {
    it("refuses the same evidence twice", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { inputUnits: 9_000 });
      await challenge(world, evidence);
      await expectRefused(world, evidence, "Disputes_AlreadyPaid", [
        await world.market.ledger.hashReceipt(evidence.receipt),
      ]);
    });

    it("lets no lesser receipt shield the operator: a better one brings the rest, and no second penalty", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const evidence = await cheat(world, { inputUnits: 9_000 });
      const decoy = {
        ...evidence.receipt,
        inputUnits: 8_999,
        amount: priceOf({ ...served, inputUnits: 8_999 }),
      };
      const shield = { ...evidence, receipt: decoy, signature: await signReceipt(market, decoy) };
      const { delta: first } = await effect(world, async () => challenge(world, shield));
      expect(first.account).to.equal(LIST.inputPrice);
      const { delta: second } = await effect(world, async () => challenge(world, evidence));
      expect(second).to.deep.include({
        account: 8_899n * LIST.inputPrice,
        bond: -8_899n * LIST.inputPrice,
        challenger: 0n,
        sink: 0n,
      });
      // And again with another decoy: there is nothing left.
      const late = { ...decoy, responseHash: ethers.id("late") };
      await expectRefused(
        world,
        { ...evidence, receipt: late, signature: await signReceipt(market, late) },
        "Disputes_NothingLeft",
      );
    });

    it("never pays an operator that challenges itself: it loses half of every penalty", async () => {
      const world = await loadFixture(deployMarket);
      const evidence = await cheat(world, { timing: 99 });
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.challenger + delta.bond).to.equal(-HALF);
      expect(delta.sink).to.equal(HALF);
    });

    it("pays nobody twice when the token calls back", async () => {
      const token = await ethers.deployContract("CallbackToken", [(await ethers.getSigners())[0]]);
      const market = await Market.deployOn(ethers, token as unknown as AI1NET);
      const world = await furnish(market);
      const evidence = await cheat(world, { inputUnits: 9_000 });
      const { receipt, signature, proof } = evidence;
      const again = market.disputes.interface.encodeFunctionData("challengeRow", [receipt, signature, proof]);
      await token.arm(market.disputes, again);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.bond).to.equal(-(8_900n * LIST.inputPrice + PENALTY));
      expect(await token.succeeded()).to.equal(0n);
      // Bond, refund, reward, sink: each transfer tried.
      expect(await token.failed()).to.equal(4n);
      const reason = market.disputes.interface.parseError(await token.reason());
      expect(reason?.name).to.equal("Disputes_AlreadyPaid");
    });
  });

  describe("the window", () => {
    /** To the given second of the bucket that is `buckets` on. */
    async function toBucket(market: Market, buckets: number, second: number): Promise<void> {
      const bucket = Math.floor((await market.now()) / WINDOWS.challenge);
      await time.increaseTo((bucket + buckets) * WINDOWS.challenge + second);
    }

    it("is open for as long as the provider's credit is pending, to the second", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      await toBucket(market, 1, 1_000);
      const evidence = await cheat(world, { inputUnits: 101 });
      const lateEvidence = await cheat(world, { inputUnits: 102 }, { inputUnits: 100 });
      await toBucket(market, 1, WINDOWS.challenge - 2);
      expect(await market.escrow.claimable(0, 1)).to.equal(0n);
      await challenge(world, evidence);
      await toBucket(market, 1, 0);
      expect(await market.escrow.claimable(0, 1)).to.not.equal(0n);
      await expectRefused(world, lateEvidence, "Disputes_WindowClosed", [1, 2]);
    });

    it("follows the batch, whatever time its rows pretend to be of", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const long = await market.now();
      await time.increase(5 * WINDOWS.challenge);
      const span = { servedFromSec: long, servedToSec: long };
      const evidence = await cheat(world, { inputUnits: 101 }, { servedAt: long }, span);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.account).to.equal(LIST.inputPrice);
    });

    it("names the first batch that is open", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const open = async () => Number(await market.ledger.firstOpenBatch(1));
      const settle = async () => cheat(world);
      expect(await open()).to.equal(0);
      await toBucket(market, 1, 10);
      await settle(); // 0
      await settle(); // 1
      expect(await open()).to.equal(0);
      await toBucket(market, 1, 10);
      expect(await open()).to.equal(0);
      await settle(); // 2
      expect(await open()).to.equal(0);
      await toBucket(market, 1, 10);
      expect(await open()).to.equal(2);
      await settle(); // 3
      expect(await open()).to.equal(2);
      await toBucket(market, 2, 10);
      expect(await open()).to.equal(4);
      await settle(); // 4
      expect(await open()).to.equal(4);
      expect(await market.ledger.nextBatchNo(1)).to.equal(5n);
    });
  });

  describe("the bond (I-12)", () => {
    it("is reached while it is being unbonded, to the last moment of the last window", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      const before = await market.now();
      await market.registry.requestUnbond(1, BOND);
      // The latest that an operator without a bond may settle what it served with one.
      await time.increase(WINDOWS.settle + WINDOWS.maxPause - 60);
      const span = { servedFromSec: before, servedToSec: before };
      const evidence = await cheat(world, { inputUnits: 101 }, { servedAt: before }, span);
      const bucket = Math.floor((await market.now()) / WINDOWS.challenge);
      await time.increaseTo((bucket + 2) * WINDOWS.challenge - 2);
      const { delta } = await effect(world, async () => challenge(world, evidence));
      expect(delta.bond).to.equal(-(LIST.inputPrice + PENALTY));
      const { bonded, unbonding, readyAt } = (await market.registry.operator(1)).bond;
      expect([bonded, unbonding]).to.deep.equal([0n, BOND - PENALTY - LIST.inputPrice]);
      await time.increaseTo(readyAt);
      await expect(market.registry.withdrawBond(1, market.owner)).to.changeTokenBalance(
        ethers,
        market.token,
        market.owner,
        unbonding,
      );
    });

    it("is taken from what counts first, then from what was asked back", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      await market.registry.addBond(1, BOND);
      await market.registry.requestUnbond(1, BOND);
      const { readyAt } = (await market.registry.operator(1)).bond;
      const asDisputes = market.registry.connect(await disputesSignerOf(market));
      await expect(asDisputes.slash(1, BOND + 5n))
        .to.emit(market.registry, "Slashed")
        .withArgs(1, BOND + 5n, 0, BOND - 5n, (await market.now()) + 1 + WINDOWS.unbonding);
      expect((await market.registry.operator(1)).bond.readyAt).to.be.greaterThan(readyAt);
      await asDisputes.slash(1, BOND);
      const { bonded, unbonding, readyAt: none } = (await market.registry.operator(1)).bond;
      expect([bonded, unbonding, none]).to.deep.equal([0n, 0n, 0n]);
    });

    it("left below the minimum stops the operator, until it brings the minimum again", async () => {
      const world = await loadFixture(deployMarket);
      const { market } = world;
      await challenge(world, await cheat(world, { timing: 99 }));
      const { bonded, unbonding, readyAt } = (await market.registry.operator(1)).bond;
      expect([bonded, unbonding]).to.deep.equal([0n, BOND - PENALTY]);
      expect(readyAt).to.equal(BigInt((await market.now()) + WINDOWS.unbonding));
      // What it served so far may still be settled, nothing later.
      await cheat(world);
      await time.increase(60);
      await expect(cheat(world)).to.be.revertedWithCustomError(market.registry, "Registry_BondTooLow");
      await expect(market.registry.addBond(1, BOND - 1n)).to.be.revertedWithCustomError(
        market.registry,
        "Registry_BondTooLow",
      );
      await market.registry.addBond(1, BOND);
      await cheat(world);
    });

    it("too small: pays the payer first, then the provider, and records the rest as debt", async () => {
      const world = await loadFixture(deployMarket);
      const { market, challenger, accountId } = world;
      // Leaves 100 wei more than the refund of the next evidence.
      const evidence = await cheat(world, { offerId: 2 });
      const refund = priceOf(served, DEARER) - AMOUNT;
      const asDisputes = await disputesSignerOf(market);
      await market.registry.connect(asDisputes).slash(1, BOND - refund - 100n);
      // Not to be counted: nobody but Disputes calls slash, and Disputes keeps nothing.
      await market.token.connect(asDisputes).transfer(SINK, BOND - refund - 100n);

      const before = await positions(market, challenger, accountId);
      await expect(challenge(world, evidence))
        .to.emit(market.disputes, "DebtRecorded")
        .withArgs(1, accountId, 1, 0, net(AMOUNT) - 100n);
      const delta = moved(before, await positions(market, challenger, accountId));
      expect(delta).to.deep.include({
        bond: -(refund + 100n),
        account: refund,
        provider1: 100n,
        challenger: 0n,
        sink: 0n,
        debt: net(AMOUNT) - 100n,
      });
      // Nothing is there any more: the next one is all debt, and still paid once.
      const receipt = await receiptOf(world, {
        seq: 0,
        responseHash: ethers.id("second"),
        offerId: 3,
        amount: 1n,
      });
      const more = { ...evidence, receipt, signature: await signReceipt(market, receipt) };
      const { delta: second } = await effect(world, async () => challenge(world, more));
      expect(second).to.deep.include({ bond: 0n, account: 0n, debt: AMOUNT });
      await expectRefused(world, more, "Disputes_AlreadyPaid");
    });
  });
});
