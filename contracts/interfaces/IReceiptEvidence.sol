// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IReceiptEvidence
/// @notice What contracts that read receipts have in common.
interface IReceiptEvidence {
    /// @notice No receipt key of the receipt's operator made this signature; high s and malformed ones are nobody's.
    error Receipt_NotSigned(bytes32 digest, address signer);

    function registry() external view returns (address);

    function escrow() external view returns (address);

    function ledger() external view returns (address);
}
