/** From a batch's bytes, and what the chain says went unpaid, to the very tree that the Ledger committed to. */
import { batchCommitment, decodeBatch, groupLeaf, type Batch, type EncodedBatch } from "../model/batch.ts";
import { fromHex, type Hex } from "../model/bytes.ts";
import { merkleRoot, merkleTree, type MerkleTree } from "../model/merkle.ts";
import type { BatchSlice, BuiltBatch } from "../model/record.ts";

export interface RecordedShortfall {
  readonly accountId: number;
  readonly shortfallWei: bigint;
}

/** A settled batch, with everything that a proof of one of its rows needs. */
export interface CommittedBatch {
  readonly decoded: Batch & EncodedBatch;
  readonly tree: MerkleTree;
  /** One per group. */
  readonly shortfallsWei: readonly bigint[];
}

/** Ways to tell an account's shortfalls apart that are tried; one is nearly always enough. */
const MOST_TRIES = 4_096;

/**
 * Finds which groups went short. The chain names accounts, and an account may have several groups: its last ones are
 * short, unless they cost nothing, so that is tried first; the commitment says whether it is right.
 * @returns undefined if these bytes are not what was committed to
 */
export function matchCommitment(
  operatorId: number,
  batch: Pick<BuiltBatch, "batchNo" | "bytes" | "slices">,
  shortfalls: readonly RecordedShortfall[],
  commitment: Hex,
): CommittedBatch | undefined {
  const decoded = decodeBatch(fromHex(batch.bytes));
  let tries = 0;
  for (const shortfallsWei of assignments(decoded, shortfalls)) {
    const tree = merkleTree(
      decoded.groupBytes.map((group, i) =>
        groupLeaf((batch.slices[i] as BatchSlice).startSeq, shortfallsWei[i] as bigint, group),
      ),
    );
    const found = batchCommitment(operatorId, batch.batchNo, decoded.header, merkleRoot(tree));
    if (found.toLowerCase() === commitment.toLowerCase()) return { decoded, tree, shortfallsWei };
    if (++tries === MOST_TRIES) return undefined;
  }
  return undefined;
}

/** Every way to give the recorded shortfalls to groups, the likely one first. */
function* assignments(batch: Batch, shortfalls: readonly RecordedShortfall[]): Generator<readonly bigint[]> {
  const byAccount = [...Map.groupBy(shortfalls, ({ accountId }) => accountId)];
  const current = batch.groups.map(() => 0n);
  const groupsOf = (accountId: number): number[] =>
    batch.groups.flatMap((group, i) => (group.accountId === accountId ? [i] : []));

  function* fill(index: number): Generator<readonly bigint[]> {
    const entry = byAccount[index];
    if (!entry) {
      yield [...current];
      return;
    }
    const [accountId, recorded] = entry;
    const groups = groupsOf(accountId);
    const charged = groups.filter((i) => batch.groups[i]?.rows.some((row) => row.timing !== 0));
    const likely = charged.slice(-recorded.length);
    for (const chosen of [likely, ...choices(groups, recorded.length)]) {
      if (chosen.length !== recorded.length) continue;
      for (const i of groups) current[i] = 0n;
      for (const [k, i] of chosen.entries()) current[i] = (recorded[k] as RecordedShortfall).shortfallWei;
      yield* fill(index + 1);
    }
  }
  yield* fill(0);
}

/** All ways to choose `count` of `items`, in order. */
function* choices(items: readonly number[], count: number): Generator<number[]> {
  if (count === 0) {
    yield [];
    return;
  }
  for (const [i, item] of items.entries()) {
    for (const rest of choices(items.slice(i + 1), count - 1)) yield [item, ...rest];
  }
}
