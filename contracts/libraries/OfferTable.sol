// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILedger} from "../interfaces/ILedger.sol";
import {BatchFormat} from "./BatchFormat.sol";
import {SelfSettled} from "./SelfSettled.sol";

/// @notice The offers of a batch in memory: prices going in, sums coming out. The only loop over all rows is here.
///
/// A row's amount, units and count are found in one addition. With the words
/// ```
/// inputWord = inputPrice << 96 | outputWord = outputPrice << 96 | 1 << 48 | requestWord = requestPrice << 96 | 1 << 224
/// ```
/// the sum of a row is `inputUnits * inputWord + outputUnits * (outputWord + timing) + requestWord`:
/// ```
/// count u32 << 224 | amount u128 << 96 | outputUnits u48 << 48 | outputUnits * timing u48
/// ```
/// Timing is summed up per output unit, so that no crowd of short rows can make a listing look fast: with one price list,
/// units weigh what was paid for them.
///
/// Sums of rows add up without carrying from one field into the next, for there are at most MAX_ROWS = 2^14 rows:
/// - amount: 2 * (2^24 * 2^72) + 2^72 < 2^98 a row, below 2^112 in all;
/// - output units: below 2^24 a row, 2^38 in all;
/// - output units times timing: below 2^32 a row, 2^46 in all;
/// - count: 2^14.
library OfferTable {
    /// @dev Eight words, so that a row's offer index becomes an offset by a shift.
    struct Entry {
        uint256 inputWord;
        uint256 outputWord;
        uint256 requestWord;
        uint256 sum; // of the successful rows
        uint256 failures; // rows with timing 0
        uint256 unpaid; // wei of `amount(sum)` that accounts lacked
        uint32 listingId;
        uint32 providerId;
    }

    // A word of calldata holds four rows, the first at the top: offerIndex u8 | inputUnits u24 | outputUnits u24 |
    // timing u8.
    uint256 private constant TIMINGS = 0x00000000000000ff_00000000000000ff_00000000000000ff_00000000000000ff;
    uint256 private constant OFFER_INDEXES = 0xff00000000000000_ff00000000000000_ff00000000000000_ff00000000000000;
    uint256 private constant SUCCEEDED = 0x0000000000000100_0000000000000100_0000000000000100_0000000000000100;
    uint256 private constant TESTED = 0x8000000000000100_8000000000000100_8000000000000100_8000000000000100;
    uint256 private constant EVERY_ROW = 0x0000000000000001_0000000000000001_0000000000000001_0000000000000001;

    /// @notice The table for the price lists of a batch.
    /// @param billing two words per offer, as IRegistry.billing gives them
    function load(uint256[] memory billing, uint256 nOffers) internal pure returns (Entry[] memory table) {
        table = _allocate(nOffers);
        for (uint256 i; i < nOffers; ++i) {
            uint256 prices = billing[2 * i];
            uint256 seller = billing[2 * i + 1];
            Entry memory entry = table[i];
            entry.inputWord = uint256(uint72(prices)) << 96;
            entry.outputWord = (uint256(uint72(prices >> 72)) << 96) | (1 << 48);
            entry.requestWord = (uint256(uint72(prices >> 144)) << 96) | (1 << 224);
            entry.sum = 0;
            entry.failures = 0;
            entry.unpaid = 0;
            entry.listingId = uint32(seller);
            entry.providerId = uint32(seller >> 32);
        }
    }

    /// @notice Adds the rows of group `group`, bytes `[start, end)` of `batch`, to the table.
    /// @return sum of the group
    function addRows(
        Entry[] memory table,
        bytes calldata batch,
        uint256 start,
        uint256 end,
        uint256 group
    ) internal pure returns (uint256 sum) {
        uint256 offset = start;
        while (true) {
            uint256 part;
            (offset, part) = _addSuccessful(table, batch, offset, end);
            unchecked {
                sum += part;
            }
            if (offset == end) return sum;
            _addFailed(table, batch, offset, group);
            offset += BatchFormat.ROW_BYTES;
        }
    }

    /// @notice Takes a successful row that is not to be charged here out of the table again.
    /// @return sum of the row; 0 if it failed
    function takeOut(Entry[] memory table, bytes calldata group, uint256 row) internal pure returns (uint256 sum) {
        uint256 offset = BatchFormat.GROUP_HEAD_BYTES + BatchFormat.ROW_BYTES * row;
        uint256 index;
        (sum, index) = _sumAt(table, group, offset);
        table[index].sum -= sum;
    }

    /// @notice Notes with each offer what the rows of `group` lacked when its account left `unpaid` wei of them unpaid. Rows
    /// are paid in their order until the money ends, so the last ones go without: exact, whatever the mix of offers.
    /// @param skipped rows that the batch does not charge (see SelfSettled)
    function noteUnpaid(
        Entry[] memory table,
        bytes calldata group,
        uint256 unpaid,
        uint256[] memory skipped
    ) internal pure {
        uint256 row = (group.length - BatchFormat.GROUP_HEAD_BYTES) / BatchFormat.ROW_BYTES;
        while (unpaid != 0) {
            --row;
            if (SelfSettled.has(skipped, row)) continue;
            (uint256 price, uint256 index) = priceAt(table, group, row);
            uint256 lacked = Math.min(price, unpaid);
            table[index].unpaid += lacked;
            unpaid -= lacked;
        }
    }

    /// @notice Wei that row `row` of `group` costs; 0 if it failed.
    function priceAt(
        Entry[] memory table,
        bytes calldata group,
        uint256 row
    ) internal pure returns (uint256 price, uint256 offerIndex) {
        uint256 sum;
        (sum, offerIndex) = _sumAt(table, group, BatchFormat.GROUP_HEAD_BYTES + BatchFormat.ROW_BYTES * row);
        price = amount(sum);
    }

    /// @notice Wei that the output units of the rows cost, of `amount`.
    function outputAmount(Entry memory entry) internal pure returns (uint256) {
        return outputUnits(entry.sum) * (entry.outputWord >> 96);
    }

    /// @notice Wei that the rows of `sum` cost.
    function amount(uint256 sum) internal pure returns (uint256) {
        return uint128(sum >> 96);
    }

    function outputUnits(uint256 sum) internal pure returns (uint256) {
        return uint48(sum >> 48);
    }

    /// @notice The output units of the rows of `sum`, each times its row's timing.
    function timedUnits(uint256 sum) internal pure returns (uint256) {
        return uint48(sum);
    }

    function count(uint256 sum) internal pure returns (uint256) {
        return sum >> 224;
    }

    function _sumAt(
        Entry[] memory table,
        bytes calldata group,
        uint256 offset
    ) private pure returns (uint256 sum, uint256 index) {
        uint24 inputUnits;
        uint24 outputUnits_;
        uint8 timing;
        (index, inputUnits, outputUnits_, timing) = BatchFormat.readRow(group, offset);
        Entry memory entry = table[index];
        if (timing == 0) return (0, index);
        sum = inputUnits * entry.inputWord + outputUnits_ * (entry.outputWord + timing) + entry.requestWord;
    }

    /// @dev An array of `length` entries that follow each other in memory, not yet written.
    function _allocate(uint256 length) private pure returns (Entry[] memory table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            mstore(table, length)
            let pointer := add(table, 0x20)
            let entry := add(pointer, shl(5, length))
            for {
                let end := entry
            } lt(pointer, end) {
                pointer := add(pointer, 0x20)
            } {
                mstore(pointer, entry)
                entry := add(entry, 0x100)
            }
            mstore(0x40, entry)
        }
    }

    /// @dev Adds rows up to the first that failed or names an offer outside the table, and tells where that is; `end`
    /// when there is none. Four rows are tested at once: a timing plus 255 carries into bit 8 unless it is 0; an offer
    /// index plus (256 - nOffers) carries into bit 63 (of the word shifted right by one) if it is outside the table.
    function _addSuccessful(
        Entry[] memory table,
        bytes calldata batch,
        uint256 offset,
        uint256 end
    ) private pure returns (uint256 reached, uint256 sum) {
        uint256 addends;
        unchecked {
            addends = TIMINGS + ((EVERY_ROW * (256 - table.length)) << 55);
        }
        assembly ("memory-safe") {
            // Adds the row at bit `at` of `word` to its entry, and gives its sum.
            function addRow(first, word, at) -> rowSum {
                let entry := add(first, and(shr(add(at, 48), word), 0xff00))
                rowSum := add(
                    add(
                        mul(and(shr(add(at, 32), word), 0xffffff), mload(entry)),
                        mul(
                            and(shr(add(at, 8), word), 0xffffff),
                            add(mload(add(entry, 0x20)), and(shr(at, word), 0xff))
                        )
                    ),
                    mload(add(entry, 0x40))
                )
                mstore(add(entry, 0x60), add(mload(add(entry, 0x60)), rowSum))
            }
            // Not 0 in the eight bytes of each row that failed or names an offer outside the table.
            function oddRows(word, addends_) -> rows {
                let tests := add(add(and(word, TIMINGS), addends_), shr(1, and(word, OFFER_INDEXES)))
                rows := xor(and(tests, TESTED), SUCCEEDED)
            }
            let first := mload(add(table, 0x20))
            let cursor := add(batch.offset, offset)
            let last := add(batch.offset, end)
            let lastWord := sub(last, 0x20)
            for {} 1 {
                cursor := add(cursor, 0x20)
            } {
                let word := calldataload(cursor)
                let odds := oddRows(word, addends)
                if or(odds, gt(cursor, lastWord)) {
                    // The rows before an odd one, or the last three at most.
                    for {} lt(cursor, last) {
                        cursor := add(cursor, 8)
                    } {
                        if shr(192, odds) {
                            break
                        }
                        sum := add(sum, addRow(first, word, 192))
                        word := shl(64, word)
                        odds := shl(64, odds)
                    }
                    break
                }
                sum := add(sum, addRow(first, word, 192))
                sum := add(sum, addRow(first, word, 128))
                sum := add(sum, addRow(first, word, 64))
                sum := add(sum, addRow(first, word, 0))
            }
            reached := sub(cursor, batch.offset)
        }
    }

    /// @dev Counts the row at `offset`, which is no successful row of an offer of the table.
    function _addFailed(Entry[] memory table, bytes calldata batch, uint256 offset, uint256 group) private pure {
        (uint256 offerIndex, uint24 inputUnits, uint24 outputUnits_, ) = BatchFormat.readRow(batch, offset);
        require(offerIndex < table.length, ILedger.Ledger_BadOfferIndex(group));
        require(inputUnits == 0 && outputUnits_ == 0, ILedger.Ledger_FailedRowWithUnits(group));
        ++table[offerIndex].failures;
    }
}
