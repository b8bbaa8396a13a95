// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice The protocol's durations, in seconds, fixed when a deployment is made.
struct Windows {
    /// Length of an earnings bucket: credit made in one bucket is claimable once the next one has ended.
    uint32 challenge;
    /// How long after `servedAt` an operator may take to settle a row.
    uint32 settle;
    /// How long a provider has to settle a receipt by itself once `settle` has passed.
    uint32 selfSettle;
    /// From an exit request to the withdrawal.
    uint32 exitNotice;
    /// From an unbonding request to the withdrawal of stake or bond.
    uint32 unbonding;
    /// The longest pause a guardian can cause.
    uint32 maxPause;
    /// How long after its retirement an offer still prices requests served by it; longer than any request.
    uint32 grace;
    /// Length of a metrics and rewards epoch: a whole number of `challenge`, so that every bucket lies in one epoch.
    uint32 epoch;
}

/// @notice Checks that a set of durations keeps every promise that depends on their order.
library WindowsLib {
    uint32 internal constant MIN = 5 seconds;
    uint32 internal constant MAX = 90 days;

    /// @notice A duration lies outside [5 s, 90 days].
    error Windows_OutOfRange(uint32 value, uint32 min, uint32 max);
    /// @notice `exitNotice` must exceed `settle + selfSettle + maxPause`: no payer outruns what it was served.
    error Windows_ExitNoticeTooShort(uint32 exitNotice, uint256 needed);
    /// @notice `unbonding` must exceed every window in which a stake or bond can still be slashed: the last row's
    /// settlement or self-settlement, two buckets to challenge it and one to answer.
    error Windows_UnbondingTooShort(uint32 unbonding, uint256 needed);
    /// @notice `epoch` must be a multiple of `challenge`.
    error Windows_EpochNotWhole(uint32 epoch, uint32 challenge);

    /// @notice Reverts unless every duration is in range and in order.
    function check(Windows memory w) internal pure {
        _inRange(w.challenge);
        _inRange(w.settle);
        _inRange(w.selfSettle);
        _inRange(w.exitNotice);
        _inRange(w.unbonding);
        _inRange(w.maxPause);
        _inRange(w.grace);
        _inRange(w.epoch);
        uint256 exits = uint256(w.settle) + w.selfSettle + w.maxPause;
        require(w.exitNotice > exits, Windows_ExitNoticeTooShort(w.exitNotice, exits));
        uint256 slashable = exits + 3 * uint256(w.challenge);
        require(w.unbonding > slashable, Windows_UnbondingTooShort(w.unbonding, slashable));
        require(w.epoch % w.challenge == 0, Windows_EpochNotWhole(w.epoch, w.challenge));
    }

    function _inRange(uint32 value) private pure {
        require(value >= MIN && value <= MAX, Windows_OutOfRange(value, MIN, MAX));
    }
}
