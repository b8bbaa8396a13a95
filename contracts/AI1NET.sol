// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IAI1NET} from "./interfaces/IAI1NET.sol";
import {Signatures} from "./libraries/Signatures.sol";

contract AI1NET is ERC20Permit, IAI1NET {
    /// @dev All there will ever be, in wei; minted once, by the constructor (I-11).
    uint256 private constant SUPPLY = 1_000_000_000e18;

    bytes32 private constant TRANSFER_TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant RECEIVE_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 private constant CANCEL_TYPEHASH = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");

    /// @inheritdoc IAI1NET
    mapping(address authorizer => mapping(bytes32 nonce => bool)) public authorizationState;

    constructor(address holder) ERC20("AI1NET", "AI1NET") ERC20Permit("AI1NET") {
        _mint(holder, SUPPLY);
    }

    // ---------------------------------------------------------- authorizations

    /// @inheritdoc IAI1NET
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
    ) external {
        bytes32 digest = _transferDigest(TRANSFER_TYPEHASH, from, to, value, validAfter, validBefore, nonce);
        require(Signatures.isValid(from, digest, v, r, s), AI1NET_InvalidSignature(from));
        _use(from, validAfter, validBefore, nonce);
        _transfer(from, to, value);
    }

    /// @inheritdoc IAI1NET
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        bytes32 digest = _transferDigest(TRANSFER_TYPEHASH, from, to, value, validAfter, validBefore, nonce);
        require(Signatures.isValid(from, digest, signature), AI1NET_InvalidSignature(from));
        _use(from, validAfter, validBefore, nonce);
        _transfer(from, to, value);
    }

    /// @inheritdoc IAI1NET
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
    ) external {
        require(msg.sender == to, AI1NET_CallerNotPayee(msg.sender, to));
        bytes32 digest = _transferDigest(RECEIVE_TYPEHASH, from, to, value, validAfter, validBefore, nonce);
        require(Signatures.isValid(from, digest, v, r, s), AI1NET_InvalidSignature(from));
        _use(from, validAfter, validBefore, nonce);
        _transfer(from, to, value);
    }

    /// @inheritdoc IAI1NET
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external {
        require(msg.sender == to, AI1NET_CallerNotPayee(msg.sender, to));
        bytes32 digest = _transferDigest(RECEIVE_TYPEHASH, from, to, value, validAfter, validBefore, nonce);
        require(Signatures.isValid(from, digest, signature), AI1NET_InvalidSignature(from));
        _use(from, validAfter, validBefore, nonce);
        _transfer(from, to, value);
    }

    /// @inheritdoc IAI1NET
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CANCEL_TYPEHASH, authorizer, nonce)));
        require(Signatures.isValid(authorizer, digest, signature), AI1NET_InvalidSignature(authorizer));
        _spend(authorizer, nonce);
        emit AuthorizationCanceled(authorizer, nonce);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IAI1NET
    function version() external view returns (string memory) {
        return _EIP712Version();
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, IERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    // ---------------------------------------------------------------- private

    function _transferDigest(
        bytes32 typeHash,
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce
    ) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(typeHash, from, to, value, validAfter, validBefore, nonce)));
    }

    /// @dev Both ends of the validity are exclusive, as ERC-3009 has them.
    function _use(address authorizer, uint256 validAfter, uint256 validBefore, bytes32 nonce) private {
        require(block.timestamp > validAfter, AI1NET_AuthorizationNotYetValid(validAfter, block.timestamp));
        require(block.timestamp < validBefore, AI1NET_AuthorizationExpired(validBefore, block.timestamp));
        _spend(authorizer, nonce);
        emit AuthorizationUsed(authorizer, nonce);
    }

    function _spend(address authorizer, bytes32 nonce) private {
        require(!authorizationState[authorizer][nonce], AI1NET_AuthorizationUsed(authorizer, nonce));
        authorizationState[authorizer][nonce] = true;
    }
}
