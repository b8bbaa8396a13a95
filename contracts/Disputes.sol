// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BondClaims} from "./BondClaims.sol";
import {Challenges} from "./Challenges.sol";
import {IChallenges} from "./interfaces/IChallenges.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IRowPayments} from "./interfaces/IRowPayments.sol";
import {Windows} from "./libraries/Windows.sol";
import {ReceiptEvidence} from "./ReceiptEvidence.sol";
import {RowPayments} from "./RowPayments.sol";
import {SelfSettlement} from "./SelfSettlement.sol";

/// @title Disputes
/// @notice Turns an operator's signatures, or its silence, into claims on its bond.
contract Disputes is SelfSettlement {
    /// @inheritdoc IDisputes
    IChallenges public immutable challenges;

    constructor(
        address registry_,
        address escrow_,
        address ledger_,
        Windows memory windows,
        uint96 penalty_
    )
        ReceiptEvidence(
            registry_,
            escrow_,
            ledger_,
            new RowPayments(ILedger(ledger_), IEscrow(escrow_), IRegistry(registry_))
        )
        BondClaims(registry_, escrow_, penalty_)
        SelfSettlement(windows)
    {
        challenges = new Challenges(registry_, escrow_, ledger_, _rowPayments, penalty_ / 10);
    }

    // --------------------------------------------------------------- evidence

    /// @inheritdoc IDisputes
    function challengeRow(
        ILedger.Receipt calldata receipt,
        bytes calldata signature,
        ILedger.RowProof calldata proof
    ) external {
        // Check
        bytes32 digest = _requireSigned(receipt, signature);
        (ILedger.Row memory row, IRowPayments.Payment memory payment) = _rowPayments.paymentOf(proof);
        require(
            row.operatorId == receipt.operatorId && row.accountId == receipt.accountId && row.seq == receipt.seq,
            Disputes_OtherRow(row.operatorId, row.accountId, row.seq)
        );
        uint32 firstOpen = ILedger(ledger).firstOpenBatch(row.operatorId);
        require(row.batchNo >= firstOpen, Disputes_WindowClosed(row.batchNo, firstOpen));
        IRegistry.Offer memory offer = IRegistry(registry).offer(receipt.offerId);
        bool billable = _isBillable(offer, receipt.servedAt);
        require(!billable || !_isSettledAsSigned(receipt, row), Disputes_SettledAsSigned(digest));
        require(!isUsed[digest], Disputes_AlreadyPaid(digest));

        // Effect
        isUsed[digest] = true;
        uint256 due = billable ? _priceDown(receipt, offer) : 0;
        uint256 dueOfPayer = due + _rowPayments.appFeeDown(due, receipt.appId, row.accountId);
        uint256 refunded = _judgements[row.operatorId][row.accountId][row.seq].refunded;
        uint96 refund = uint96(Math.saturatingSub(payment.taken, dueOfPayer + refunded));
        if (refund != 0) _reverseFees(row, refund);
        _pay(
            Demand({
                kind: Evidence.Row,
                evidence: digest,
                operatorId: row.operatorId,
                accountId: row.accountId,
                seq: row.seq,
                providerId: offer.providerId,
                refund: refund,
                compensation: _netOfFee(Math.saturatingSub(due, _gotOf(row, offer.providerId)), receipt.servedAt),
                challenger: msg.sender
            }),
            false
        );
    }

    /// @inheritdoc IDisputes
    function challengeEquivocation(
        ILedger.Receipt calldata a,
        bytes calldata signatureA,
        ILedger.Receipt calldata b,
        bytes calldata signatureB
    ) external {
        // Check
        bytes32 digestA = _requireSigned(a, signatureA);
        bytes32 digestB = _requireSigned(b, signatureB);
        require(digestA != digestB, Disputes_SameReceipt(digestA));
        require(
            a.operatorId == b.operatorId && a.accountId == b.accountId && a.seq == b.seq,
            Disputes_OtherSequence(b.operatorId, b.accountId, b.seq)
        );
        bytes32 evidence = keccak256(abi.encode(digestA, digestB));
        Judgement storage judged = _judgements[a.operatorId][a.accountId][a.seq];
        require(!judged.equivocated, Disputes_AlreadyPaid(evidence));

        // Effect
        judged.equivocated = true;
        (uint32 providerId, uint96 compensation) = _surelyUnpaid(a, digestA, b, digestB);
        _pay(
            Demand({
                kind: Evidence.Equivocation,
                evidence: evidence,
                operatorId: a.operatorId,
                accountId: a.accountId,
                seq: a.seq,
                providerId: providerId,
                refund: 0,
                compensation: compensation,
                challenger: msg.sender
            }),
            false
        );
    }

    // -------------------------------------------------------- Challenges only

    /// @inheritdoc IDisputes
    function payUnauthorized(Unauthorized calldata charge) external returns (uint96 reversed) {
        // Check
        require(msg.sender == address(challenges), Disputes_NotChallenges(msg.sender));
        Judgement storage judged = _judgements[charge.operatorId][charge.accountId][charge.seq];
        uint96 refund = uint96(Math.saturatingSub(charge.taken, judged.refunded));
        // Other evidence took everything before, and with it the penalty.
        if (refund == 0) return 0;

        // Effect, Interaction
        uint256 lacking = Math.saturatingSub(refund, freeOfRefunds(charge.operatorId));
        reversed = uint96(Math.min(lacking, charge.frozen));
        judged.refunded += reversed;
        uint256 amount = Math.min(refund, charge.paid);
        uint256 feeUp = Math.ceilDiv(amount * ILedger(ledger).protocolFeeBps(charge.servedFrom), BPS);
        ILedger(ledger).reverse(charge.operatorId, charge.epoch, charge.listingId, charge.appId, feeUp);
        _pay(
            Demand({
                kind: Evidence.Unauthorized,
                evidence: keccak256(abi.encode(charge.accountId, charge.seq)),
                operatorId: charge.operatorId,
                accountId: charge.accountId,
                seq: charge.seq,
                providerId: 0,
                refund: refund - reversed,
                compensation: 0,
                challenger: charge.challenger
            }),
            reversed != 0
        );
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDisputes
    function rowPayments() external view returns (IRowPayments) {
        return _rowPayments;
    }

    // ---------------------------------------------------------------- private

    /// @dev What the row's price gave to this provider, in its batch or, if it settled that itself, before.
    function _gotOf(ILedger.Row memory row, uint32 providerId) private view returns (uint256) {
        return IRegistry(registry).offer(row.offerId).providerId == providerId ? row.amount : 0;
    }

    /// @dev Of a row that took too much, no more than its own fee stops counting.
    function _reverseFees(ILedger.Row memory row, uint96 refund) private {
        uint256 epoch = ILedger(ledger).epochOf(row.operatorId, row.batchNo);
        uint256 amount = Math.min(refund, row.amount);
        uint256 feeUp = Math.ceilDiv(amount * ILedger(ledger).protocolFeeBps(row.servedFrom), BPS);
        uint32 listingId = IRegistry(registry).offer(row.offerId).listingId;
        ILedger(ledger).reverse(row.operatorId, epoch, listingId, row.appId, feeUp);
    }

    /// @dev All that a row and its receipt have in common; the batch's span is what a row knows of time. What an account
    /// lacked is no difference: a row's amount is its price.
    function _isSettledAsSigned(ILedger.Receipt calldata receipt, ILedger.Row memory row) private pure returns (bool) {
        return
            receipt.offerId == row.offerId &&
            receipt.appId == row.appId &&
            receipt.inputUnits == row.inputUnits &&
            receipt.outputUnits == row.outputUnits &&
            receipt.timing == row.timing &&
            receipt.amount == row.amount &&
            receipt.servedAt >= row.servedFrom &&
            receipt.servedAt <= row.servedTo;
    }

    /// @dev Of the receipts for one sequence number, one at most is ever charged. So of two of one provider the lower is
    /// surely unpaid; of two providers, the one that was not used when another was self-settled.
    function _surelyUnpaid(
        ILedger.Receipt calldata a,
        bytes32 digestA,
        ILedger.Receipt calldata b,
        bytes32 digestB
    ) private returns (uint32 providerId, uint96 unpaid) {
        (uint32 providerA, uint96 netA) = _worthOf(a);
        (uint32 providerB, uint96 netB) = _worthOf(b);
        if (providerA == providerB) return (providerA, netA < netB ? netA : netB);
        if (!IEscrow(escrow).isSelfSettled(a.accountId, a.seq) || isUsed[digestA] == isUsed[digestB]) return (0, 0);
        // No row can be charged for it any more, so this is all that it will ever bring.
        if (isUsed[digestB]) {
            isUsed[digestA] = true;
            return (providerA, netA);
        }
        isUsed[digestB] = true;
        return (providerB, netB);
    }

    /// @dev Whose receipt it is, and what that would have been credited for it.
    function _worthOf(ILedger.Receipt calldata receipt) private view returns (uint32 providerId, uint96 net) {
        IRegistry.Offer memory offer = IRegistry(registry).offer(receipt.offerId);
        providerId = offer.providerId;
        if (_isBillable(offer, receipt.servedAt)) net = _netOfFee(_priceDown(receipt, offer), receipt.servedAt);
    }
}
