// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {AccountWord, AccountWordLib} from "../../../contracts/libraries/AccountWord.sol";

/// @notice The arithmetic on packed accounts against the same with every field by itself.
contract AccountWordTest {
    uint256 private constant SUPPLY = 1_000_000_000e18;

    function testFuzz_opensWhatItSays(uint24 operator, bool strict, uint8 pct) public pure {
        pct %= 32;
        IEscrow.Account memory account = AccountWordLib.open(operator, strict, pct).unpack();
        require(account.balance == 0 && account.credits == 0 && account.nextSeq == 0, "not empty");
        require(account.operatorId == operator, "operator");
        require(account.flags == pct * 4 + (strict ? 1 : 0), "flags");
    }

    function testFuzz_depositsAndWithdraws(IEscrow.Account memory account, uint96 amount) public pure {
        account.balance %= uint96(SUPPLY);
        amount %= uint96(SUPPLY);
        AccountWord word = _pack(account).deposit(amount);
        account.balance += amount;
        _requireSame(word, account);
        require(word.balance() == account.balance && word.operatorId() == account.operatorId, "views");
        account.balance -= amount;
        _requireSame(word.withdraw(amount), account);
    }

    function testFuzz_debitsLikeTheRules(
        IEscrow.Account memory account,
        uint96 due,
        uint16 feeBps,
        uint16 rows,
        uint256 nearby,
        uint256 rebates
    ) public pure {
        account.nextSeq %= uint40(type(uint40).max - type(uint16).max);
        uint256 amount = due % (SUPPLY + 1);
        feeBps %= 2_001;
        // Half of the cases lie around what the account has: there the branches are.
        uint256 available = uint256(account.balance) + account.credits;
        if (nearby % 2 == 0 && available <= SUPPLY - 2)
            amount = available == 0 ? 0 : available - 1 + ((nearby >> 1) % 3);

        uint256 group = (uint256(feeBps) << 192) | (uint256(rows) << 208) | (uint256(7) << 224) | amount;
        // A rate in 10^8ths, at most the whole, and a margin of some wei.
        uint256 rate = rebates % 100_000_001;
        uint256 margin = (rebates >> 128) % 256;
        (AccountWord debited, uint256 result, uint256 rebate) = _pack(account).debit(group, (rate << 8) | margin);

        uint256 appFee = feeBps > uint256((account.flags >> 2) & 31) * 100 ? 0 : (amount * feeBps) / 10_000;
        uint256 paid = amount + appFee < available ? amount + appFee : available;
        require(uint40(result >> 216) == account.nextSeq && uint256(result >> 216) == account.nextSeq, "start");
        require(uint88(result >> 128) == appFee, "app fee");
        require(uint128(result) == amount + appFee - paid, "shortfall");
        uint256 fromCredits = paid < account.credits ? paid : account.credits;
        account.credits -= uint88(fromCredits);
        account.balance -= uint96(paid - fromCredits);
        account.nextSeq += rows;
        uint256 expected = (amount * rate) / 10 ** 8;
        expected = paid < amount + appFee || expected < margin ? 0 : expected - margin;
        if (account.credits + expected > type(uint88).max) expected = 0;
        require(rebate == expected, "rebate");
        account.credits += uint88(expected);
        _requireSame(debited, account);
    }

    function testFuzz_chargesWhatThereIs(IEscrow.Account memory account, uint96 due) public pure {
        (AccountWord charged, uint256 taken) = _pack(account).markSelfSettled().charge(due);
        uint256 available = uint256(account.balance) + account.credits;
        require(taken == (due < available ? due : available), "taken");
        uint256 fromCredits = taken < account.credits ? taken : account.credits;
        account.credits -= uint88(fromCredits);
        account.balance -= uint96(taken - fromCredits);
        account.flags |= 2;
        _requireSame(charged, account);
        require(charged.nextSeq() == account.nextSeq, "sequence");
    }

    function _pack(IEscrow.Account memory account) private pure returns (AccountWord) {
        return
            AccountWord.wrap(
                uint256(
                    bytes32(
                        abi.encodePacked(
                            account.flags,
                            account.operatorId,
                            account.nextSeq,
                            account.credits,
                            account.balance
                        )
                    )
                )
            );
    }

    function _requireSame(AccountWord word, IEscrow.Account memory account) private pure {
        require(AccountWord.unwrap(word) == AccountWord.unwrap(_pack(account)), "word");
        require(keccak256(abi.encode(word.unpack())) == keccak256(abi.encode(account)), "fields");
    }
}
