import { ethers } from "ethers";

const pair = (a: string, b: string): string => ethers.keccak256(ethers.concat([a, b].toSorted()));

/**
 * Node `index` of the tree of `@openzeppelin/merkle-tree`, by its definition: children at 2i + 1 and 2i + 2, leaf k at
 * 2n - 2 - k, sorted pairs. Recursive, so as to share nothing with the implementations under test.
 */
function node(leaves: readonly string[], index: number): string {
  const last = 2 * leaves.length - 2;
  if (index >= leaves.length - 1) return leaves[last - index] as string;
  return pair(node(leaves, 2 * index + 1), node(leaves, 2 * index + 2));
}

export function rootOf(leaves: readonly string[]): string {
  return node(leaves, 0);
}

function proofOf(leaves: readonly string[], leaf: number): string[] {
  const path: number[] = [];
  for (let at = 2 * leaves.length - 2 - leaf; at > 0; at = Math.floor((at - 1) / 2)) path.push(at);
  return path.map((at) => node(leaves, at % 2 === 1 ? at + 1 : at - 1));
}

/** keccak256(startSeq || shortfall || group). */
export function leafOf(startSeq: number, shortfallWei: bigint, group: string): string {
  return ethers.solidityPackedKeccak256(["uint40", "uint128", "bytes"], [startSeq, shortfallWei, group]);
}

export function commitmentOf(operatorId: number, batchNo: number, header: string, groupRoot: string): string {
  return ethers.keccak256(
    ethers.AbiCoder.defaultAbiCoder().encode(
      ["uint24", "uint32", "bytes32", "bytes32"],
      [operatorId, batchNo, ethers.keccak256(header), groupRoot],
    ),
  );
}

/** Trees of every small size and some larger ones, with all their proofs. */
export function merkleVectors(): object {
  const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 33];
  return {
    trees: sizes.map((size) => {
      const leaves = Array.from({ length: size }, (_, i) => ethers.id(`leaf ${i} of ${size}`));
      return { leaves, root: rootOf(leaves), proofs: leaves.map((_, i) => proofOf(leaves, i)) };
    }),
  };
}
