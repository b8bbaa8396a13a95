// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract wallet of one key: signs through ERC-1271, and does what its owner tells it.
contract TestWallet is IERC1271 {
    address private immutable _owner;

    error TestWallet_NotOwner(address caller, address owner);
    error TestWallet_CallFailed(bytes reason);

    constructor(address owner) {
        _owner = owner;
    }

    function execute(address to, bytes calldata data) external {
        require(msg.sender == _owner, TestWallet_NotOwner(msg.sender, _owner));
        (bool ok, bytes memory reason) = to.call(data);
        require(ok, TestWallet_CallFailed(reason));
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (address recovered, , ) = ECDSA.tryRecoverCalldata(digest, signature);
        return recovered == _owner ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
