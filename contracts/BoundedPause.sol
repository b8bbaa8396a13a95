// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IBoundedPause} from "./interfaces/IBoundedPause.sol";
import {Windows} from "./libraries/Windows.sol";

/// @notice A pause that ends by itself and cannot be chained. Stands on what brings money in or settles, never on what
/// pays out.
abstract contract BoundedPause is IBoundedPause {
    /// @inheritdoc IBoundedPause
    address public immutable guardian;
    /// @inheritdoc IBoundedPause
    uint32 public immutable maxPause;
    /// @inheritdoc IBoundedPause
    uint32 public immutable coolDown;

    /// @inheritdoc IBoundedPause
    uint40 public pausedFrom;
    /// @inheritdoc IBoundedPause
    uint40 public pausedUntil;

    modifier whenNotPaused() {
        _requireNotPaused();
        _;
    }

    modifier onlyGuardian() {
        require(msg.sender == guardian, BoundedPause_NotGuardian(msg.sender, guardian));
        _;
    }

    /// @param guardian_ may be zero: then nothing can ever be paused
    /// @param windows checked by the contract that inherits
    constructor(address guardian_, Windows memory windows) {
        guardian = guardian_;
        maxPause = windows.maxPause;
        // A row that one pause delayed has its whole settle window again before another pause can delay it.
        coolDown = windows.maxPause + windows.settle;
    }

    /// @inheritdoc IBoundedPause
    function pause(uint32 duration) external onlyGuardian {
        require(duration != 0 && duration <= maxPause, BoundedPause_DurationOutOfRange(duration, maxPause));
        uint40 earliest = nextPauseAt();
        require(block.timestamp >= earliest, BoundedPause_TooSoon(block.timestamp, earliest));
        uint40 until = uint40(block.timestamp + duration);
        (pausedFrom, pausedUntil) = (uint40(block.timestamp), until);
        emit Paused(until);
    }

    /// @inheritdoc IBoundedPause
    function endPause() external onlyGuardian {
        uint40 until = pausedUntil;
        require(block.timestamp < until, BoundedPause_NotPaused(block.timestamp, until));
        pausedUntil = uint40(block.timestamp);
        emit PauseEnded(nextPauseAt());
    }

    /// @inheritdoc IBoundedPause
    function nextPauseAt() public view returns (uint40) {
        uint40 until = pausedUntil;
        return until == 0 ? 0 : until + coolDown;
    }

    function _requireNotPaused() private view {
        uint40 until = pausedUntil;
        require(block.timestamp >= until, BoundedPause_Paused(block.timestamp, until));
    }
}
