// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILedger} from "../interfaces/ILedger.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {BatchFormat} from "./BatchFormat.sol";
import {OfferTable} from "./OfferTable.sol";

/// @notice What the shortfall of a group means for one of its rows: the app goes without first, then the rows from the last
/// one back. Prices the group again as it was settled; terms, offers and apps never change.
library RowPayment {
    using OfferTable for OfferTable.Entry[];

    uint256 private constant BPS = 10_000;

    /// @notice Wei that the account lacked of the proved row's price.
    /// @param proof one that the Ledger has confirmed
    /// @param appId of the row
    /// @param maxAppFeePct of the row's account
    function unpaidOf(
        ILedger.RowProof calldata proof,
        uint32 appId,
        uint8 maxAppFeePct,
        IRegistry registry
    ) internal view returns (uint256) {
        if (proof.shortfall == 0) return 0;
        bytes calldata group = proof.group;
        OfferTable.Entry[] memory table = _tableOf(proof.header, registry);
        uint256 total = OfferTable.amount(table.addRows(group, BatchFormat.GROUP_HEAD_BYTES, group.length, 0));
        uint256 unpaid = Math.saturatingSub(proof.shortfall, appFeeDown(total, appId, maxAppFeePct, registry));

        uint256 row = BatchFormat.GROUP_HEAD_BYTES + BatchFormat.ROW_BYTES * proof.rowIndex;
        uint256 offset = group.length;
        while (unpaid != 0) {
            offset -= BatchFormat.ROW_BYTES;
            uint256 lacked = Math.min(_priceAt(table, group, offset), unpaid);
            if (offset == row) return lacked;
            unpaid -= lacked;
        }
        return 0;
    }

    /// @notice Wei that the proved row took from its account, its part of the app's fee included: what the app got of a
    /// short group is shared among the rows by their amounts. Rounded down, so that the rows of a group never add up to
    /// more than it took.
    /// @param amount the row's
    function paidDown(
        ILedger.RowProof calldata proof,
        uint256 amount,
        uint32 appId,
        uint8 maxAppFeePct,
        IRegistry registry
    ) internal view returns (uint256) {
        if (proof.shortfall == 0) return amount + appFeeDown(amount, appId, maxAppFeePct, registry);
        bytes calldata group = proof.group;
        OfferTable.Entry[] memory table = _tableOf(proof.header, registry);
        uint256 total = OfferTable.amount(table.addRows(group, BatchFormat.GROUP_HEAD_BYTES, group.length, 0));
        uint256 appFee = appFeeDown(total, appId, maxAppFeePct, registry);
        if (appFee > proof.shortfall) return amount + ((appFee - proof.shortfall) * amount) / total;
        return amount - unpaidOf(proof, appId, maxAppFeePct, registry);
    }

    function _tableOf(
        bytes calldata header,
        IRegistry registry
    ) private view returns (OfferTable.Entry[] memory table) {
        uint256 nOffers = BatchFormat.readSettledHeader(header).nOffers;
        uint256[] memory words = new uint256[](2 * nOffers);
        for (uint256 i; i < nOffers; ++i) {
            IRegistry.Offer memory offer = registry.offer(BatchFormat.tableId(header, i));
            words[2 * i] = (uint256(offer.requestPrice) << 144) | (uint256(offer.outputPrice) << 72) | offer.inputPrice;
        }
        table = OfferTable.load(words, nOffers);
    }

    /// @notice The app's fee on `total`, as AccountWord.debit takes it.
    function appFeeDown(
        uint256 total,
        uint32 appId,
        uint8 maxAppFeePct,
        IRegistry registry
    ) internal view returns (uint256) {
        if (appId == 0) return 0;
        uint256 feeBps = registry.app(appId).feeBps;
        return feeBps <= uint256(maxAppFeePct) * 100 ? (total * feeBps) / BPS : 0;
    }

    function _priceAt(
        OfferTable.Entry[] memory table,
        bytes calldata group,
        uint256 offset
    ) private pure returns (uint256) {
        (uint256 index, uint24 inputUnits, uint24 outputUnits, uint8 timing) = BatchFormat.readRow(group, offset);
        if (timing == 0) return 0;
        OfferTable.Entry memory offer = table[index];
        return OfferTable.amount(inputUnits * offer.inputWord + outputUnits * offer.outputWord + offer.requestWord);
    }
}
