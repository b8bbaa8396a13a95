// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {AccountWordLib} from "./libraries/AccountWord.sol";
import {RowPayment} from "./libraries/RowPayment.sol";
import {Signatures} from "./libraries/Signatures.sol";

contract Disputes is IDisputes {
    using SafeERC20 for IERC20;

    /// @dev What one piece of evidence asks for, in wei.
    struct Claim {
        Evidence kind;
        bytes32 evidence;
        uint24 operatorId;
        uint32 accountId;
        uint40 seq;
        uint32 providerId; // who lacks `compensation`
        uint96 refund;
        uint96 compensation;
    }

    // -------------------------------------------------------------- constants

    uint96 public constant MIN_PENALTY = 1e18;
    uint96 public constant MAX_PENALTY = 1_000_000e18;
    /// @notice The challenger's part of the penalty. The rest is lost to everybody, so that an operator that brings
    /// evidence against itself loses it.
    uint256 public constant REWARD_BPS = 5_000;
    /// @notice Nobody's: what arrives here is gone.
    address public constant SINK = 0x000000000000000000000000000000000000dEaD;
    uint256 private constant BPS = 10_000;

    // ---------------------------------------------------------------- storage

    /// @inheritdoc IDisputes
    address public immutable registry;
    /// @inheritdoc IDisputes
    address public immutable escrow;
    /// @inheritdoc IDisputes
    address public immutable ledger;
    /// @inheritdoc IDisputes
    uint96 public immutable penalty;
    IERC20 private immutable _token;
    uint256 private immutable _grace;

    /// @inheritdoc IDisputes
    mapping(bytes32 digest => bool) public isUsed;
    /// @inheritdoc IDisputes
    mapping(uint24 operatorId => uint256) public debtOf;
    mapping(uint24 operatorId => mapping(uint32 accountId => mapping(uint40 seq => Judgement))) private _judgements;

    constructor(address registry_, address escrow_, address ledger_, uint96 penalty_) {
        require(registry_ != address(0) && escrow_ != address(0) && ledger_ != address(0), Disputes_ZeroAddress());
        require(IRegistry(registry_).disputes() == address(this), Disputes_Miswired(registry_));
        require(IEscrow(escrow_).disputes() == address(this), Disputes_Miswired(escrow_));
        require(
            penalty_ >= MIN_PENALTY && penalty_ <= MAX_PENALTY,
            Disputes_PenaltyOutOfRange(penalty_, MIN_PENALTY, MAX_PENALTY)
        );
        registry = registry_;
        escrow = escrow_;
        ledger = ledger_;
        penalty = penalty_;
        _token = IERC20(IRegistry(registry_).token());
        _grace = IRegistry(registry_).grace();
        // The Escrow pulls what this contract gives it, and this contract holds nothing between calls.
        _token.forceApprove(escrow_, type(uint256).max);
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
        ILedger.Row memory row = ILedger(ledger).proveRow(proof);
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
        uint8 maxAppFeePct = _maxAppFeePct(row.accountId);
        uint256 dueOfPayer = due + RowPayment.appFeeDown(due, receipt.appId, maxAppFeePct, IRegistry(registry));
        uint256 taken = RowPayment.paidDown(proof, row.amount, row.appId, maxAppFeePct, IRegistry(registry));
        uint256 got = IRegistry(registry).offer(row.offerId).providerId == offer.providerId ? row.amount : 0;
        uint256 alreadyRefunded = _judgements[row.operatorId][row.accountId][row.seq].refunded;
        _pay(
            Claim({
                kind: Evidence.Row,
                evidence: digest,
                operatorId: row.operatorId,
                accountId: row.accountId,
                seq: row.seq,
                providerId: offer.providerId,
                refund: uint96(Math.saturatingSub(taken, dueOfPayer + alreadyRefunded)),
                compensation: _netOfFee(Math.saturatingSub(due, got), receipt.servedAt)
            })
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
        _pay(
            Claim({
                kind: Evidence.Equivocation,
                evidence: evidence,
                operatorId: a.operatorId,
                accountId: a.accountId,
                seq: a.seq,
                providerId: IRegistry(registry).offer(a.offerId).providerId,
                refund: 0,
                compensation: _surelyUnpaid(a, b)
            })
        );
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDisputes
    function judgement(uint24 operatorId, uint32 accountId, uint40 seq) external view returns (Judgement memory) {
        return _judgements[operatorId][accountId][seq];
    }

    // ---------------------------------------------------------------- private

    /// @dev Takes what is due from the bond and pays it out, in the order of IDisputes.
    function _pay(Claim memory claim) private {
        Judgement storage judged = _judgements[claim.operatorId][claim.accountId][claim.seq];
        uint256 penaltyDue = judged.penalized ? 0 : penalty;
        uint256 due = uint256(claim.refund) + claim.compensation + penaltyDue;
        require(due != 0, Disputes_NothingLeft(claim.evidence));

        // Effect
        judged.penalized = true;
        judged.refunded += claim.refund;

        // Interaction, with the contracts of this deployment only: the bond comes in...
        uint96 left = IRegistry(registry).slash(claim.operatorId, uint96(Math.min(due, type(uint96).max)));
        uint96 refund = uint96(Math.min(left, claim.refund));
        left -= refund;
        uint96 compensation = uint96(Math.min(left, claim.compensation));
        left -= compensation;
        _recordDebt(claim, claim.refund - refund, claim.compensation - compensation);
        uint96 reward = uint96((left * REWARD_BPS) / BPS);
        emit EvidencePaid(
            claim.operatorId,
            claim.accountId,
            msg.sender,
            claim.kind,
            claim.seq,
            claim.evidence,
            compensation == 0 ? 0 : claim.providerId,
            refund,
            compensation,
            left,
            reward
        );

        // ...and goes out, to the last wei.
        if (refund != 0) IEscrow(escrow).refund(claim.accountId, refund);
        if (compensation != 0) IEscrow(escrow).compensate(claim.providerId, compensation);
        if (reward != 0) _token.safeTransfer(msg.sender, reward);
        if (left != reward) _token.safeTransfer(SINK, left - reward);
    }

    function _recordDebt(Claim memory claim, uint96 refund, uint96 compensation) private {
        if (refund == 0 && compensation == 0) return;
        debtOf[claim.operatorId] += uint256(refund) + compensation;
        emit DebtRecorded(claim.operatorId, claim.accountId, claim.providerId, refund, compensation);
    }

    /// @dev The digest of a receipt that a receipt key of its operator signed. Receipts of another chain or Ledger have
    /// another digest, which recovers to nobody known.
    function _requireSigned(
        ILedger.Receipt calldata receipt,
        bytes calldata signature
    ) private view returns (bytes32 digest) {
        digest = ILedger(ledger).hashReceipt(receipt);
        address signer = Signatures.recover(digest, signature);
        require(
            signer != address(0) &&
                receipt.operatorId != 0 &&
                IRegistry(registry).operatorOfReceiptKey(signer) == receipt.operatorId,
            Disputes_NotSigned(digest, signer)
        );
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

    function _isBillable(IRegistry.Offer memory offer, uint40 servedAt) private view returns (bool) {
        return offer.createdAt != 0 && offer.createdAt <= servedAt && servedAt <= offer.retiresAt + _grace;
    }

    /// @dev What a receipt is worth: what it says, and no more than its offer's list.
    function _priceDown(ILedger.Receipt calldata receipt, IRegistry.Offer memory offer) private pure returns (uint256) {
        if (receipt.timing == 0) return 0;
        uint256 listed =
            uint256(receipt.inputUnits) * offer.inputPrice +
                uint256(receipt.outputUnits) * offer.outputPrice +
                offer.requestPrice;
        return Math.min(receipt.amount, listed);
    }

    /// @dev Of two receipts of one provider for one sequence number, one at most is ever settled.
    function _surelyUnpaid(ILedger.Receipt calldata a, ILedger.Receipt calldata b) private view returns (uint96) {
        IRegistry.Offer memory offerA = IRegistry(registry).offer(a.offerId);
        IRegistry.Offer memory offerB = IRegistry(registry).offer(b.offerId);
        if (offerA.providerId != offerB.providerId) return 0;
        if (!_isBillable(offerA, a.servedAt) || !_isBillable(offerB, b.servedAt)) return 0;
        (uint256 priceA, uint256 priceB) = (_priceDown(a, offerA), _priceDown(b, offerB));
        return priceA < priceB ? _netOfFee(priceA, a.servedAt) : _netOfFee(priceB, b.servedAt);
    }

    /// @dev What a provider would have been credited: the protocol's fee never comes from a bond. `amount` is at most a
    /// receipt's.
    function _netOfFee(uint256 amount, uint40 servedAt) private view returns (uint96) {
        if (amount == 0) return 0;
        return uint96(amount - (amount * ILedger(ledger).protocolFeeBps(servedAt)) / BPS);
    }

    function _maxAppFeePct(uint32 accountId) private view returns (uint8) {
        return (IEscrow(escrow).account(accountId).flags >> AccountWordLib.APP_FEE_PCT_SHIFT) & 0x1f;
    }
}
