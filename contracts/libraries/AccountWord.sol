// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";

/// @notice An `IEscrow.Account` as the one word it is stored in; the layout stands there.
type AccountWord is uint256;

using AccountWordLib for AccountWord global;

/// @notice Arithmetic on accounts without unpacking them: a batch of thousands of accounts goes through here.
library AccountWordLib {
    uint8 internal constant STRICT = 1;
    uint8 internal constant HAS_SELF_SETTLED = 2;
    uint8 internal constant APP_FEE_PCT_SHIFT = 2;
    uint256 private constant BPS = 10_000;
    uint256 private constant BPS_OF_BPS = 10_000 ** 2;

    /// @notice A new account: nothing in it yet.
    function open(uint24 operator, bool strict, uint8 maxAppFeePct) internal pure returns (AccountWord) {
        uint256 flags = (uint256(maxAppFeePct) << APP_FEE_PCT_SHIFT) | (strict ? STRICT : 0);
        return AccountWord.wrap((flags << 248) | (uint256(operator) << 224));
    }

    function balance(AccountWord self) internal pure returns (uint96) {
        return uint96(AccountWord.unwrap(self));
    }

    function credits(AccountWord self) internal pure returns (uint88) {
        return uint88(AccountWord.unwrap(self) >> 96);
    }

    function nextSeq(AccountWord self) internal pure returns (uint40) {
        return uint40(AccountWord.unwrap(self) >> 184);
    }

    function operatorId(AccountWord self) internal pure returns (uint24) {
        return uint24(AccountWord.unwrap(self) >> 224);
    }

    function unpack(AccountWord self) internal pure returns (IEscrow.Account memory) {
        uint256 word = AccountWord.unwrap(self);
        return
            IEscrow.Account({
                balance: uint96(word),
                credits: uint88(word >> 96),
                nextSeq: uint40(word >> 184),
                operatorId: uint24(word >> 224),
                flags: uint8(word >> 248)
            });
    }

    /// @dev The balance cannot run into `credits`: no balance exceeds the token's supply, and that is below 2^90.
    function deposit(AccountWord self, uint96 amount) internal pure returns (AccountWord) {
        return AccountWord.wrap(AccountWord.unwrap(self) + amount);
    }

    /// @param amount together with the credits at most what their field holds
    function grant(AccountWord self, uint88 amount) internal pure returns (AccountWord) {
        return AccountWord.wrap(AccountWord.unwrap(self) + (uint256(amount) << 96));
    }

    /// @param amount at most the balance
    function withdraw(AccountWord self, uint96 amount) internal pure returns (AccountWord) {
        return AccountWord.wrap(AccountWord.unwrap(self) - amount);
    }

    /// @notice Takes up to `due` wei, credits first, without touching the sequence.
    function charge(AccountWord self, uint256 due) internal pure returns (AccountWord charged, uint256 taken) {
        uint256 credited = credits(self);
        taken = Math.min(due, balance(self) + credited);
        uint256 fromCredits = Math.min(taken, credited);
        charged = AccountWord.wrap(AccountWord.unwrap(self) - (fromCredits << 96) - (taken - fromCredits));
    }

    /// @notice Marks that a row of this account was self-settled.
    function markSelfSettled(AccountWord self) internal pure returns (AccountWord) {
        return AccountWord.wrap(AccountWord.unwrap(self) | (uint256(HAS_SELF_SETTLED) << 248));
    }

    /// @notice Debits one group of a batch; `group`, `rebates` and `result` are the words of `IEscrow.debit`.
    /// @return debited the account after it
    /// @return result as IEscrow.debit gives it
    /// @return rebate wei, already added to the credits
    /// @dev No field overflows into its neighbour: at most what is there is taken from `credits` and `balance`; a group
    /// costs at most the token's supply, the Ledger sees to that; a rebate that would not fit is not given; and 2^40 rows
    /// cost more gas than chains have.
    function debit(
        AccountWord self,
        uint256 group,
        uint256 rebates
    ) internal pure returns (AccountWord debited, uint256 result, uint256 rebate) {
        unchecked {
            uint256 word = AccountWord.unwrap(self);
            uint256 due = uint128(group);
            // Before the app's fee: what the protocol's fee is taken of.
            rebate = (due * (rebates >> 8)) / BPS_OF_BPS;
            uint256 feeBps = uint16(group >> 192);
            // startSeq u40 << 216
            result = (word >> 184) << 216;

            // An app that charges more than the payer allows is not paid at all, rather than in part.
            if (feeBps != 0 && feeBps <= ((word >> (248 + APP_FEE_PCT_SHIFT)) & 0x1f) * 100) {
                uint256 appFee = (due * feeBps) / BPS;
                result |= appFee << 128;
                due += appFee;
            }

            uint256 credited = uint88(word >> 96);
            uint256 available = uint96(word) + credited;
            if (due > available) {
                result |= due - available;
                due = available;
                rebate = 0;
            }

            // credits first, the rest from the balance
            uint256 fromCredits = due < credited ? due : credited;
            word += uint256(uint16(group >> 208)) << 184;
            word -= (fromCredits << 96) + (due - fromCredits);

            // Below the fee by a wei per offer at least, which is what rounding can take from the fee.
            uint256 margin = uint8(rebates);
            rebate = rebate > margin ? rebate - margin : 0;
            if (credited - fromCredits + rebate > type(uint88).max) rebate = 0;
            debited = AccountWord.wrap(word + (rebate << 96));
        }
    }
}
