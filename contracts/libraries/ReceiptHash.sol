// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "../interfaces/ILedger.sol";

/// @notice The one EIP-712 struct that operators sign for every request.
library ReceiptHash {
    bytes32 internal constant TYPEHASH = keccak256(
        "Receipt(uint24 operatorId,uint32 accountId,uint40 seq,uint32 offerId,uint32 appId,uint24 inputUnits,uint24 outputUnits,uint8 timing,uint96 amount,bytes32 requestHash,bytes32 responseHash,uint40 servedAt)"
    );

    /// @notice The EIP-712 struct hash: the fields of ILedger.Receipt stand in the order of the type.
    function structHash(ILedger.Receipt calldata receipt) internal pure returns (bytes32) {
        return keccak256(abi.encode(TYPEHASH, receipt));
    }
}
