// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "../../../contracts/interfaces/ILedger.sol";
import {IReviews} from "../../../contracts/interfaces/IReviews.sol";
import {IRewards} from "../../../contracts/interfaces/IRewards.sol";
import {RewardScore} from "../../../contracts/libraries/RewardScore.sol";

/// @notice Shows the library to tests.
contract RewardScoreProbe {
    function scoreOf(
        ILedger.Metrics memory metrics,
        IRewards.Reference memory typical,
        IReviews.Summary memory reviews,
        IRewards.Accuracy memory accuracy
    ) external pure returns (IRewards.Score memory) {
        return RewardScore.scoreOf(metrics, typical, reviews, accuracy);
    }
}
