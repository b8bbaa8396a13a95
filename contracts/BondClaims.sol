// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {ReceiptEvidence} from "./ReceiptEvidence.sol";

/// @notice The part of Disputes that knows what is claimed of a bond: claims wait for the unbonding period, so that nobody
/// drains a bond ahead of others, and penalties are taken at once.
abstract contract BondClaims is IDisputes, ReceiptEvidence {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @dev What one piece of evidence asks for, in wei.
    struct Demand {
        Evidence kind;
        bytes32 evidence;
        uint24 operatorId;
        uint32 accountId;
        uint40 seq;
        uint32 providerId; // who lacks `compensation`
        uint96 refund;
        uint96 compensation;
        address challenger;
    }

    uint96 public constant MIN_PENALTY = 1e18;
    uint96 public constant MAX_PENALTY = 1_000_000e18;
    /// @notice The challenger's part of the penalty. The rest is lost to everybody, so that an operator that brings
    /// evidence against itself loses it.
    uint256 public constant REWARD_BPS = 5_000;
    /// @notice Nobody's: what arrives here is gone.
    address public constant SINK = 0x000000000000000000000000000000000000dEaD;

    /// @inheritdoc IDisputes
    uint96 public immutable penalty;
    IERC20 internal immutable _token;
    uint256 private immutable _unbondingPeriod;

    mapping(uint24 operatorId => OpenClaims) private _open;
    mapping(uint24 operatorId => mapping(Claim => mapping(uint32 id => mapping(uint40 bucket => uint128))))
        private _claims;
    mapping(uint24 operatorId => mapping(uint32 accountId => mapping(uint40 seq => Judgement))) internal _judgements;

    /// @dev `escrow_`, `registry_` and `ledger_` are contracts: the parts that read receipts have called them by now.
    constructor(address registry_, address escrow_, uint96 penalty_) {
        require(IRegistry(registry_).disputes() == address(this), Disputes_Miswired(registry_));
        require(IEscrow(escrow_).disputes() == address(this), Disputes_Miswired(escrow_));
        require(
            penalty_ >= MIN_PENALTY && penalty_ <= MAX_PENALTY,
            Disputes_PenaltyOutOfRange(penalty_, MIN_PENALTY, MAX_PENALTY)
        );
        penalty = penalty_;
        _token = IERC20(IRegistry(registry_).token());
        _unbondingPeriod = IRegistry(registry_).unbondingPeriod();
        // The Escrow pulls what this contract gives it, and this contract holds nothing between calls.
        _token.forceApprove(escrow_, type(uint256).max);
    }

    // ----------------------------------------------------------------- claims

    /// @inheritdoc IDisputes
    function recordShortfalls(uint24 operatorId, uint256[] calldata shortfalls) external {
        require(msg.sender == ledger, Disputes_NotLedger(msg.sender));
        for (uint256 i = 0; i < shortfalls.length; ++i)
            _claim(operatorId, Claim.Compensation, uint32(shortfalls[i] >> 224), uint128(shortfalls[i]));
    }

    /// @inheritdoc IDisputes
    function collect(uint24 operatorId, Claim kind, uint32 id, uint40 bucket) external returns (uint96 paid) {
        // Check
        uint128 amount = _claims[operatorId][kind][id][bucket];
        require(amount != 0, Disputes_NoClaim(operatorId, kind, id, bucket));
        uint256 payableAt = (uint256(bucket) + 1) * _challengeWindow + _unbondingPeriod;
        require(block.timestamp >= payableAt, Disputes_NotPayableYet(payableAt, block.timestamp));
        paid = _payableOf(operatorId, kind, amount);
        address owner = _ownerOf(kind, id);
        // What is collected short is given up, so only its owner may decide that.
        require(paid == amount || msg.sender == owner, Disputes_BondTooSmall(paid, amount));

        // Effect
        delete _claims[operatorId][kind][id][bucket];
        OpenClaims storage open = _open[operatorId];
        if (kind == Claim.Refund) open.refunds -= amount;
        else open.compensations -= amount;
        emit ClaimCollected(operatorId, kind, id, bucket, amount, paid);

        // Interaction, with the contracts of this deployment only
        if (paid == 0) return 0;
        IRegistry(registry).slash(operatorId, paid);
        if (kind == Claim.Refund) IEscrow(escrow).refund(id, paid);
        else IEscrow(escrow).compensate(id, paid);
    }

    /// @inheritdoc IDisputes
    function claimOf(uint24 operatorId, Claim kind, uint32 id, uint40 bucket) external view returns (uint128) {
        return _claims[operatorId][kind][id][bucket];
    }

    /// @inheritdoc IDisputes
    function openClaims(uint24 operatorId) external view returns (uint256) {
        OpenClaims memory open = _open[operatorId];
        return uint256(open.refunds) + open.compensations;
    }

    /// @inheritdoc IDisputes
    function openClaimsByKind(uint24 operatorId) external view returns (OpenClaims memory) {
        return _open[operatorId];
    }

    /// @inheritdoc IDisputes
    function judgement(uint24 operatorId, uint32 accountId, uint40 seq) external view returns (Judgement memory) {
        return _judgements[operatorId][accountId][seq];
    }

    // --------------------------------------------------------------- internal

    /// @dev Records what evidence asks of the bond, and takes the penalty of its sequence number, once.
    /// @param moved whether the evidence moved money elsewhere already
    function _pay(Demand memory demand, bool moved) internal {
        Judgement storage judged = _judgements[demand.operatorId][demand.accountId][demand.seq];
        bool isPenalized = judged.penalized;
        require(
            moved || !isPenalized || demand.refund != 0 || demand.compensation != 0,
            Disputes_NothingLeft(demand.evidence)
        );

        // Effect
        judged.penalized = true;
        judged.refunded += demand.refund;
        _claim(demand.operatorId, Claim.Refund, demand.accountId, demand.refund);
        _claim(demand.operatorId, Claim.Compensation, demand.providerId, demand.compensation);
        // Payers come first: a penalty never takes what they claim.
        uint256 free = freeOfRefunds(demand.operatorId);
        uint96 taken = isPenalized ? 0 : uint96(Math.min(penalty, free));
        uint96 reward = uint96((taken * REWARD_BPS) / BPS);
        emit EvidencePaid(
            demand.operatorId,
            demand.accountId,
            demand.challenger,
            demand.kind,
            demand.seq,
            demand.evidence,
            demand.compensation == 0 ? 0 : demand.providerId,
            demand.refund,
            demand.compensation,
            taken,
            reward
        );

        // Interaction, with the contracts of this deployment only
        if (taken == 0) return;
        IRegistry(registry).slash(demand.operatorId, taken);
        if (reward != 0) _token.safeTransfer(demand.challenger, reward);
        _token.safeTransfer(SINK, taken - reward);
    }

    /// @inheritdoc IDisputes
    function freeOfRefunds(uint24 operatorId) public view returns (uint256) {
        return Math.saturatingSub(_bondOf(operatorId), _open[operatorId].refunds);
    }

    function _claim(uint24 operatorId, Claim kind, uint32 id, uint128 amount) internal {
        if (amount == 0) return;
        uint40 bucket = uint40(block.timestamp / _challengeWindow);
        _claims[operatorId][kind][id][bucket] += amount;
        OpenClaims storage open = _open[operatorId];
        if (kind == Claim.Refund) open.refunds += amount;
        else open.compensations += amount;
        emit ClaimRecorded(operatorId, kind, id, bucket, amount);
    }

    // ---------------------------------------------------------------- private

    /// @dev Refunds share the bond pro rata, then compensations what those leave. Whoever collects short gives the rest up,
    /// so the share of those who wait stays what it was.
    function _payableOf(uint24 operatorId, Claim kind, uint128 amount) private view returns (uint96) {
        OpenClaims memory open = _open[operatorId];
        (uint256 available, uint256 claimed) = (_bondOf(operatorId), open.refunds);
        if (kind == Claim.Compensation)
            (available, claimed) = (Math.saturatingSub(available, open.refunds), open.compensations);
        return (claimed <= available ? amount : Math.mulDiv(amount, available, claimed)).toUint96();
    }

    function _ownerOf(Claim kind, uint32 id) private view returns (address) {
        return kind == Claim.Refund ? IEscrow(escrow).termsOf(id).owner : IRegistry(registry).provider(id).owner;
    }

    function _bondOf(uint24 operatorId) private view returns (uint256) {
        IRegistry.Stake memory bond = IRegistry(registry).operator(operatorId).bond;
        return uint256(bond.bonded) + bond.unbonding;
    }
}
