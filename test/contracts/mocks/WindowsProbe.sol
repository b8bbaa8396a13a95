// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Windows, WindowsLib} from "../../../contracts/libraries/Windows.sol";

/// @notice Shows the errors of a library that is otherwise compiled into constructors.
contract WindowsProbe {
    function check(Windows calldata windows) external pure {
        WindowsLib.check(windows);
    }
}
