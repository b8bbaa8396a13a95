// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What a model may be called.
library ModelName {
    uint256 internal constant MAX_LENGTH = 96;

    /// @dev Bit c is set if the byte c may stand in a name: a-z, 0-9 and . _ : / -
    uint256 private constant ALPHABET =
        (((1 << 26) - 1) << 0x61) | // a-z
            (((1 << 10) - 1) << 0x30) | // 0-9
            (1 << 0x2e) | // .
            (1 << 0x5f) | // _
            (1 << 0x3a) | // :
            (1 << 0x2f) | // /
            (1 << 0x2d); // -

    /// @notice 1 to 96 bytes of `[a-z0-9._:/-]`: no two names look alike.
    function isValid(string calldata name) internal pure returns (bool) {
        bytes calldata text = bytes(name);
        if (text.length == 0 || text.length > MAX_LENGTH) return false;
        for (uint256 i = 0; i < text.length; ++i) {
            if ((ALPHABET >> uint8(text[i])) & 1 == 0) return false;
        }
        return true;
    }
}
