import { concatBytes, keccak256 } from "./bytes.ts";

/**
 * A Merkle tree that OpenZeppelin's `MerkleProof` verifies: inner nodes hash their children in sorted order. The layout
 * is that of `@openzeppelin/merkle-tree`: an array of 2n - 1 nodes, root first, leaf i at `2n - 2 - i`.
 */
export type MerkleTree = readonly Uint8Array[];

function hashPair(a: Uint8Array, b: Uint8Array): Uint8Array {
  return keccak256(Buffer.compare(a, b) <= 0 ? concatBytes(a, b) : concatBytes(b, a));
}

/** @throws {RangeError} without a leaf */
export function merkleTree(leaves: readonly Uint8Array[]): MerkleTree {
  if (leaves.length === 0) throw new RangeError("a tree needs a leaf");
  const tree = Array.from<Uint8Array>({ length: 2 * leaves.length - 1 });
  leaves.forEach((leaf, i) => (tree[tree.length - 1 - i] = leaf));
  for (let i = leaves.length - 2; i >= 0; i--)
    tree[i] = hashPair(tree[2 * i + 1] as Uint8Array, tree[2 * i + 2] as Uint8Array);
  return tree;
}

export function merkleRoot(tree: MerkleTree): Uint8Array {
  return tree[0] as Uint8Array;
}

/** The siblings from leaf `index` up to the root. */
export function merkleProof(tree: MerkleTree, index: number): Uint8Array[] {
  const siblings: Uint8Array[] = [];
  for (let i = tree.length - 1 - index; i > 0; i = (i - 1) >> 1)
    siblings.push(tree[i % 2 === 0 ? i - 1 : i + 1] as Uint8Array);
  return siblings;
}

/** The root that `leaf` and `siblings` lead to. */
export function rootFromProof(leaf: Uint8Array, siblings: readonly Uint8Array[]): Uint8Array {
  return siblings.reduce(hashPair, leaf);
}
