import { expect } from "chai";

import { batchVectors, merkleVectors, receiptVectors } from "../vectors/read.ts";
import { ethers, loadFixture, time } from "./fixtures/chain.ts";
import { deployVectorWorld } from "./fixtures/vectorWorld.ts";
import { WINDOWS } from "./fixtures/economy.ts";

const EARNER = { provider: 0, app: 1, operator: 2 };

const RECEIPT_TYPES = {
  Receipt: receiptVectors()
    .type.slice("Receipt(".length, -1)
    .split(",")
    .map((field) => {
      const [type = "", name = ""] = field.split(" ");
      return { name, type };
    }),
};

describe("vectors", () => {
  const { settled, refused } = batchVectors();

  describe("batches that settle", () => {
    for (const { name, bytes, batch, expected } of settled)
      it(name, async () => {
        const { world, escrow, ledger } = await loadFixture(deployVectorWorld);
        await expect(ledger.settle(world.operatorId, bytes)).to.emit(ledger, "BatchSettled").withArgs(
          world.operatorId,
          batch.batchNo,
          expected.commitment,
          expected.rows,
          expected.amountWei,
          expected.appFeesWei,
          expected.protocolFeeWei,
          expected.shortfallWei,
          0, // without rebates
        );
        expect(await ledger.commitmentOf(world.operatorId, batch.batchNo)).to.equal(expected.commitment);

        for (const { accountId, balanceWei, nextSeq } of expected.accounts) {
          const account = await escrow.account(accountId);
          expect([account.balance, account.nextSeq], `account ${accountId}`).to.deep.equal([
            BigInt(balanceWei),
            BigInt(nextSeq),
          ]);
        }
        const earned = async (earner: number, id: number) => (await escrow.earnings(earner, id)).current;
        for (const [i, wei] of expected.providersWei.entries())
          expect(await earned(EARNER.provider, i + 1), `provider ${i + 1}`).to.equal(wei);
        for (const [i, wei] of expected.appsWei.entries())
          expect(await earned(EARNER.app, i + 1), `app ${i + 1}`).to.equal(wei);
        expect(await earned(EARNER.operator, world.operatorId)).to.equal(expected.operatorWei);
        const epoch = Math.floor((await time.latest()) / WINDOWS.epoch);
        expect(await escrow.pool(world.operatorId, epoch)).to.equal(expected.poolWei);
      });
  });

  describe("shortfalls", () => {
    for (const { name, bytes, batch, expected } of settled) {
      const short = expected.groups.flatMap(({ shortfallWei }, i) =>
        shortfallWei === "0" ? [] : [{ shortfallWei, accountId: batch.groups[i]?.accountId }],
      );
      if (short.length > 0)
        it(`records what each group lacked: ${name}`, async () => {
          const { world, ledger } = await loadFixture(deployVectorWorld);
          const settling = await ledger.settle(world.operatorId, bytes);
          const events = await ledger.queryFilter(
            ledger.filters.ShortfallRecorded(),
            settling.blockNumber ?? 0,
          );
          expect(
            events.map(({ args }) => [args.operatorId, args.batchNo, args.accountId, args.shortfall]),
          ).to.deep.equal(
            short.map(({ accountId, shortfallWei }) =>
              [world.operatorId, batch.batchNo, accountId ?? 0, shortfallWei].map(BigInt),
            ),
          );
        });
    }
  });

  describe("batches that are refused", () => {
    for (const { name, bytes, error, args } of refused)
      it(`${error}: ${name}`, async () => {
        const { world, ledger, registry, escrow } = await loadFixture(deployVectorWorld);
        const contract = [ledger, registry, escrow].find((candidate) => candidate.interface.getError(error));
        if (contract === undefined) throw new Error(`no contract has the error ${error}`);
        const reverting = expect(
          ledger.settle.staticCall(world.operatorId, bytes),
        ).to.be.revertedWithCustomError(contract, error);
        await (args === undefined || args.length === 0 ? reverting : reverting.withArgs(...args));
      });
  });

  describe("receipts", () => {
    for (const { receipts, ...domain } of receiptVectors().domains)
      it(`has every digest, with the domain of chain ${domain.chainId} put in its place`, async () => {
        const { ledger } = await loadFixture(deployVectorWorld);
        const { chainId, verifyingContract } = await ledger.eip712Domain();
        const separator = ethers.TypedDataEncoder.hashDomain({
          name: "AI1NET Ledger",
          version: "1",
          chainId,
          verifyingContract,
        });
        for (const { name, receipt, digest } of receipts) {
          const structHash = ethers.TypedDataEncoder.hashStruct("Receipt", RECEIPT_TYPES, receipt);
          const packed = (of: string) => ethers.keccak256(ethers.concat(["0x1901", of, structHash]));
          expect(packed(domain.separator), `${name}: the vector`).to.equal(digest);
          expect(await ledger.hashReceipt(receipt), name).to.equal(packed(separator));
        }
      });
  });

  describe("Merkle trees", () => {
    it("are those that OpenZeppelin verifies", async () => {
      const probe = await ethers.deployContract("MerkleProbe");
      for (const { leaves, root, proofs } of merkleVectors().trees)
        for (const [i, leaf] of leaves.entries())
          expect(await probe.verify(proofs[i] ?? [], root, leaf), `leaf ${i} of ${leaves.length}`).to.equal(
            true,
          );
    });
  });
});
