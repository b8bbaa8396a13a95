// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Arrays of words without bounds checks, for the loops over groups: their indexes stay below the length.
library Words {
    function get(uint256[] memory words, uint256 index) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(words, 0x20), shl(5, index)))
        }
    }

    function set(uint256[] memory words, uint256 index, uint256 word) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(words, 0x20), shl(5, index)), word)
        }
    }
}
