import { toHex } from "../model/bytes.ts";
import { merkleProof } from "../model/merkle.ts";
import type { BatchSlice } from "../model/record.ts";
import type { Chain, ProveRow, RowProof, Store, StoredBatch } from "../ports.ts";
import { matchCommitment, type CommittedBatch } from "./commitment.ts";

/** The chain has other bytes for a batch than the router: nothing can be proven from these. */
export class BatchMismatch extends Error {
  override readonly name = "BatchMismatch";
}

/** Trees kept: rows of one batch are asked for together. */
const KEPT = 8;

/**
 * Proofs of rows, from the stored bytes of batches and the chain's record of what went unpaid.
 * @returns a {@link ProveRow}; it throws {@link BatchMismatch}
 */
export function rowProver(
  operatorId: number,
  store: Pick<Store, "batchOf">,
  chain: Pick<Chain, "commitmentOf" | "shortfalls">,
): ProveRow {
  const kept = new Map<string, CommittedBatch>();

  const committed = async (batch: StoredBatch, commitment: `0x${string}`): Promise<CommittedBatch> => {
    const known = kept.get(commitment);
    if (known) return known;
    const found =
      matchCommitment(operatorId, batch, [], commitment) ??
      matchCommitment(operatorId, batch, await chain.shortfalls(batch.batchNo), commitment);
    if (!found)
      throw new BatchMismatch(`batch ${batch.batchNo} was settled with other bytes than are stored`);
    kept.set(commitment, found);
    for (const old of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(old);
    }
    return found;
  };

  return async (accountId, seq): Promise<RowProof | undefined> => {
    const batch = await store.batchOf(accountId, seq);
    const commitment = batch && (await chain.commitmentOf(batch.batchNo));
    if (!commitment) return undefined;
    const { decoded, tree, shortfallsWei } = await committed(batch, commitment);
    const index = batch.slices.findIndex(
      (slice) => slice.accountId === accountId && slice.startSeq <= seq && seq < slice.startSeq + slice.count,
    );
    const { startSeq } = batch.slices[index] as BatchSlice;
    return {
      operatorId,
      batchNo: batch.batchNo,
      header: toHex(decoded.header),
      group: toHex(decoded.groupBytes[index] as Uint8Array),
      startSeq,
      shortfallWei: shortfallsWei[index] as bigint,
      rowIndex: seq - startSeq,
      siblings: merkleProof(tree, index).map(toHex),
      commitment,
      txHash: batch.txHash,
    };
  };
}
