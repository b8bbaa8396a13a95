// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "./ILedger.sol";
import {IReviews} from "./IReviews.sol";

/// @title IRewards
/// @notice Pays providers and apps out of the pools: the part of the protocol fee that is neither the operator's nor the
/// payers' rebate, and an emission that halves with time.
///
/// For listing l of operator o in epoch e, with everything in wei and rounded down:
/// ```
/// poolPart = min(fees, what the provider's stake allows) x (10^4 - operatorShare - rebateShare) / 10^4
/// reward   = poolPart x multiplier x (PROVIDER_BPS + boost x PROVIDER_BPS / 10^4) / 10^4
/// ```
/// and for app a: `appFees x (10^4 - operatorShare - rebateShare) / 10^4 x (APP_BPS + boost x APP_BPS / 10^4) / 10^4`.
/// `boost`, 10^4 at first, halves every HALVING_EPOCHS and is paid from the reserve of this contract; at its height a
/// provider gets 70 % and an app 10 % of the pool's part of the very fees that their own requests paid. The operator's
/// share, the rebate and both rewards together stay below the fee: whoever buys from itself loses, in whatever roles.
///
/// The multiplier, a part of 10^27, is a function of the listing's own epoch, so neither a new listing nor a new price launders
/// anything. What others have posted for the epoch has to be there before it begins:
/// ```
/// success  = fees / (fees + failures x typical fee of the model), 0.5 where none is posted
/// speed    = (reference + 72 - mean timing) / 144, with the mean of ILedger.Metrics; the reference is the model's, measured
///            the same way; 0.5 where none is posted
/// rating   = (fees / 2 + RATING_LEVERAGE x sum of fee x (rating - 1) / 4) / (fees + RATING_LEVERAGE x sum of fee), of reviews
///            of this operator's rows
/// accuracy = posted by the reporter, 0.5 where none is
/// multiplier = FLOOR + (1 - FLOOR) x (0.3 success + 0.2 speed + 0.2 rating + 0.3 accuracy)
/// ```
/// No term can be moved by what cost nothing, and none by much more than was paid: a wei of fee that a provider pays itself adds
/// at most 1 to fees x success, (reference + 71) / 144 to fees x speed, 1.5 to fees x rating and 1 to fees x accuracy, with
/// what it lifts the others' mean by. Even for the slowest model that is 1.27 of multiplier x fees, hence a reward of 0.89, and
/// 0.99 with the app's part: less than the wei.
interface IRewards {
    // ------------------------------------------------------------------ types

    /// @notice What is typical of a model.
    struct Reference {
        uint8 timing; // the mean of ILedger.Metrics; 0: unknown
        uint88 fee; // wei of protocol fee of a request; 0: unknown
    }

    /// @notice The result of known-answer evaluations of one listing.
    struct Accuracy {
        uint16 bps; // of 10,000
        bool isPosted;
        bytes32 dataHash; // SHA-256 of what was asked and answered
    }

    /// @notice The parts of a multiplier, each of 10^27.
    struct Score {
        uint96 success;
        uint96 speed;
        uint96 rating;
        uint96 accuracy;
        uint96 multiplier;
    }

    // ----------------------------------------------------------------- events

    /// @notice `base` came out of the operator's pool, `boost` out of the reserve.
    event ProviderRewarded(
        uint32 indexed providerId,
        uint32 indexed listingId,
        uint256 indexed epoch,
        uint24 operatorId,
        uint256 rewardedFees,
        uint96 multiplier,
        uint256 base,
        uint256 boost
    );
    event AppRewarded(
        uint32 indexed appId,
        uint256 indexed epoch,
        uint24 indexed operatorId,
        uint256 base,
        uint256 boost
    );
    event ReferencePosted(uint32 indexed modelId, uint256 indexed fromEpoch, Reference typical, bytes32 dataHash);
    event AccuracyPosted(uint32 indexed listingId, uint256 indexed epoch, uint16 bps, bytes32 dataHash);
    event ReporterSet(address reporter);
    event ReserveFunded(address indexed from, uint256 amount);
    event PoolRecycled(uint24 indexed operatorId, uint256 indexed epoch, uint256 amount);

