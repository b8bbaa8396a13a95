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
        uint256 nearby
    ) public pure {
        account.nextSeq %= uint40(type(uint40).max - type(uint16).max);
        uint256 amount = due % (SUPPLY + 1);
        feeBps %= 2_001;
        // Half of the cases lie around what the account has: there the branches are.
        uint256 available = uint256(account.balance) + account.credits;
        if (nearby % 2 == 0 && available <= SUPPLY - 2)
            amount = available == 0 ? 0 : available - 1 + ((nearby >> 1) % 3);

        uint256 group = (uint256(feeBps) << 192) | (uint256(rows) << 208) | (uint256(7) << 224) | amount;
        (AccountWord debited, uint256 result) = _pack(account).debit(group);

        uint256 appFee = feeBps > uint256((account.flags >> 2) & 31) * 100 ? 0 : (amount * feeBps) / 10_000;
        uint256 paid = amount + appFee < available ? amount + appFee : available;
        require(uint40(result >> 216) == account.nextSeq && uint256(result >> 216) == account.nextSeq, "start");
        require(uint88(result >> 128) == appFee, "app fee");
        require(uint128(result) == amount + appFee - paid, "shortfall");
        uint256 fromCredits = paid < account.credits ? paid : account.credits;
        account.credits -= uint88(fromCredits);
        account.balance -= uint96(paid - fromCredits);
        account.nextSeq += rows;
        _requireSame(debited, account);
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
