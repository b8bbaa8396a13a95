/** Every row of a settled batch can be shown, and nothing else can. */
import { expect } from "chai";

import {
  encodeBatch,
  GROUP_HEAD_BYTES,
  groupLeaf,
  batchCommitment,
  type Batch,
  type EncodedBatch,
} from "../../router/model/batch.ts";
import { concatBytes, toHex } from "../../router/model/bytes.ts";
import { merkleProof, merkleRoot, merkleTree } from "../../router/model/merkle.ts";
import type { ILedger } from "../../types/contracts/index.ts";
import { ethers, loadFixture } from "./fixtures/chain.ts";
import { fieldsOf } from "./fixtures/fieldsOf.ts";
import { LedgerModel, priceOf, type Settled } from "./fixtures/ledgerModel.ts";
import { Market, OPERATOR_SHARE_BPS, PROTOCOL_FEE_BPS, REBATE_SHARE_BPS } from "./fixtures/market.ts";
import { Random } from "./fixtures/random.ts";

const SEED = 0x9007;
const GROUPS = 23;
const ACCOUNTS = 5;

describe("Ledger", () => {
  describe(`proveRow, a random batch (seed ${SEED})`, () => {
    /** Settles two batches, so that sequence numbers do not begin at 0, and remembers the second. */
    async function settleBatches() {
      const random = new Random(SEED);
      const market = await Market.deploy(ethers);
      const offers = [];
      for (let i = 1n; i <= 4n; i++)
        // oxlint-disable-next-line no-await-in-loop
        offers.push(await market.addOffer({ inputPrice: i, outputPrice: i * 10n, requestPrice: i * 100n }));
      const apps = [{ appId: 0, feeBps: 0 }, await market.addApp(500)];
      const model = new LedgerModel(offers, apps, OPERATOR_SHARE_BPS, REBATE_SHARE_BPS);
      for (let i = 0; i < ACCOUNTS; i++) {
        const balance = i === 0 ? 10n ** 18n : random.bigint(18);
        // oxlint-disable-next-line no-await-in-loop
        const accountId = await market.openAccount(balance);
        model.accounts.set(accountId, { balance, credits: 0n, nextSeq: 0, maxAppFeePct: 20 });
      }
      const settle = async () => {
        const batch = await market.batch(
          Array.from({ length: GROUPS }, () => ({
            accountId: random.int(1, ACCOUNTS),
            appId: random.int(0, 1),
            rows: Array.from({ length: random.int(1, 6) }, () => {
              const offerId = random.int(1, offers.length);
              return random.chance(0.2)
                ? { offerId, inputUnits: 0, outputUnits: 0, timing: 0 }
                : {
                    offerId,
                    inputUnits: random.int(0, 999),
                    outputUnits: random.int(0, 999),
                    timing: random.int(1, 255),
                  };
            }),
          })),
        );
        await market.settle(batch);
        return { batch, settled: model.settle(1, batch, 0, PROTOCOL_FEE_BPS) };
      };
      await settle();
      const { batch, settled } = await settle();
      return { market, offers, batch, settled, ...treeOf(batch, settled) };
    }

    function treeOf(batch: Batch, settled: Settled) {
      const encoded = encodeBatch(batch);
      const leaves = encoded.groupBytes.map((group, i) => {
        const { startSeq = 0, shortfall = 0n } = settled.groups[i] ?? {};
        return groupLeaf(startSeq, shortfall, group);
      });
      return { encoded, tree: merkleTree(leaves) };
    }

    function proofOf(
      { encoded, settled, tree }: { encoded: EncodedBatch; settled: Settled; tree: readonly Uint8Array[] },
      groupIndex: number,
      rowIndex: number,
    ) {
      const { startSeq = 0, shortfall = 0n } = settled.groups[groupIndex] ?? {};
      return {
        operatorId: 1,
        header: encoded.header,
        group: encoded.groupBytes[groupIndex] ?? new Uint8Array(),
        startSeq,
        shortfall,
        rowIndex,
        siblings: merkleProof(tree, groupIndex),
      } satisfies ILedger.RowProofStruct;
    }

    it("commits to what the router's own tree says", async () => {
      const { market, batch, encoded, tree, settled } = await loadFixture(settleBatches);
      expect(settled.groups.some(({ shortfall }) => shortfall !== 0n)).to.equal(true);
      expect(await market.ledger.commitmentOf(1, batch.batchNo)).to.equal(
        batchCommitment(1, batch.batchNo, encoded.header, merkleRoot(tree)),
      );
    });

    it("shows every row", async () => {
      const proved = await loadFixture(settleBatches);
      const { market, offers, batch, settled } = proved;
      for (const [i, group] of batch.groups.entries())
        for (const [j, row] of group.rows.entries()) {
          const offer = offers[row.offerId - 1] ?? offers[0];
          // oxlint-disable-next-line no-await-in-loop
          const shown = await market.ledger.proveRow(proofOf(proved, i, j));
          expect(fieldsOf(shown)).to.deep.equal({
            operatorId: 1n,
            batchNo: BigInt(batch.batchNo),
            accountId: BigInt(group.accountId),
            seq: BigInt((settled.groups[i]?.startSeq ?? 0) + j),
            offerId: BigInt(row.offerId),
            appId: BigInt(group.appId),
            inputUnits: BigInt(row.inputUnits),
            outputUnits: BigInt(row.outputUnits),
            timing: BigInt(row.timing),
            amount: offer === undefined ? 0n : priceOf(offer, row),
            servedFrom: BigInt(batch.servedFromSec),
            servedTo: BigInt(batch.servedToSec),
          });
        }
    });

    it("rejects a proof with any part of it changed", async () => {
      const proved = await loadFixture(settleBatches);
      const { ledger } = proved.market;
      const proof = proofOf(proved, 7, 0);
      const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
      const forgeries: ILedger.RowProofStruct[] = [
        { ...proof, operatorId: 2 },
        { ...proof, startSeq: proof.startSeq + 1 },
        { ...proof, shortfall: proof.shortfall + 1n },
        { ...proof, siblings: proof.siblings.slice(1) },
        { ...proof, siblings: proof.siblings.slice(0, -1) },
        { ...proof, siblings: proof.siblings.toReversed() },
        { ...proof, siblings: [...proof.siblings, proof.siblings[0] ?? new Uint8Array(32)] },
        { ...proof, siblings: merkleProof(proved.tree, 8) },
        { ...proof, group: proved.encoded.groupBytes[8] ?? proof.group },
        { ...proof, group: concatBytes(proof.group, new Uint8Array(8)) },
        { ...proof, group: proof.group.subarray(0, -8) },
        { ...proof, group: new Uint8Array() },
        { ...proof, header: concatBytes(proof.header, new Uint8Array(1)) },
        { ...proof, header: proof.header.subarray(0, -1) },
        { ...proof, header: new Uint8Array() },
        ...Array.from(proof.header, (_, at) => ({ ...proof, header: flipped(proof.header, at) })),
        ...Array.from(proof.group, (_, at) => ({ ...proof, group: flipped(proof.group, at) })),
      ];
      for (const forgery of forgeries)
        // oxlint-disable-next-line no-await-in-loop
        await expect(ledger.proveRow(forgery)).to.be.revertedWithCustomError(ledger, "Ledger_WrongProof");
    });

    it("rejects a row outside the group", async () => {
      const proved = await loadFixture(settleBatches);
      const count = proved.batch.groups[7]?.rows.length ?? 0;
      await expect(proved.market.ledger.proveRow(proofOf(proved, 7, count)))
        .to.be.revertedWithCustomError(proved.market.ledger, "Ledger_RowOutOfRange")
        .withArgs(count, count);
    });

    it("takes no inner node for a group", async () => {
      const proved = await loadFixture(settleBatches);
      const { tree, encoded, market } = proved;
      // the children of the root, in the order in which they are hashed: 64 bytes, cut like a leaf's preimage
      const children = tree.slice(1, 3).toSorted((a, b) => Buffer.compare(a, b));
      const preimage = concatBytes(...children);
      const group = preimage.subarray(21);
      expect((group.length - GROUP_HEAD_BYTES) % 8).not.to.equal(0);
      const forgery = {
        operatorId: 1,
        header: encoded.header,
        group,
        startSeq: BigInt(toHex(preimage.subarray(0, 5))),
        shortfall: BigInt(toHex(preimage.subarray(5, 21))),
        rowIndex: 0,
        siblings: [],
      };
      await expect(market.ledger.proveRow(forgery)).to.be.revertedWithCustomError(
        market.ledger,
        "Ledger_WrongProof",
      );
    });

    it("shows the row of a batch of one group without any sibling", async () => {
      const { market } = await loadFixture(settleBatches);
      const rows = [{ offerId: 1, inputUnits: 3, outputUnits: 4, timing: 5 }];
      const batch = await market.batch([{ accountId: 1, appId: 0, rows }]);
      const { nextSeq } = await market.escrow.account(1);
      await market.settle(batch);
      const encoded = encodeBatch(batch);
      const row = await market.ledger.proveRow({
        operatorId: 1,
        header: encoded.header,
        group: encoded.groupBytes[0] ?? new Uint8Array(),
        startSeq: nextSeq,
        shortfall: 0n,
        rowIndex: 0,
        siblings: [],
      });
      expect([row.seq, row.amount]).to.deep.equal([nextSeq, 3n + 40n + 100n]);
    });

    it("shows nothing of a batch that was never settled", async () => {
      const proved = await loadFixture(settleBatches);
      const batch = await proved.market.batch(proved.batch.groups);
      const proof = proofOf({ ...treeOf(batch, proved.settled), settled: proved.settled }, 0, 0);
      await expect(proved.market.ledger.proveRow(proof))
        .to.be.revertedWithCustomError(proved.market.ledger, "Ledger_WrongProof")
        .withArgs(1, batch.batchNo);
    });
  });
});