    // ----------------------------------------------------------------- errors

    error Rewards_ZeroAddress();
    error Rewards_Miswired(address contract_);
    error Rewards_NotReporter(address caller, address reporter);
    error Rewards_EpochBegun(uint256 epoch, uint256 current);
    error Rewards_AccuracyOutOfRange(uint16 bps, uint16 max);
    error Rewards_NotOpen(uint256 opensAt, uint256 timestamp);
    error Rewards_AlreadyClaimed(uint24 operatorId, uint256 epoch, uint32 id);
    error Rewards_NothingToClaim(uint24 operatorId, uint256 epoch, uint32 id);
    error Rewards_AlreadyRecycled(uint24 operatorId, uint256 epoch);

    // ----------------------------------------------------------------- claims

    /// @notice Pays a listing's reward for an epoch to its provider's payee, once; anyone may, from `claimsOpenAt` on.
    function claimProvider(uint24 operatorId, uint256 epoch, uint32 listingId) external returns (uint256 reward);

    /// @notice Pays an app's part for an epoch to its owner, once; anyone may.
    function claimApp(uint24 operatorId, uint256 epoch, uint32 appId) external returns (uint256 reward);

    /// @notice Moves what is left of a pool into the reserve, CLAIM_EPOCHS after its epoch; no claim of it works any more.
    /// Anyone may.
    function recycle(uint24 operatorId, uint256 epoch) external returns (uint256 amount);

    /// @notice Adds to the reserve, which pays the boost.
    function fund(uint256 amount) external;

    // -------------------------------------------------------------- reporting

    /// @notice Says what is typical of a model, from `fromEpoch` on, which must not have begun. Only the reporter.
    function postReference(uint32 modelId, uint256 fromEpoch, Reference calldata typical, bytes32 dataHash) external;

    /// @notice Says how accurate a listing was found to be, for `epoch`, which must not have begun. Only the reporter.
    function postAccuracy(uint32 listingId, uint256 epoch, uint16 bps, bytes32 dataHash) external;

    /// @notice Only the owner.
    function setReporter(address reporter) external;

    // ------------------------------------------------------------------ views

    /// @notice What `claimProvider` would pay, claimed or not: final once claims are open.
    function providerReward(
        uint24 operatorId,
        uint256 epoch,
        uint32 listingId
    ) external view returns (uint256 base, uint256 boost);

    /// @notice What `claimApp` would pay, claimed or not.
    function appReward(
        uint24 operatorId,
        uint256 epoch,
        uint32 appId
    ) external view returns (uint256 base, uint256 boost);

    /// @notice A listing's multiplier and its parts.
    function score(uint24 operatorId, uint256 epoch, uint32 listingId) external view returns (Score memory);

    /// @notice From when on rewards of `epoch` can be claimed, unix s: once no row of it can be challenged any more, and no
    /// challenge of one is undecided.
    function claimsOpenAt(uint256 epoch) external view returns (uint256);

    /// @notice The boost of `epoch`, of 10^4.
    function boostBps(uint256 epoch) external view returns (uint256);

    function referenceOf(uint32 modelId, uint256 epoch) external view returns (Reference memory);

    function accuracyOf(uint32 listingId, uint256 epoch) external view returns (Accuracy memory);

    /// @notice Wei of a listing's or an app's fees in `epoch` that have been rewarded, per provider.
    function rewardedFees(uint256 epoch, uint32 providerId) external view returns (uint256);

    function reporter() external view returns (address);

    function reserve() external view returns (uint256);

    function ledger() external view returns (ILedger);

    function reviews() external view returns (IReviews);

    function firstEpoch() external view returns (uint256);
}
