// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IRowPayments} from "./interfaces/IRowPayments.sol";
import {AccountWordLib} from "./libraries/AccountWord.sol";
import {BatchFormat} from "./libraries/BatchFormat.sol";
import {OfferTable} from "./libraries/OfferTable.sol";
import {SelfSettled} from "./libraries/SelfSettled.sol";

/// @title RowPayments
/// @notice Prices a group again as it was settled. A contract of its own, for Disputes and Reviews to share.
contract RowPayments is IRowPayments {
    using OfferTable for OfferTable.Entry[];

    uint256 private constant BPS = 10_000;

    ILedger private immutable _ledger;
    IEscrow private immutable _escrow;
    IRegistry private immutable _registry;

    constructor(ILedger ledger, IEscrow escrow, IRegistry registry) {
        (_ledger, _escrow, _registry) = (ledger, escrow, registry);
    }

    /// @inheritdoc IRowPayments
    function paymentOf(
        ILedger.RowProof calldata proof
    ) external view returns (ILedger.Row memory row, Payment memory payment) {
        row = _ledger.proveRow(proof);
        payment.appFee = appFeeDown(row.amount, row.appId, row.accountId);
        if (_escrow.isSelfSettled(row.accountId, row.seq)) return (row, payment);
        payment.taken = row.amount + payment.appFee;
        if (proof.shortfall != 0) (payment.taken, payment.unpaid) = _shareOf(proof, row);
    }

    /// @inheritdoc IRowPayments
    function appFeeDown(uint256 amount, uint32 appId, uint32 accountId) public view returns (uint256) {
        if (appId == 0) return 0;
        uint256 feeBps = _registry.app(appId).feeBps;
        uint256 maxPct = (_escrow.account(accountId).flags >> AccountWordLib.APP_FEE_PCT_SHIFT) & 0x1f;
        return feeBps <= maxPct * 100 ? (amount * feeBps) / BPS : 0;
    }

    /// @dev What a row of a short group took, and what it lacked.
    function _shareOf(
        ILedger.RowProof calldata proof,
        ILedger.Row memory row
    ) private view returns (uint256 taken, uint256 unpaid) {
        bytes calldata group = proof.group;
        uint256 count = (group.length - BatchFormat.GROUP_HEAD_BYTES) / BatchFormat.ROW_BYTES;
        uint256[] memory skipped = SelfSettled.rowsOf(_escrow, row.accountId, proof.startSeq, count);
        OfferTable.Entry[] memory table = _tableOf(proof.header);
        uint256 sum = table.addRows(group, BatchFormat.GROUP_HEAD_BYTES, group.length, 0);
        for (uint256 i; i < count; ++i) if (SelfSettled.has(skipped, i)) sum -= table.takeOut(group, i);
        uint256 total = OfferTable.amount(sum);

        uint256 appFee = appFeeDown(total, row.appId, row.accountId);
        if (appFee > proof.shortfall) return (row.amount + ((appFee - proof.shortfall) * row.amount) / total, 0);
        unpaid = _lackedBy(proof, table, skipped, proof.shortfall - appFee);
        taken = row.amount - unpaid;
    }

    /// @dev What row `proof.rowIndex` lacks of the `unpaid` wei that its group lacks, from the last row back.
    function _lackedBy(
        ILedger.RowProof calldata proof,
        OfferTable.Entry[] memory table,
        uint256[] memory skipped,
        uint256 unpaid
    ) private pure returns (uint256 lacked) {
        uint256 index = (proof.group.length - BatchFormat.GROUP_HEAD_BYTES) / BatchFormat.ROW_BYTES;
        while (unpaid != 0) {
            --index;
            if (SelfSettled.has(skipped, index)) continue;
            (uint256 price, ) = table.priceAt(proof.group, index);
            lacked = Math.min(price, unpaid);
            if (index == proof.rowIndex) return lacked;
            unpaid -= lacked;
        }
        return 0;
    }

    function _tableOf(bytes calldata header) private view returns (OfferTable.Entry[] memory table) {
        uint256 nOffers = BatchFormat.readSettledHeader(header).nOffers;
        uint256[] memory words = new uint256[](2 * nOffers);
        for (uint256 i; i < nOffers; ++i) {
            IRegistry.Offer memory offer = _registry.offer(BatchFormat.tableId(header, i));
            words[2 * i] = (uint256(offer.requestPrice) << 144) | (uint256(offer.outputPrice) << 72) | offer.inputPrice;
        }
        table = OfferTable.load(words, nOffers);
    }
}
