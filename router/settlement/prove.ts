import { decodeBatch, groupLeaf } from "../model/batch.ts";
import { fromHex, toHex } from "../model/bytes.ts";
import { merkleProof, merkleTree } from "../model/merkle.ts";
import type { Chain, ProveRow, Store } from "../ports.ts";
import { assignShortfalls } from "./shortfalls.ts";

/** Makes a function that shows single rows of settled batches, from stored bytes and what the chain recorded. */
export function rowProver(
  operatorId: number,
  store: Pick<Store, "batchOf" | "receiptsFrom">,
  chain: Pick<Chain, "settledBatch" | "shortfalls">,
): ProveRow {
  return async (accountId, seq) => {
    const batch = await store.batchOf(accountId, seq);
    if (!batch) return undefined;
    const settled = await chain.settledBatch(batch.batchNo);
    if (!settled) return undefined;
    const index = batch.slices.findIndex(
      (slice) => slice.accountId === accountId && slice.startSeq <= seq && seq < slice.startSeq + slice.count,
    );
    const slice = batch.slices[index];
    if (!slice) return undefined;
    const { header, groupBytes } = decodeBatch(fromHex(batch.bytes));
    const shortfalls = await assignShortfalls(batch, await chain.shortfalls(batch.batchNo), store);
    const tree = merkleTree(
      batch.slices.map(({ startSeq }, i) =>
        groupLeaf(startSeq, shortfalls[i] as bigint, groupBytes[i] as Uint8Array),
      ),
    );
    return {
      operatorId,
      batchNo: batch.batchNo,
      header: toHex(header),
      group: toHex(groupBytes[index] as Uint8Array),
      startSeq: slice.startSeq,
      shortfallWei: shortfalls[index] as bigint,
      rowIndex: seq - slice.startSeq,
      siblings: merkleProof(tree, index).map(toHex),
      commitment: settled.commitment,
      txHash: settled.txHash,
    };
  };
}
