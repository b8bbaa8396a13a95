import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../../../router/model/bytes.ts";
import { merkleProof, merkleRoot, merkleTree, rootFromProof } from "../../../router/model/merkle.ts";
import { merkleVectors } from "../../vectors/read.ts";

for (const { leaves, root, proofs } of merkleVectors().trees)
  test(`a tree of ${leaves.length} has the root and the proofs of the vectors`, () => {
    const tree = merkleTree(leaves.map(fromHex));
    assert.equal(toHex(merkleRoot(tree)), root);
    leaves.forEach((leaf, i) => {
      const proof = merkleProof(tree, i);
      assert.deepEqual(proof.map(toHex), proofs[i]);
      assert.equal(toHex(rootFromProof(fromHex(leaf), proof)), root);
    });
  });

test("a proof of another leaf leads elsewhere", () => {
  const leaves = (merkleVectors().trees.find((tree) => tree.leaves.length === 5)?.leaves ?? []).map(fromHex);
  const tree = merkleTree(leaves);
  const root = rootFromProof(leaves[1] as Uint8Array, merkleProof(tree, 0));
  assert.notEqual(toHex(root), toHex(merkleRoot(tree)));
});

test("there is no tree without a leaf", () => {
  assert.throws(() => merkleTree([]), RangeError);
});
