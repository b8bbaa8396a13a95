// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {ILedger} from "../interfaces/ILedger.sol";
import {OfferTable} from "./OfferTable.sol";

/// @notice Adds what a batch measured to a listing's metrics. A field that would overflow stays at its maximum: metrics
/// never stop a batch.
library ListingMetrics {
    /// @param paid wei that the rows were paid
    /// @param sum of the successful rows (see OfferTable)
    function add(ILedger.Metrics storage metrics, uint256 paid, uint256 sum, uint256 failures) internal {
        ILedger.Metrics memory m = metrics;
        m.revenue = uint96(Math.min(m.revenue + paid, type(uint96).max));
        m.outputUnits = uint56(Math.min(m.outputUnits + OfferTable.outputUnits(sum), type(uint56).max));
        m.timingSum = uint40(Math.min(m.timingSum + OfferTable.timingSum(sum), type(uint40).max));
        m.requests = uint32(Math.min(m.requests + OfferTable.count(sum), type(uint32).max));
        m.failures = uint32(Math.min(m.failures + failures, type(uint32).max));
        (metrics.revenue, metrics.outputUnits, metrics.timingSum, metrics.requests, metrics.failures) = (
            m.revenue,
            m.outputUnits,
            m.timingSum,
            m.requests,
            m.failures
        );
    }
}
