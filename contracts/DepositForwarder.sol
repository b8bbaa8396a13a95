// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title DepositForwarder
/// @notice What stands at every deposit address, as a clone: hands its tokens to the Escrow that deployed it, which
/// alone knows whose they are.
contract DepositForwarder {
    using SafeERC20 for IERC20;

    address private immutable _escrow;
    IERC20 private immutable _token;

    /// @notice Only the Escrow may move the tokens: anyone else would strip them of their account.
    error DepositForwarder_NotEscrow(address caller, address escrow);

    constructor(address token) {
        _escrow = msg.sender;
        _token = IERC20(token);
    }

    /// @notice Sends `amount` to the Escrow.
    function forward(uint256 amount) external {
        require(msg.sender == _escrow, DepositForwarder_NotEscrow(msg.sender, _escrow));
        _token.safeTransfer(_escrow, amount);
    }
}
