// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @notice Who signed a digest: a key, or a wallet that is a contract.
library Signatures {
    /// @notice True if `signer` signed `digest`. Its own key counts first, even when it has code: an EIP-7702 account
    /// keeps its key whatever it delegates to. Then its code is asked (ERC-1271).
    function isValid(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        (address recovered, ECDSA.RecoverError failure, ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        return
            signer.code.length != 0 && SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    /// @notice True if `signer`'s own key signed `digest`: low s only, and never the zero address.
    function isValid(address signer, bytes32 digest, uint8 v, bytes32 r, bytes32 s) internal pure returns (bool) {
        (address recovered, ECDSA.RecoverError failure, ) = ECDSA.tryRecover(digest, v, r, s);
        return failure == ECDSA.RecoverError.NoError && recovered == signer;
    }

    /// @notice The key that signed `digest`: 65 bytes with low s; the zero address if none did.
    function recover(bytes32 digest, bytes calldata signature) internal pure returns (address signer) {
        ECDSA.RecoverError failure;
        (signer, failure, ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure != ECDSA.RecoverError.NoError) return address(0);
    }
}
