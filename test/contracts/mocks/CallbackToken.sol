// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice A token that calls somebody during every transfer, as $AI1NET never does.
contract CallbackToken is ERC20 {
    address private _target;
    bytes private _call;
    bool private _entered;

    /// What the callbacks did: how many succeeded, and why the last one failed.
    uint256 public succeeded;
    uint256 public failed;
    bytes public reason;

    constructor(address holder) ERC20("Callback", "CALL") {
        _mint(holder, 1_000_000_000 ether);
    }

    function arm(address target, bytes calldata data) external {
        _target = target;
        _call = data;
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (_target == address(0) || _entered) return;
        _entered = true;
        (bool ok, bytes memory returned) = _target.call(_call);
        _entered = false;
        if (ok) ++succeeded;
        if (!ok) {
            ++failed;
            reason = returned;
        }
    }
}
