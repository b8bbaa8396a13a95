// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {Accounts} from "./Accounts.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {EarningsBuckets} from "./libraries/EarningsBuckets.sol";
import {Windows} from "./libraries/Windows.sol";

contract Escrow is Accounts {
    using SafeERC20 for IERC20;
    using EarningsBuckets for Earnings;
    using BitMaps for BitMaps.BitMap;

    uint256 private constant BPS = 10_000;

    /// @inheritdoc IEscrow
    address public immutable ledger;
    /// @inheritdoc IEscrow
    address public immutable disputes;
    /// @inheritdoc IEscrow
    address public immutable rewards;
    /// @inheritdoc IEscrow
    uint32 public immutable challengeWindow;

    mapping(Earner => mapping(uint32 id => Earnings)) private _earnings;

    /// @inheritdoc IEscrow
    mapping(uint24 operatorId => mapping(uint256 epoch => uint256)) public pool;

    /// @inheritdoc IEscrow
    mapping(uint32 providerId => uint128) public frozenOf;
    mapping(uint32 accountId => BitMaps.BitMap) private _selfSettled;

    modifier onlyLedger() {
        require(msg.sender == ledger, Escrow_NotLedger(msg.sender));
        _;
    }

    modifier onlyChallenges() {
        require(msg.sender == address(IDisputes(disputes).challenges()), Escrow_NotDisputes(msg.sender));
        _;
    }

    modifier onlyDisputes() {
        require(msg.sender == disputes, Escrow_NotDisputes(msg.sender));
        _;
    }

    constructor(
        address token_,
        address registry_,
        address ledger_,
        Windows memory windows,
        address guardian_,
        address disputes_,
        address rewards_
    ) Accounts(token_, registry_, windows, guardian_) {
        require(ledger_ != address(0) && disputes_ != address(0) && rewards_ != address(0), Escrow_ZeroAddress());
        ledger = ledger_;
        disputes = disputes_;
        rewards = rewards_;
        challengeWindow = windows.challenge;
    }

    // --------------------------------------------------------------- earnings

    /// @inheritdoc IEscrow
    function claim(Earner earner, uint32 id) external returns (uint128 amount) {
        // Effect
        amount = _earnings[earner][id].take(_bucket());
        require(amount != 0, Escrow_NothingToClaim(earner, id));
        address to = _payee(earner, id);
        emit Claimed(earner, id, to, amount);

        // Effect, Interaction
        _pay(to, amount);
    }

    /// @inheritdoc IEscrow
    function claimable(Earner earner, uint32 id) external view returns (uint128) {
        return _earnings[earner][id].rolledTo(_bucket()).mature;
    }

    /// @inheritdoc IEscrow
    function pending(Earner earner, uint32 id) external view returns (uint128) {
        Earnings memory rolled = _earnings[earner][id].rolledTo(_bucket());
        return uint128(rolled.current) + rolled.previous;
    }

    // ------------------------------------------------------------ Ledger only

    /// @inheritdoc IEscrow
    function debit(
        uint24 operatorId,
        uint256[] calldata groups,
        uint256 rebates
    ) external onlyLedger returns (uint256[] memory results, uint256 rebated) {
        uint256 length = groups.length;
        uint256 end;
        // Walks bare words: checking the indices, and the copy that a plain `return` makes, would cost as much as half of
        // the arithmetic. `results` is laid out as it is returned: offset, rebated, length, words.
        assembly ("memory-safe") {
            results := mload(0x40)
            mstore(results, 0x40)
            mstore(add(results, 0x40), length)
            end := add(results, shl(5, add(length, 3)))
            mstore(0x40, end)
        }
        for (uint256 i = 0; i < length;) {
            uint256 group;
            AccountWord stored;
            assembly ("memory-safe") {
                group := calldataload(add(groups.offset, shl(5, i)))
                stored := sload(add(_accounts.slot, shr(224, group)))
            }
            require(
                stored.operatorId() == operatorId,
                Escrow_ForeignAccount(uint32(group >> 224), stored.operatorId(), operatorId)
            );
            (AccountWord debited, uint256 result, uint256 rebate) = stored.debit(group, rebates);
            assembly ("memory-safe") {
                sstore(add(_accounts.slot, shr(224, group)), debited)
                mstore(add(results, shl(5, add(i, 3))), result)
                i := add(i, 1)
                rebated := add(rebated, rebate)
            }
        }
        assembly ("memory-safe") {
            mstore(add(results, 0x20), rebated)
            return(results, sub(end, results))
        }
    }

    /// @inheritdoc IEscrow
    function credit(uint24 operatorId, uint256 epoch, uint256[] calldata credits, uint128 poolFee) external onlyLedger {
        uint40 bucket = _bucket();
        for (uint256 i = 0; i < credits.length; ++i) {
            uint256 word = credits[i];
            _earnings[Earner(word >> 248)][uint32(word >> 216)].add(bucket, uint128(word));
        }
        pool[operatorId][epoch] += poolFee;
    }

    // ---------------------------------------------------------- Disputes only

    /// @inheritdoc IEscrow
    function refund(uint32 accountId, uint96 amount) external onlyDisputes {
        // Effect
        _accounts[accountId] = _accounts[accountId].deposit(amount);
        owed += amount;
        emit Refunded(accountId, amount);
        // Interaction
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IEscrow
    function compensate(uint32 providerId, uint96 amount) external onlyDisputes {
        // Effect
        _earnings[Earner.Provider][providerId].add(_bucket(), amount);
        owed += amount;
        emit Compensated(providerId, amount);
        // Interaction
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IEscrow
    function chargeReceipt(ReceiptCharge calldata charge) external onlyDisputes returns (uint96 taken, uint96 paid) {
        // Check
        AccountWord stored = _accounts[charge.accountId];
        require(
            stored.operatorId() == charge.operatorId && charge.operatorId != 0,
            Escrow_ForeignAccount(charge.accountId, stored.operatorId(), charge.operatorId)
        );
        uint40 nextSeq = stored.nextSeq();
        require(charge.seq >= nextSeq, Escrow_AlreadySettled(charge.accountId, charge.seq, nextSeq));
        require(
            !_selfSettled[charge.accountId].get(charge.seq),
            Escrow_AlreadySelfSettled(charge.accountId, charge.seq)
        );

        // Effect
        _selfSettled[charge.accountId].set(charge.seq);
        AccountWord charged;
        uint256 due = uint256(charge.amount) + charge.appFee;
        uint256 takenInAll;
        (charged, takenInAll) = stored.markSelfSettled().charge(due);
        _accounts[charge.accountId] = charged;
        // As in a batch, the app goes without first.
        paid = uint96(Math.min(takenInAll, charge.amount));
        taken = uint96(takenInAll);
        uint256 feeDown = (uint256(paid) * charge.protocolFeeBps) / BPS;
        uint40 bucket = _bucket();
        if (paid != 0) _earnings[Earner.Provider][charge.providerId].add(bucket, uint128(paid - feeDown));
        if (taken != paid) _earnings[Earner.App][charge.appId].add(bucket, taken - paid);
        pool[charge.operatorId][charge.epoch] += feeDown;
    }

    /// @inheritdoc IEscrow
    function freeze(uint32 providerId, uint96 amount) external onlyChallenges returns (uint96 frozen) {
        frozen = uint96(_earnings[Earner.Provider][providerId].takePending(_bucket(), amount));
        frozenOf[providerId] += frozen;
        emit Frozen(providerId, frozen);
    }

    /// @inheritdoc IEscrow
    function thaw(uint32 providerId, uint96 amount) external onlyChallenges {
        frozenOf[providerId] -= amount;
        _earnings[Earner.Provider][providerId].mature += amount;
        emit Thawed(providerId, amount);
    }

    /// @inheritdoc IEscrow
    function reverse(uint32 providerId, uint32 accountId, uint96 amount) external onlyChallenges {
        frozenOf[providerId] -= amount;
        _accounts[accountId] = _accounts[accountId].deposit(amount);
        emit Reversed(providerId, accountId, amount);
    }

    // ----------------------------------------------------------- Rewards only

    /// @inheritdoc IEscrow
    function payFromPool(uint24 operatorId, uint256 epoch, address to, uint256 amount) external {
        // Check
        require(msg.sender == rewards, Escrow_NotRewards(msg.sender));
        uint256 available = pool[operatorId][epoch];
        require(amount <= available, Escrow_PoolTooSmall(operatorId, epoch, available, amount));
        // Effect
        pool[operatorId][epoch] = available - amount;
        emit PoolPaid(operatorId, epoch, to, amount);
        // Effect, Interaction
        _pay(to, amount);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IEscrow
    function isSelfSettled(uint32 accountId, uint40 seq) external view returns (bool) {
        return _selfSettled[accountId].get(seq);
    }

    /// @inheritdoc IEscrow
    function selfSettledWord(uint32 accountId, uint256 index) external view returns (uint256) {
        return _selfSettled[accountId]._data[index];
    }

    /// @inheritdoc IEscrow
    function earnings(Earner earner, uint32 id) external view returns (Earnings memory) {
        return _earnings[earner][id];
    }

    // ---------------------------------------------------------------- private

    function _payee(Earner earner, uint32 id) private view returns (address) {
        if (earner == Earner.Provider) return IRegistry(registry).providerPayee(id);
        if (earner == Earner.App) return IRegistry(registry).app(id).owner;
        return IRegistry(registry).operatorPayee(uint24(id));
    }

    function _bucket() private view returns (uint40) {
        return uint40(block.timestamp / challengeWindow);
    }
}
