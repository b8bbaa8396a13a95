// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BondClaims} from "./BondClaims.sol";
import {IBoundedPause} from "./interfaces/IBoundedPause.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {Windows} from "./libraries/Windows.sol";

/// @notice The part of Disputes in which a provider settles receipts itself, because the router did not come.
abstract contract SelfSettlement is BondClaims {
    /// @inheritdoc IDisputes
    uint32 public immutable settleWindow;
    /// @inheritdoc IDisputes
    uint32 public immutable selfSettleWindow;
    /// @inheritdoc IDisputes
    mapping(bytes32 digest => bool) public isUsed;
    mapping(uint32 accountId => mapping(uint40 seq => StrictCharge)) private _strictCharges;

    constructor(Windows memory windows) {
        require(
            windows.challenge == IEscrow(escrow).challengeWindow() &&
                windows.unbonding == IRegistry(registry).unbondingPeriod(),
            Disputes_Miswired(registry)
        );
        settleWindow = windows.settle;
        selfSettleWindow = windows.selfSettle;
    }

    // ---------------------------------------------------------- self-settling

    /// @inheritdoc IDisputes
    function selfSettle(ILedger.Receipt[] calldata receipts, bytes[] calldata signatures) external {
        require(
            receipts.length == signatures.length && receipts.length != 0,
            Disputes_LengthsDiffer(receipts.length, signatures.length)
        );
        for (uint256 i = 0; i < receipts.length; ++i) _selfSettle(receipts[i], signatures[i]);
    }

    /// @inheritdoc IDisputes
    function settleBy(uint40 servedAt) public view returns (uint256 deadline) {
        deadline = uint256(servedAt) + settleWindow;
        uint256 from = IBoundedPause(ledger).pausedFrom();
        uint256 until = IBoundedPause(ledger).pausedUntil();
        // For as long as it lasted meanwhile. Of two pauses no more than one meets a settle window (see BoundedPause).
        if (until > servedAt && from < deadline) deadline += until - Math.max(from, servedAt);
    }

    /// @inheritdoc IDisputes
    function strictCharge(uint32 accountId, uint40 seq) external view returns (StrictCharge memory) {
        return _strictCharges[accountId][seq];
    }

    function _selfSettle(ILedger.Receipt calldata receipt, bytes calldata signature) private {
        // Check
        bytes32 digest = _requireSigned(receipt, signature);
        require(!isUsed[digest], Disputes_AlreadyPaid(digest));
        IRegistry.Offer memory offer = IRegistry(registry).offer(receipt.offerId);
        require(_isBillable(offer, receipt.servedAt), Disputes_NotBillable(receipt.offerId, receipt.servedAt));
        uint96 amount = uint96(_priceDown(receipt, offer));
        require(amount != 0, Disputes_NothingDue(digest));
        uint256 opensAt = settleBy(receipt.servedAt);
        require(block.timestamp > opensAt, Disputes_TooEarly(opensAt, block.timestamp));
        uint256 closesAt = opensAt + selfSettleWindow;
        require(block.timestamp <= closesAt, Disputes_TooLate(closesAt, block.timestamp));

        // Effect
        isUsed[digest] = true;
        IEscrow.ReceiptCharge memory charge = _chargeOf(receipt, offer, amount);
        (uint96 taken, uint96 paid) = IEscrow(escrow).chargeReceipt(charge);
        uint256 feeDown = (uint256(paid) * charge.protocolFeeBps) / BPS;
        ILedger(ledger).noteSelfSettled(
            receipt.operatorId,
            offer.listingId,
            receipt.appId,
            paid,
            Math.min(paid, uint256(receipt.outputUnits) * offer.outputPrice),
            receipt.outputUnits,
            receipt.timing,
            feeDown
        );
        // What the provider still lacks is claimed of the bond, less the fee.
        uint96 unpaid = amount - paid;
        _claim(receipt.operatorId, Claim.Compensation, offer.providerId, _netOfFee(unpaid, receipt.servedAt));
        if (taken != 0 && IEscrow(escrow).termsOf(receipt.accountId).strict)
            _strictCharges[receipt.accountId][receipt.seq] = StrictCharge({
                taken: taken,
                due: charge.amount + charge.appFee,
                servedAt: receipt.servedAt,
                settledAt: uint40(block.timestamp),
                operatorId: receipt.operatorId,
                listingId: offer.listingId,
                appId: receipt.appId,
                paid: paid
            });
        emit SelfSettled(
            receipt.operatorId,
            receipt.accountId,
            offer.providerId,
            receipt.seq,
            digest,
            receipt.offerId,
            receipt.appId,
            receipt.outputUnits,
            receipt.timing,
            receipt.servedAt,
            amount,
            taken,
            paid
        );
    }

    function _chargeOf(
        ILedger.Receipt calldata receipt,
        IRegistry.Offer memory offer,
        uint96 amount
    ) private view returns (IEscrow.ReceiptCharge memory) {
        uint256 appFee = _rowPayments.appFeeDown(amount, receipt.appId, receipt.accountId);
        return
            IEscrow.ReceiptCharge({
                operatorId: receipt.operatorId,
                accountId: receipt.accountId,
                seq: receipt.seq,
                providerId: offer.providerId,
                appId: receipt.appId,
                amount: amount,
                appFee: uint96(appFee),
                protocolFeeBps: ILedger(ledger).protocolFeeBps(receipt.servedAt),
                epoch: ILedger(ledger).epochAt(block.timestamp)
            });
    }
}
