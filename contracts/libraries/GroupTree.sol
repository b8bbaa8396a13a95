// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Words} from "./Words.sol";

/// @notice The Merkle tree over a batch's groups, in the layout of `@openzeppelin/merkle-tree`: an array of 2n - 1 nodes,
/// root first, leaf i at 2n - 2 - i, children of node i at 2i + 1 and 2i + 2, hashed in sorted order, so that
/// OpenZeppelin's MerkleProof verifies what it commits to.
library GroupTree {
    using Words for uint256[];

    /// @notice keccak256(startSeq u40 || shortfall u128 || group). A group is 7 + 8 * count bytes, so the preimage of a
    /// leaf has a length of 4 modulo 8: it is never 64 bytes, and a leaf is never taken for an inner node.
    function leaf(uint256 startSeq, uint256 shortfall, bytes calldata group) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let preimage := mload(0x40)
            mstore(preimage, shl(88, or(shl(128, startSeq), shortfall)))
            calldatacopy(add(preimage, 21), group.offset, group.length)
            hash := keccak256(preimage, add(21, group.length))
        }
    }

    /// @notice An empty tree for `leaves` leaves.
    function allocate(uint256 leaves) internal pure returns (uint256[] memory tree) {
        return new uint256[](2 * leaves - 1);
    }

    function setLeaf(uint256[] memory tree, uint256 index, bytes32 hash) internal pure {
        unchecked {
            tree.set(tree.length - 1 - index, uint256(hash));
        }
    }

    /// @notice Fills in the inner nodes; the root of a tree of one leaf is that leaf.
    function root(uint256[] memory tree) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let first := add(tree, 0x20)
            let child := add(tree, shl(5, mload(tree))) // the last node
            let node := add(first, shl(4, sub(mload(tree), 1))) // behind the last inner node
            for {} gt(node, first) {} {
                node := sub(node, 0x20)
                let right := mload(child)
                let left := mload(sub(child, 0x20))
                let swapped := lt(right, left)
                mstore(shl(5, swapped), left)
                mstore(shl(5, iszero(swapped)), right)
                mstore(node, keccak256(0, 0x40))
                child := sub(child, 0x40)
            }
            hash := mload(first)
        }
    }
}
