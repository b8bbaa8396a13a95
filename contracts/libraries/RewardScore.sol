// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILedger} from "../interfaces/ILedger.sol";
import {IReviews} from "../interfaces/IReviews.sol";
import {IRewards} from "../interfaces/IRewards.sol";
import {ListingMetrics} from "./ListingMetrics.sol";

/// @notice How well a listing did in an epoch, from what the chain has of it. IRewards has the formulas.
library RewardScore {
    uint256 internal constant WHOLE = 10_000;
    uint256 internal constant FLOOR = 2_500;
    uint256 internal constant SUCCESS_WEIGHT = 3_000;
    uint256 internal constant SPEED_WEIGHT = 2_000;
    uint256 internal constant RATING_WEIGHT = 2_000;
    uint256 internal constant ACCURACY_WEIGHT = 3_000;
    /// @notice How many wei of fee a wei of reviewed fee counts for.
    uint256 internal constant RATING_LEVERAGE = 2;
    /// @notice Steps of `timing`, twelve to a doubling, from the best score to the worst.
    uint256 internal constant SPEED_RANGE = 96;
    uint256 private constant NEUTRAL = 5_000;
    /// @dev Timings are compared in 256ths of a step.
    uint256 private constant STEP = 256;
    uint256 private constant STEPS_PER_DOUBLING = 12;
    uint256 private constant MAX_SHORTNESS = 16;

    function scoreOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical,
        IReviews.Summary memory reviews,
        IRewards.Accuracy memory accuracy
    ) internal pure returns (IRewards.Score memory score) {
        uint256 success = successOf(metrics, typical);
        uint256 speed = speedOf(metrics, typical);
        uint256 rating = ratingOf(metrics, reviews);
        uint256 accurate = accuracy.isPosted ? accuracy.bps : NEUTRAL;
        uint256 mean =
            (SUCCESS_WEIGHT * success + SPEED_WEIGHT * speed + RATING_WEIGHT * rating + ACCURACY_WEIGHT * accurate) /
                WHOLE;
        score.success = uint16(success);
        score.speed = uint16(speed);
        score.rating = uint16(rating);
        score.accuracy = uint16(accurate);
        score.multiplier = uint16(FLOOR + ((WHOLE - FLOOR) * mean) / WHOLE);
    }

    /// @dev A failure pays no fee; it counts as one typical request that was not served. Where no model's fee is posted it
    /// counts as one mean request of the listing.
    function successOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical
    ) internal pure returns (uint256) {
        if (metrics.fees == 0) return 0;
        uint256 fee = typical.fee != 0 ? typical.fee : Math.ceilDiv(metrics.fees, Math.max(metrics.requests, 1));
        return (uint256(metrics.fees) * WHOLE) / (uint256(metrics.fees) + metrics.failures * fee);
    }

    function speedOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical
    ) internal pure returns (uint256) {
        if (typical.timing == 0) return NEUTRAL;
        uint256 weight = metrics.fees >> ListingMetrics.WEIGHT_SHIFT;
        if (weight == 0) return 0;
        uint256 mean = (uint256(metrics.weightedTiming) * STEP) / weight;
        uint256 worst = Math.saturatingSub(
            (uint256(typical.timing) + SPEED_RANGE / 2) * STEP,
            shortness(metrics, typical.outputUnits)
        );
        return Math.min((Math.saturatingSub(worst, mean) * WHOLE) / (SPEED_RANGE * STEP), WHOLE);
    }

    /// @notice How much shorter than typical the answers were, in 256ths of a step of timing: 12 x log2, its fraction taken
    /// along the chord; at most 16 times. Longer answers than typical are no excuse: their units can be had for nothing where
    /// a price list bills something else.
    function shortness(ILedger.Metrics memory metrics, uint256 outputUnits) internal pure returns (uint256) {
        if (outputUnits == 0 || metrics.requests == 0) return 0;
        uint256 one = 1 << 16;
        uint256 ratio =
            metrics.outputUnits == 0
                ? MAX_SHORTNESS * one
                : (outputUnits * metrics.requests * one) / metrics.outputUnits;
        ratio = Math.min(ratio, MAX_SHORTNESS * one);
        if (ratio <= one) return 0;
        uint256 log = Math.log2(ratio);
        uint256 fraction = ((ratio - (1 << log)) * STEP) >> log;
        return STEPS_PER_DOUBLING * ((log - 16) * STEP + fraction);
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
