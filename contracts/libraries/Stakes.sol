// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IRegistry} from "../interfaces/IRegistry.sol";

/// @notice Tokens locked by an operator (a bond) or a provider (a stake). What is asked back waits, still slashable,
/// until its time has come. Moves no tokens itself.
library Stakes {
    /// @notice Locks `amount` more and returns what counts now.
    function add(IRegistry.Stake storage stake, uint96 amount) internal returns (uint96 bonded) {
        require(amount != 0, IRegistry.Registry_ZeroAmount());
        bonded = stake.bonded + amount;
        stake.bonded = bonded;
    }

    /// @notice Asks `amount` back; the rest keeps `minimum`, or is nothing at all.
    function requestOut(
        IRegistry.Stake storage stake,
        uint96 amount,
        uint96 minimum,
        uint32 unbonding
    ) internal returns (uint40 readyAt) {
        IRegistry.Stake memory held = stake;
        require(amount != 0, IRegistry.Registry_ZeroAmount());
        require(held.readyAt == 0, IRegistry.Registry_UnbondingInProgress(held.readyAt));
        require(amount <= held.bonded, IRegistry.Registry_BondTooLow(held.bonded, amount));
        uint96 rest = held.bonded - amount;
        require(rest == 0 || rest >= minimum, IRegistry.Registry_BondTooLow(rest, minimum));

        readyAt = uint40(block.timestamp + unbonding);
        stake.bonded = rest;
        stake.unbonding = amount;
        stake.readyAt = readyAt;
    }

    /// @notice Releases what was asked back once its time has come, as far as `claimed` is left in the stake; the rest of it
    /// stays asked back.
    function takeOut(IRegistry.Stake storage stake, uint256 claimed) internal returns (uint96 amount) {
        IRegistry.Stake memory held = stake;
        require(
            held.readyAt != 0 && block.timestamp >= held.readyAt,
            IRegistry.Registry_NotUnbonded(held.readyAt, block.timestamp)
        );
        uint256 free = Math.saturatingSub(uint256(held.bonded) + held.unbonding, claimed);
        amount = uint96(Math.min(held.unbonding, free));
        require(amount != 0, IRegistry.Registry_BondClaimed(uint256(held.bonded) + held.unbonding, claimed));
        stake.unbonding = held.unbonding - amount;
        if (amount == held.unbonding) stake.readyAt = 0;
    }

    /// @notice Takes up to `amount` away: from what counts first, then from what was asked back. If less than `minimum`
    /// is left to count, everything is asked back anew, so that nobody goes on with a rest.
    function slash(
        IRegistry.Stake storage stake,
        uint96 amount,
        uint96 minimum,
        uint32 unbonding
    ) internal returns (IRegistry.Stake memory held, uint96 slashed) {
        held = stake;
        uint96 fromBonded = amount < held.bonded ? amount : held.bonded;
        uint96 fromUnbonding = amount - fromBonded;
        if (fromUnbonding > held.unbonding) fromUnbonding = held.unbonding;
        slashed = fromBonded + fromUnbonding;

        uint96 rest = held.bonded - fromBonded;
        held.unbonding -= fromUnbonding;
        if (fromBonded != 0 && rest < minimum) {
            held.unbonding += rest;
            rest = 0;
            held.readyAt = uint40(block.timestamp + unbonding);
        }
        held.bonded = rest;
        if (held.unbonding == 0) held.readyAt = 0;
        stake.bonded = held.bonded;
        stake.unbonding = held.unbonding;
        stake.readyAt = held.readyAt;
    }
}
