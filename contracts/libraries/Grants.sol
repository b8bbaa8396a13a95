// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @notice EIP-712 struct hashes of what an owner signs to open and fund an account.
library Grants {
    bytes32 private constant GRANT_TYPEHASH = keccak256(
        "Grant(address owner,uint24 operatorId,address signer,bool strict,uint8 maxAppFeePct,bytes32 salt)"
    );
    bytes32 private constant PERMIT_DEPOSIT_TYPEHASH = keccak256(
        "PermitDeposit(Grant grant,uint256 amount,uint256 deadline)Grant(address owner,uint24 operatorId,address signer,bool strict,uint8 maxAppFeePct,bytes32 salt)"
    );

    function hash(IEscrow.Terms calldata terms, bytes32 salt) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    GRANT_TYPEHASH,
                    terms.owner,
                    terms.operatorId,
                    terms.signer,
                    terms.strict,
                    terms.maxAppFeePct,
                    salt
                )
            );
    }

    function hashPermitDeposit(
        IEscrow.Terms calldata terms,
        bytes32 salt,
        uint256 amount,
        uint256 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(PERMIT_DEPOSIT_TYPEHASH, hash(terms, salt), amount, deadline));
    }
}
