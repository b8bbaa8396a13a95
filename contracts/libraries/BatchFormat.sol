// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "../interfaces/ILedger.sol";

/// @notice Reads the fixed parts of a batch from calldata; ILedger has the bytes. Reading past the end of calldata gives
/// zeros, so every length is checked before what it spans is read.
library BatchFormat {
    uint8 internal constant VERSION = 1;
    uint256 internal constant HEADER_BYTES = 19;
    uint256 internal constant ID_BYTES = 4;
    uint256 internal constant GROUP_HEAD_BYTES = 7;
    uint256 internal constant ROW_BYTES = 8;
    /// Every sum of a batch is proved to fit its bits from this bound (see OfferTable).
    uint256 internal constant MAX_ROWS = 16_384;

    struct Header {
        uint32 batchNo;
        uint40 servedFrom;
        uint40 servedTo;
        uint256 nOffers;
        uint256 nApps;
        uint256 nGroups;
    }

    /// @notice The header of `batch`, whose tables are known to be complete and strictly ascending.
    function readHeader(bytes calldata batch) internal pure returns (Header memory header) {
        _requireLength(batch, HEADER_BYTES);
        uint256 word = _word(batch, 0);
        uint8 version = uint8(word >> 248);
        require(version == VERSION, ILedger.Ledger_BadVersion(version, VERSION));
        header = _header(word);
        require(header.nOffers != 0 && header.nApps != 0, ILedger.Ledger_EmptyTable());
        require(header.nGroups != 0, ILedger.Ledger_EmptyBatch());
        _requireLength(batch, tablesEnd(header) + header.nGroups * GROUP_HEAD_BYTES);
        _requireAscending(batch, 0, header.nOffers);
        _requireAscending(batch, header.nOffers, header.nApps);
    }

    /// @notice The header of bytes that are known to begin a settled batch.
    function readSettledHeader(bytes calldata header) internal pure returns (Header memory) {
        return _header(_word(header, 0));
    }

    /// @notice Where the groups begin.
    function tablesEnd(Header memory header) internal pure returns (uint256) {
        return HEADER_BYTES + ID_BYTES * (header.nOffers + header.nApps);
    }

    /// @notice How many rows a batch of `length` bytes has room for.
    function rowsIn(Header memory header, uint256 length) internal pure returns (uint256) {
        return (length - tablesEnd(header) - GROUP_HEAD_BYTES * header.nGroups) / ROW_BYTES;
    }

    /// @notice Id `index` of the tables, which follow each other: offers, then apps.
    function tableId(bytes calldata batch, uint256 index) internal pure returns (uint32) {
        return uint32(_word(batch, HEADER_BYTES + ID_BYTES * index) >> 224);
    }

    /// @notice The head of the group at `offset`.
    function readGroupHead(
        bytes calldata batch,
        uint256 offset
    ) internal pure returns (uint32 accountId, uint256 appIndex, uint256 count) {
        uint256 word = _word(batch, offset);
        accountId = uint32(word >> 224);
        appIndex = uint8(word >> 216);
        count = uint16(word >> 200);
    }

    /// @notice Bytes of a group of `count` rows.
    function groupLength(uint256 count) internal pure returns (uint256) {
        unchecked {
            return GROUP_HEAD_BYTES + ROW_BYTES * count;
        }
    }

    /// @notice The group of `count` rows at `offset`, known to be within `batch`.
    function groupAt(bytes calldata batch, uint256 offset, uint256 count) internal pure returns (bytes calldata group) {
        uint256 length = groupLength(count);
        assembly ("memory-safe") {
            group.offset := add(batch.offset, offset)
            group.length := length
        }
    }

    /// @notice The row at `offset`.
    function readRow(
        bytes calldata batch,
        uint256 offset
    ) internal pure returns (uint256 offerIndex, uint24 inputUnits, uint24 outputUnits, uint8 timing) {
        uint256 word = _word(batch, offset);
        offerIndex = uint8(word >> 248);
        inputUnits = uint24(word >> 224);
        outputUnits = uint24(word >> 200);
        timing = uint8(word >> 192);
    }

    function _header(uint256 word) private pure returns (Header memory) {
        return
            Header({
                batchNo: uint32(word >> 216),
                servedFrom: uint40(word >> 176),
                servedTo: uint40(word >> 136),
                nOffers: uint8(word >> 128),
                nApps: uint8(word >> 120),
                nGroups: uint16(word >> 104)
            });
    }

    function _requireAscending(bytes calldata batch, uint256 first, uint256 count) private pure {
        uint32 previous = tableId(batch, first);
        for (uint256 i = first + 1; i < first + count; ++i) {
            uint32 id = tableId(batch, i);
            require(id > previous, ILedger.Ledger_TableNotAscending(i));
            previous = id;
        }
    }

    function _requireLength(bytes calldata batch, uint256 needed) private pure {
        require(batch.length >= needed, ILedger.Ledger_Truncated(batch.length, needed));
    }

    function _word(bytes calldata batch, uint256 offset) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(batch.offset, offset))
        }
    }
}
