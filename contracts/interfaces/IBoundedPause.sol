// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IBoundedPause
/// @notice What a guardian can stop, and for how long at most. A pause ends by itself and cannot be followed by another
/// one before `coolDown` has passed, so that nothing that pays out ever waits on it for longer than one `maxPause`.
interface IBoundedPause {
    // ----------------------------------------------------------------- events

    /// @notice What is paused works again from `until` on, unix s.
    event Paused(uint40 until);
    /// @notice The guardian ended the pause before its time.
    event PauseEnded(uint40 nextPauseAt);

    // ----------------------------------------------------------------- errors

    error BoundedPause_NotGuardian(address caller, address guardian);
    error BoundedPause_Paused(uint256 timestamp, uint40 until);
    error BoundedPause_NotPaused(uint256 timestamp, uint40 until);
    /// @notice Not in [1, maxPause].
    error BoundedPause_DurationOutOfRange(uint32 duration, uint32 max);
    error BoundedPause_TooSoon(uint256 timestamp, uint40 earliest);

    // -------------------------------------------------------------- functions

    /// @notice Pauses for `duration` seconds, at most `maxPause`. Only the guardian, and not before `nextPauseAt`.
    function pause(uint32 duration) external;

    /// @notice Ends a pause; the cool-down begins now. Only the guardian.
    function endPause() external;

    /// @notice Who may pause; the zero address: nobody. Fixed.
    function guardian() external view returns (address);

    /// @notice When the last pause began, unix s; 0 before there was one.
    function pausedFrom() external view returns (uint40);

    /// @notice When the last pause ends or ended, unix s; 0 before there was one.
    function pausedUntil() external view returns (uint40);

    /// @notice No pause begins before, unix s: `pausedUntil + coolDown`, or 0.
    function nextPauseAt() external view returns (uint40);

    /// @notice Seconds of the longest pause.
    function maxPause() external view returns (uint32);

    /// @notice Seconds from the end of a pause to the earliest beginning of the next: `maxPause + settle` of the windows.
    function coolDown() external view returns (uint32);
}
