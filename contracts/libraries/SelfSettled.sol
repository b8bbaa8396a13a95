// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {AccountWordLib} from "./AccountWord.sol";

/// @notice The rows of a group that were self-settled before its batch came: a batch charges nothing for them. Which they
/// are never changes once the group is settled, for only a sequence number that is still to come can be self-settled.
/// @dev One bit per row, from the lowest of the first word. An empty array stands for "none of them".
library SelfSettled {
    /// @param startSeq sequence number of the first row
    /// @param count rows of the group
    function rowsOf(
        IEscrow escrow,
        uint32 accountId,
        uint40 startSeq,
        uint256 count
    ) internal view returns (uint256[] memory rows) {
        if (escrow.account(accountId).flags & AccountWordLib.HAS_SELF_SETTLED == 0) return rows;
        rows = new uint256[]((count + 255) / 256);
        uint256 shift = startSeq % 256;
        uint256 index = startSeq / 256;
        for (uint256 i; i < rows.length; ++i) {
            uint256 low = escrow.selfSettledWord(accountId, index + i) >> shift;
            uint256 high = shift == 0 ? 0 : escrow.selfSettledWord(accountId, index + i + 1) << (256 - shift);
            rows[i] = low | high;
        }
    }

    function has(uint256[] memory rows, uint256 row) internal pure returns (bool) {
        return rows.length != 0 && (rows[row / 256] >> (row % 256)) & 1 != 0;
    }
}
