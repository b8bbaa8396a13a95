// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @notice Credit that matures by the bucket: a bucket's credit is mature once the next bucket has ended, so it stays
/// reversible for one to two bucket lengths.
library EarningsBuckets {
    /// @notice Adds `amount` to the bucket `now_`; the second slot is written only when older credit matures.
    function add(IEscrow.Earnings storage self, uint40 now_, uint128 amount) internal {
        uint96 current = self.current;
        uint40 bucket = self.bucket;
        if (bucket != now_) {
            uint96 previous = self.previous;
            uint128 matured;
            (current, previous, matured) = _roll(current, previous, bucket, now_);
            if (matured != 0) self.mature += matured;
            self.previous = previous;
            self.bucket = now_;
        }
        uint256 sum = uint256(current) + amount;
        require(sum <= type(uint96).max, IEscrow.Escrow_AmountTooHigh(sum, type(uint96).max));
        self.current = uint96(sum);
    }

    /// @notice Takes up to `amount` of what is pending out, the older bucket's first.
    function takePending(IEscrow.Earnings storage self, uint40 now_, uint128 amount) internal returns (uint128 taken) {
        IEscrow.Earnings memory rolled = rolledTo(self, now_);
        uint96 fromPrevious = uint96(Math.min(amount, rolled.previous));
        uint96 fromCurrent = uint96(Math.min(amount - fromPrevious, rolled.current));
        taken = uint128(fromPrevious) + fromCurrent;
        self.current = rolled.current - fromCurrent;
        self.previous = rolled.previous - fromPrevious;
        self.bucket = rolled.bucket;
        self.mature = rolled.mature;
    }

    /// @notice Takes everything mature out.
    function take(IEscrow.Earnings storage self, uint40 now_) internal returns (uint128 amount) {
        IEscrow.Earnings memory rolled = rolledTo(self, now_);
        amount = rolled.mature;
        self.current = rolled.current;
        self.previous = rolled.previous;
        self.bucket = rolled.bucket;
        self.mature = 0;
        self.claimed = rolled.claimed + amount;
    }

    /// @notice The earnings as they stand in the bucket `now_`.
    function rolledTo(
        IEscrow.Earnings storage self,
        uint40 now_
    ) internal view returns (IEscrow.Earnings memory rolled) {
        (uint96 current, uint96 previous, uint128 matured) = _roll(self.current, self.previous, self.bucket, now_);
        return
            IEscrow.Earnings({
                current: current,
                previous: previous,
                bucket: now_,
                mature: self.mature + matured,
                claimed: self.claimed
            });
    }

    function _roll(
        uint96 current,
        uint96 previous,
        uint40 bucket,
        uint40 now_
    ) private pure returns (uint96 rolledCurrent, uint96 rolledPrevious, uint128 matured) {
        if (bucket == now_) return (current, previous, 0);
        if (now_ == bucket + 1) return (0, current, previous);
        return (0, 0, uint128(current) + previous);
    }
}
