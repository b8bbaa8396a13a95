// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IReviews} from "./interfaces/IReviews.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {RewardScore} from "./libraries/RewardScore.sol";

/// @title Rewards
/// @notice Reads the Ledger and pays for performance. What it pays is a view of the chain: it keeps who has claimed, what was
/// posted, and a reserve.
contract Rewards is IRewards, Ownable2Step {
    using SafeERC20 for IERC20;

    /// @dev From `fromEpoch` on, until the next one.
    struct PostedReference {
        uint40 fromEpoch;
        Reference typical;
    }

    // -------------------------------------------------------------- constants

    uint256 public constant PROVIDER_BPS = 3_500;
    uint256 public constant APP_BPS = 500;
    uint256 public constant HALVING_EPOCHS = 52;
    uint256 public constant CLAIM_EPOCHS = 26;
    /// @notice Fees of an epoch that earn a reward, at most, as a part of the provider's stake.
    uint256 public constant STAKE_FEE_BPS = 1_000;
    uint256 private constant BPS = 10_000;

    // ---------------------------------------------------------------- storage

    /// @inheritdoc IRewards
    ILedger public immutable ledger;
    /// @inheritdoc IRewards
    IReviews public immutable reviews;
    /// @inheritdoc IRewards
    uint256 public immutable firstEpoch;
    IEscrow private immutable _escrow;
    IRegistry private immutable _registry;
    IERC20 private immutable _token;
    uint256 private immutable _epochLength;

    /// @inheritdoc IRewards
    address public reporter;
    /// @inheritdoc IRewards
    uint256 public reserve;
    /// @inheritdoc IRewards
    mapping(uint256 epoch => mapping(uint32 providerId => uint256)) public rewardedFees;
    mapping(uint24 operatorId => mapping(uint256 epoch => mapping(uint32 listingId => bool))) private _paidListings;
    mapping(uint24 operatorId => mapping(uint256 epoch => mapping(uint32 appId => bool))) private _paidApps;
    mapping(uint24 operatorId => mapping(uint256 epoch => bool)) private _recycled;
    mapping(uint32 modelId => PostedReference[]) private _references;
    mapping(uint32 listingId => mapping(uint256 epoch => Accuracy)) private _accuracies;

    constructor(address ledger_, address reviews_, address owner_, address reporter_) Ownable(owner_) {
        require(ledger_ != address(0) && reviews_ != address(0), Rewards_ZeroAddress());
        ledger = ILedger(ledger_);
        reviews = IReviews(reviews_);
        _escrow = IEscrow(ledger.escrow());
        _registry = IRegistry(ledger.registry());
        _token = IERC20(_escrow.token());
        require(_escrow.rewards() == address(this), Rewards_Miswired(address(_escrow)));
        require(reviews.ledger() == ledger_, Rewards_Miswired(reviews_));
        firstEpoch = ledger.epochAt(block.timestamp);
        _epochLength = ledger.epochLength();
        reporter = reporter_;
        emit ReporterSet(reporter_);
    }

    // ----------------------------------------------------------------- claims

    /// @inheritdoc IRewards
    function claimProvider(uint24 operatorId, uint256 epoch, uint32 listingId) external returns (uint256) {
        // Check
        _checkOpen(operatorId, epoch);
        require(!_paidListings[operatorId][epoch][listingId], Rewards_AlreadyClaimed(operatorId, epoch, listingId));
        uint32 providerId = _registry.listing(listingId).providerId;
        uint256 fees = _rewardableFees(operatorId, epoch, listingId, providerId);
        uint256 multiplier = score(operatorId, epoch, listingId).multiplier;
        uint256 part = _poolPart(epoch, fees);
        (uint256 base, uint256 boost) = _split((part * multiplier) / RewardScore.WHOLE, PROVIDER_BPS, epoch);
        require(base + boost != 0, Rewards_NothingToClaim(operatorId, epoch, listingId));

        // Effect
        _paidListings[operatorId][epoch][listingId] = true;
        rewardedFees[epoch][providerId] += fees;
        reserve -= boost;
        emit ProviderRewarded(providerId, listingId, epoch, operatorId, fees, uint96(multiplier), base, boost);

        // Interaction
        _payOut(operatorId, epoch, _registry.providerPayee(providerId), base, boost);
        return base + boost;
    }

    /// @inheritdoc IRewards
    function claimApp(uint24 operatorId, uint256 epoch, uint32 appId) external returns (uint256) {
        // Check
        _checkOpen(operatorId, epoch);
        require(!_paidApps[operatorId][epoch][appId], Rewards_AlreadyClaimed(operatorId, epoch, appId));
        (uint256 base, uint256 boost) = appReward(operatorId, epoch, appId);
        require(base + boost != 0, Rewards_NothingToClaim(operatorId, epoch, appId));

        // Effect
        _paidApps[operatorId][epoch][appId] = true;
        reserve -= boost;
        emit AppRewarded(appId, epoch, operatorId, base, boost);

        // Interaction
        _payOut(operatorId, epoch, _registry.app(appId).owner, base, boost);
        return base + boost;
    }

    /// @inheritdoc IRewards
    function recycle(uint24 operatorId, uint256 epoch) external returns (uint256 amount) {
        // Check
        uint256 opensAt = claimsOpenAt(epoch + CLAIM_EPOCHS);
        require(block.timestamp >= opensAt, Rewards_NotOpen(opensAt, block.timestamp));
        require(!_recycled[operatorId][epoch], Rewards_AlreadyRecycled(operatorId, epoch));

        // Effect
        _recycled[operatorId][epoch] = true;
        amount = _escrow.pool(operatorId, epoch);
        reserve += amount;
        emit PoolRecycled(operatorId, epoch, amount);

        // Interaction
        _escrow.payFromPool(operatorId, epoch, address(this), amount);
    }

    /// @inheritdoc IRewards
    function fund(uint256 amount) external {
        // Effect
        reserve += amount;
        emit ReserveFunded(msg.sender, amount);
        // Interaction
        _token.safeTransferFrom(msg.sender, address(this), amount);
    }

    // -------------------------------------------------------------- reporting

    /// @inheritdoc IRewards
    function postReference(uint32 modelId, uint256 fromEpoch, Reference calldata typical, bytes32 dataHash) external {
        _checkReport(fromEpoch);
        PostedReference[] storage posted = _references[modelId];
        // In the order of their epochs: what is posted for one replaces what was posted for it and for later ones.
        while (posted.length != 0 && posted[posted.length - 1].fromEpoch >= fromEpoch) posted.pop();
        posted.push(PostedReference(uint40(fromEpoch), typical));
        emit ReferencePosted(modelId, fromEpoch, typical, dataHash);
    }

    /// @inheritdoc IRewards
    function postAccuracy(uint32 listingId, uint256 epoch, uint16 bps, bytes32 dataHash) external {
        _checkReport(epoch);
        require(bps <= BPS, Rewards_AccuracyOutOfRange(bps, uint16(BPS)));
        _accuracies[listingId][epoch] = Accuracy(bps, true, dataHash);
        emit AccuracyPosted(listingId, epoch, bps, dataHash);
    }

    /// @inheritdoc IRewards
    function setReporter(address reporter_) external onlyOwner {
        reporter = reporter_;
        emit ReporterSet(reporter_);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRewards
    function providerReward(
        uint24 operatorId,
        uint256 epoch,
        uint32 listingId
    ) external view returns (uint256 base, uint256 boost) {
        uint32 providerId = _registry.listing(listingId).providerId;
        uint256 fees = _rewardableFees(operatorId, epoch, listingId, providerId);
        uint256 part = _poolPart(epoch, fees);
        uint256 multiplier = score(operatorId, epoch, listingId).multiplier;
        return _split((part * multiplier) / RewardScore.WHOLE, PROVIDER_BPS, epoch);
    }

    /// @inheritdoc IRewards
    function appReward(
        uint24 operatorId,
        uint256 epoch,
        uint32 appId
    ) public view returns (uint256 base, uint256 boost) {
        uint256 part = _poolPart(epoch, ledger.appFees(epoch, operatorId, appId));
        return _split(part, APP_BPS, epoch);
    }

    /// @inheritdoc IRewards
    function score(uint24 operatorId, uint256 epoch, uint32 listingId) public view returns (Score memory) {
        return
            RewardScore.scoreOf(
                ledger.metrics(epoch, operatorId, listingId),
                referenceOf(_registry.listing(listingId).modelId, epoch),
                reviews.summaryWith(epoch, operatorId, listingId),
                _accuracies[listingId][epoch]
            );
    }

    /// @inheritdoc IRewards
    function claimsOpenAt(uint256 epoch) public view returns (uint256) {
        // Two buckets in which a row can be challenged, and one in which a challenge is answered; the last of them may be
        // decided a moment later.
        return (epoch + 1) * _epochLength + 4 * uint256(ledger.challengeWindow());
    }

    /// @inheritdoc IRewards
    function boostBps(uint256 epoch) public view returns (uint256) {
        uint256 halvings = Math.saturatingSub(epoch, firstEpoch) / HALVING_EPOCHS;
        return BPS >> Math.min(halvings, 255);
    }

    /// @inheritdoc IRewards
    function referenceOf(uint32 modelId, uint256 epoch) public view returns (Reference memory typical) {
        PostedReference[] storage posted = _references[modelId];
        for (uint256 i = posted.length; i != 0; --i) if (posted[i - 1].fromEpoch <= epoch) return posted[i - 1].typical;
    }

    /// @inheritdoc IRewards
    function accuracyOf(uint32 listingId, uint256 epoch) external view returns (Accuracy memory) {
        return _accuracies[listingId][epoch];
    }

    // ---------------------------------------------------------------- private

    function _checkOpen(uint24 operatorId, uint256 epoch) private view {
        uint256 opensAt = claimsOpenAt(epoch);
        require(block.timestamp >= opensAt, Rewards_NotOpen(opensAt, block.timestamp));
        require(!_recycled[operatorId][epoch], Rewards_AlreadyRecycled(operatorId, epoch));
    }

    function _checkReport(uint256 epoch) private view {
        require(msg.sender == reporter, Rewards_NotReporter(msg.sender, reporter));
        uint256 current = ledger.epochAt(block.timestamp);
        require(epoch > current, Rewards_EpochBegun(epoch, current));
    }

    /// @dev Fees beyond a part of the provider's stake earn nothing; all its listings share that part.
    function _rewardableFees(
        uint24 operatorId,
        uint256 epoch,
        uint32 listingId,
        uint32 providerId
    ) private view returns (uint256) {
        uint256 allowed = (uint256(_registry.provider(providerId).stake.bonded) * STAKE_FEE_BPS) / BPS;
        uint256 left = Math.saturatingSub(allowed, rewardedFees[epoch][providerId]);
        return Math.min(ledger.metrics(epoch, operatorId, listingId).fees, left);
    }

    /// @dev What of `fees` went to the pool, at most: the operator's share and the rebates are taken out at their full rates,
    /// although rounding leaves the pool more.
    function _poolPart(uint256 epoch, uint256 fees) private view returns (uint256) {
        uint256 rest = BPS - ledger.operatorShareBps() - ledger.rebateShareBps(epoch);
        return (fees * rest) / BPS;
    }

    /// @dev The boost never exceeds the reserve.
    function _split(uint256 part, uint256 rateBps, uint256 epoch) private view returns (uint256 base, uint256 boost) {
        base = (part * rateBps) / BPS;
        boost = Math.min((base * boostBps(epoch)) / BPS, reserve);
    }

    function _payOut(uint24 operatorId, uint256 epoch, address to, uint256 base, uint256 boost) private {
        if (boost != 0) _token.safeTransfer(to, boost);
        // A boost is never more than the base, so there is one.
        _escrow.payFromPool(operatorId, epoch, to, base);
    }
}
