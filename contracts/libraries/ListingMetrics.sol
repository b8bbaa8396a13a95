// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILedger} from "../interfaces/ILedger.sol";
import {OfferTable} from "./OfferTable.sol";

/// @notice Adds what was measured to a listing's metrics. A field that would overflow stays at its maximum: metrics never
/// stop a batch.
library ListingMetrics {
    /// @notice Wei of fees in one unit of weight: 2^32, so that weight times timing fits its field.
    uint256 internal constant WEIGHT_SHIFT = 32;

    uint256 private constant SLOWEST = type(uint8).max;

    /// @param fee wei of protocol fee that the rows paid
    /// @param sum of the successful rows (see OfferTable)
    /// @param outputAmount wei of their amount that was for output units
    function add(
        ILedger.Metrics storage metrics,
        uint256 fee,
        uint256 sum,
        uint256 outputAmount,
        uint256 failures
    ) internal {
        uint256 units = OfferTable.outputUnits(sum);
        uint256 outputFee = outputAmount == 0 ? 0 : Math.mulDiv(fee, outputAmount, OfferTable.amount(sum));
        // Only output that was paid for shows how fast a listing is.
        uint256 timing = weightOf(fee - outputFee) * SLOWEST;
        if (outputFee != 0) timing += weightOf(outputFee) * (OfferTable.timedUnits(sum) / units);
        ILedger.Metrics memory m = metrics;
        m.fees = uint88(Math.min(m.fees + fee, type(uint88).max));
        m.weightedTiming = uint64(Math.min(m.weightedTiming + timing, type(uint64).max));
        m.outputUnits = uint48(Math.min(m.outputUnits + units, type(uint48).max));
        m.requests = uint32(Math.min(m.requests + OfferTable.count(sum), type(uint32).max));
        m.failures = uint24(Math.min(m.failures + failures, type(uint24).max));
        (metrics.fees, metrics.weightedTiming, metrics.outputUnits, metrics.requests, metrics.failures) = (
            m.fees,
            m.weightedTiming,
            m.outputUnits,
            m.requests,
            m.failures
        );
    }

    /// @notice Takes fees of rows that were refunded out again, their weight at the mean timing with them.
    function takeOut(ILedger.Metrics storage metrics, uint256 fee) internal {
        ILedger.Metrics memory m = metrics;
        if (m.fees == 0) return;
        uint256 taken = Math.min(fee, m.fees);
        metrics.weightedTiming = m.weightedTiming - uint64(Math.mulDiv(m.weightedTiming, taken, m.fees));
        metrics.fees = m.fees - uint88(taken);
    }

    /// @notice Units of weight of `fee` wei, rounded up: a mean taken with it never looks faster than it was.
    function weightOf(uint256 fee) internal pure returns (uint256) {
        return (fee + (1 << WEIGHT_SHIFT) - 1) >> WEIGHT_SHIFT;
    }
}
