// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILedger} from "../interfaces/ILedger.sol";
import {IReviews} from "../interfaces/IReviews.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {ListingMetrics} from "./ListingMetrics.sol";

/// @notice How well a listing did in an epoch, from what the chain has of it. IRewards has the formulas.
library RewardScore {
    /// @notice Scores are parts of this: so fine that a step of one, of all the fees there can be, is less than a wei. Nobody gains
    /// by paying just what tips a score over to the next step.
    uint256 internal constant WHOLE = 1e27;
    uint256 internal constant FLOOR = WHOLE / 4;
    uint256 private constant NEUTRAL = WHOLE / 2;
    /// @dev Weights in bps.
    uint256 internal constant SUCCESS_WEIGHT = 3_000;
    uint256 internal constant SPEED_WEIGHT = 2_000;
    uint256 internal constant RATING_WEIGHT = 2_000;
    uint256 internal constant ACCURACY_WEIGHT = 3_000;
    uint256 private constant BPS = 10_000;
    /// @notice How many wei of fee a wei of reviewed fee counts for.
    uint256 internal constant RATING_LEVERAGE = 2;
    /// @notice Steps of `timing`, twelve to a doubling, from the best score to the worst. Wide enough that rows of one's own,
    /// with the fastest timing there is, lift the mean of the others by less than they cost, however slow the model is.
    uint256 internal constant SPEED_RANGE = 144;

    function scoreOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical,
        IReviews.Summary memory reviews,
        IRewards.Accuracy memory accuracy
    ) internal pure returns (IRewards.Score memory score) {
        uint256 success = successOf(metrics, typical);
        uint256 speed = speedOf(metrics, typical);
        uint256 rating = ratingOf(metrics, reviews);
        uint256 accurate = accuracy.isPosted ? (accuracy.bps * WHOLE) / BPS : NEUTRAL;
        uint256 mean =
            (SUCCESS_WEIGHT * success + SPEED_WEIGHT * speed + RATING_WEIGHT * rating + ACCURACY_WEIGHT * accurate) /
                BPS;
        score.success = uint96(success);
        score.speed = uint96(speed);
        score.rating = uint96(rating);
        score.accuracy = uint96(accurate);
        score.multiplier = uint96(FLOOR + ((WHOLE - FLOOR) * mean) / WHOLE);
    }

    /// @dev A failure pays no fee; it counts as one typical request that was not served. What is typical is not taken from the
    /// listing's own requests: rows that cost nothing could make that as little as one likes.
    function successOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical
    ) internal pure returns (uint256) {
        if (metrics.fees == 0) return 0;
        if (typical.fee == 0) return NEUTRAL;
        return (uint256(metrics.fees) * WHOLE) / (uint256(metrics.fees) + uint256(metrics.failures) * typical.fee);
    }

    /// @dev The mean weighs every unit of output by what was paid for it, so short answers make no listing look fast, and
    /// units that cost nothing change nothing.
    function speedOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical
    ) internal pure returns (uint256) {
        if (typical.timing == 0) return NEUTRAL;
        if (metrics.fees == 0) return 0;
        uint256 worst = (typical.timing + SPEED_RANGE / 2) * uint256(metrics.fees);
        uint256 timing = uint256(metrics.weightedTiming) << ListingMetrics.WEIGHT_SHIFT;
        return Math.min((Math.saturatingSub(worst, timing) * WHOLE) / (SPEED_RANGE * metrics.fees), WHOLE);
    }

    /// @dev Fees that nobody reviewed count as rated in the middle.
    function ratingOf(ILedger.Metrics memory metrics, IReviews.Summary memory reviews) internal pure returns (uint256) {
        uint256 weights = RATING_LEVERAGE * reviews.weights;
        uint256 all = uint256(metrics.fees) + weights;
        if (all == 0) return NEUTRAL;
        // sum of weight x (rating - 1) / 4
        uint256 good = (RATING_LEVERAGE * (uint256(reviews.weightedRatings) - reviews.weights) * WHOLE) / 4;
        return (uint256(metrics.fees) * NEUTRAL + good) / all;
    }
}
