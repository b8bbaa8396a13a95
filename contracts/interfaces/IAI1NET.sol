// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title IAI1NET
/// @notice The network's token: ERC-20, 18 decimals, a fixed supply of 1,000,000,000, ERC-2612 permits and
/// ERC-3009 authorizations. Nobody can mint, pause or upgrade it.
interface IAI1NET is IERC20, IERC20Permit {
    /// @notice An authorization was used; its nonce can never be used again.
    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    /// @notice An unused authorization was cancelled by its signer.
    event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);

    error AI1NET_AuthorizationNotYetValid(uint256 validAfter, uint256 timestamp);
    error AI1NET_AuthorizationExpired(uint256 validBefore, uint256 timestamp);
    error AI1NET_AuthorizationUsed(address authorizer, bytes32 nonce);
    error AI1NET_CallerNotPayee(address caller, address payee);
    error AI1NET_InvalidSignature(address authorizer);

    /// @notice EIP-712 domain version, "1".
    function version() external view returns (string memory);

    /// @notice True once `nonce` of `authorizer` was used or cancelled.
    function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);

    /// @notice Moves `value` from `from` to `to` by `from`'s signature; anyone may submit it.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice The same with a packed signature; contract wallets sign through ERC-1271.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Moves `value` from `from` to the caller, which must be `to`: cannot be front-run.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice The same with a packed signature; contract wallets sign through ERC-1271.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Makes an unused nonce of the caller's unusable, by its signature.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external;
}
