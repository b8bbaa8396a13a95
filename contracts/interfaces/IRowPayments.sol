// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "./ILedger.sol";

/// @title IRowPayments
/// @notice What became of the money for one row of a settled batch. Keeps nothing: everything follows from the batch's own
/// bytes, for terms, offers and apps never change, nor does which rows of a settled group had been self-settled before.
interface IRowPayments {
    /// @notice All in wei.
    struct Payment {
        uint256 taken; // from the account, the row's part of the app's fee included; rounded down
        uint256 unpaid; // of the row's price: what the account lacked
        uint256 appFee; // that the row's app was due for it; rounded down
    }

    /// @notice The row that `proof` shows, and what was paid for it. When a group was short the app went without first, then the
    /// rows from the last one back; what the app got of it is shared among the rows by their amounts. A row that its provider
    /// had settled itself took nothing here and lacked nothing. Reverts as `ILedger.proveRow` does.
    function paymentOf(
        ILedger.RowProof calldata proof
    ) external view returns (ILedger.Row memory row, Payment memory payment);

    /// @notice The app's fee on `amount`, rounded down: 0 above what the account allows, and for app 0.
    function appFeeDown(uint256 amount, uint32 appId, uint32 accountId) external view returns (uint256);
}
