// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {Stakes} from "./libraries/Stakes.sol";
import {Windows, WindowsLib} from "./libraries/Windows.sol";

/// @notice The part of the Registry that knows who takes part: operators and providers, and what they have at stake.
abstract contract Participants is IRegistry, Ownable2Step {
    using SafeERC20 for IERC20;
    using Stakes for Stake;

    uint96 private constant LOWEST_MINIMUM = 1e18;
    uint96 private constant HIGHEST_MINIMUM = 10_000_000e18;

    /// @inheritdoc IRegistry
    address public immutable token;
    /// @inheritdoc IRegistry
    address public immutable disputes;
    /// @inheritdoc IRegistry
    uint32 public immutable unbondingPeriod;
    /// @dev Seconds for which an operator without a bond may still settle what it served with one.
    uint256 private immutable _lastSettlement;

    /// @inheritdoc IRegistry
    uint96 public minOperatorBond;
    /// @inheritdoc IRegistry
    uint96 public minProviderStake;

    struct Counts {
        // slot 0
        uint24 operators;
        uint32 providers;
        uint32 models;
        uint32 listings;
        uint32 offers;
        uint32 apps;
    }

    /// @inheritdoc IRegistry
    Counts public counts;

    mapping(uint24 operatorId => Operator) private _operators;
    mapping(uint32 providerId => Provider) private _providers;

    /// @inheritdoc IRegistry
    mapping(uint24 operatorId => mapping(address account => bool)) public isSettler;
    /// @inheritdoc IRegistry
    mapping(address key => uint24) public operatorOfReceiptKey;
    /// @inheritdoc IRegistry
    mapping(address payee => uint24) public operatorOfPayee;

    constructor(
        address token_,
        Windows memory windows,
        uint96 minOperatorBond_,
        uint96 minProviderStake_,
        address owner_,
        address disputes_
    ) Ownable(owner_) {
        require(token_ != address(0) && disputes_ != address(0), Registry_ZeroAddress());
        WindowsLib.check(windows);
        token = token_;
        disputes = disputes_;
        unbondingPeriod = windows.unbonding;
        _lastSettlement = uint256(windows.settle) + windows.maxPause;
        _setMinimums(minOperatorBond_, minProviderStake_);
    }

    // -------------------------------------------------------------- operators

    /// @inheritdoc IRegistry
    function registerOperator(
        address payee,
        address settler,
        address receiptKey,
        uint96 bond
    ) external returns (uint24 operatorId) {
        require(bond >= minOperatorBond, Registry_BondTooLow(bond, minOperatorBond));

        operatorId = ++counts.operators;
        Operator storage registered = _operators[operatorId];
        registered.owner = msg.sender;
        _takePayee(operatorId, payee);
        registered.payee = payee;
        emit OperatorRegistered(operatorId, msg.sender, payee);
        _setSettler(operatorId, settler, true);
        _addReceiptKey(operatorId, receiptKey);
        _bond(true, operatorId, registered.bond, bond);
    }

    /// @inheritdoc IRegistry
    function setSettler(uint24 operatorId, address settler, bool allowed) external {
        _operatorOfCaller(operatorId);
        _setSettler(operatorId, settler, allowed);
    }

    /// @inheritdoc IRegistry
    function addReceiptKey(uint24 operatorId, address key) external {
        _operatorOfCaller(operatorId);
        _addReceiptKey(operatorId, key);
    }

    /// @inheritdoc IRegistry
    function setOperatorPayee(uint24 operatorId, address payee) external {
        Operator storage registered = _operatorOfCaller(operatorId);
        _takePayee(operatorId, payee);
        registered.payee = payee;
        emit PayeeSet(true, operatorId, payee);
    }

    // -------------------------------------------------------------- providers

    /// @inheritdoc IRegistry
    function registerProvider(address payee, uint96 stake) external returns (uint32 providerId) {
        require(payee != address(0), Registry_ZeroAddress());

        providerId = ++counts.providers;
        Provider storage registered = _providers[providerId];
        registered.owner = msg.sender;
        registered.payee = payee;
        emit ProviderRegistered(providerId, msg.sender, payee);
        if (stake != 0) _bond(false, providerId, registered.stake, stake);
    }

    /// @inheritdoc IRegistry
    function setProviderPayee(uint32 providerId, address payee) external {
        require(payee != address(0), Registry_ZeroAddress());
        _providerOfCaller(providerId).payee = payee;
        emit PayeeSet(false, providerId, payee);
    }

    // ----------------------------------------------------------------- stakes

    /// @inheritdoc IRegistry
    function addBond(uint24 operatorId, uint96 amount) external {
        Operator storage registered = _operators[operatorId];
        require(registered.owner != address(0), Registry_UnknownOperator(operatorId));
        // An operator that asked everything back would otherwise settle on with a bond of one wei.
        uint96 bonded = registered.bond.bonded;
        require(bonded != 0 || amount >= minOperatorBond, Registry_BondTooLow(amount, minOperatorBond));
        _bond(true, operatorId, registered.bond, amount);
    }

    /// @inheritdoc IRegistry
    function requestUnbond(uint24 operatorId, uint96 amount) external {
        Stake storage bond = _operatorOfCaller(operatorId).bond;
        uint40 readyAt = bond.requestOut(amount, minOperatorBond, unbondingPeriod);
        emit UnbondingRequested(true, operatorId, amount, readyAt);
    }

    /// @inheritdoc IRegistry
    function withdrawBond(uint24 operatorId, address to) external returns (uint96 amount) {
        Stake storage bond = _operatorOfCaller(operatorId).bond;
        // What is claimed of a bond stays, however long ago it was asked back.
        amount = _unbond(true, operatorId, bond, to, IDisputes(disputes).openClaims(operatorId));
    }

    /// @inheritdoc IRegistry
    function addStake(uint32 providerId, uint96 amount) external {
        require(_providers[providerId].owner != address(0), Registry_UnknownProvider(providerId));
        _bond(false, providerId, _providers[providerId].stake, amount);
    }

    /// @inheritdoc IRegistry
    function requestUnstake(uint32 providerId, uint96 amount) external {
        Stake storage stake = _providerOfCaller(providerId).stake;
        uint40 readyAt = stake.requestOut(amount, minProviderStake, unbondingPeriod);
        emit UnbondingRequested(false, providerId, amount, readyAt);
    }

    /// @inheritdoc IRegistry
    function withdrawStake(uint32 providerId, address to) external returns (uint96 amount) {
        amount = _unbond(false, providerId, _providerOfCaller(providerId).stake, to, 0);
    }

    // ---------------------------------------------------------- Disputes only

    /// @inheritdoc IRegistry
    function slash(uint24 operatorId, uint96 amount) external returns (uint96 slashed) {
        // Check
        require(msg.sender == disputes, Registry_NotDisputes(msg.sender));
        // Effect
        Stake memory left;
        (left, slashed) = _operators[operatorId].bond.slash(amount, minOperatorBond, unbondingPeriod);
        emit Slashed(operatorId, slashed, left.bonded, left.unbonding, left.readyAt);
        // Interaction
        IERC20(token).safeTransfer(msg.sender, slashed);
    }

    // ------------------------------------------------------------- parameters

    /// @inheritdoc IRegistry
    function setMinimums(uint96 minOperatorBond_, uint96 minProviderStake_) external onlyOwner {
        _setMinimums(minOperatorBond_, minProviderStake_);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRegistry
    function operator(uint24 operatorId) external view returns (Operator memory) {
        return _operators[operatorId];
    }

    /// @inheritdoc IRegistry
    function provider(uint32 providerId) external view returns (Provider memory) {
        return _providers[providerId];
    }

    /// @inheritdoc IRegistry
    function operatorPayee(uint24 operatorId) external view returns (address) {
        return _operators[operatorId].payee;
    }

    /// @inheritdoc IRegistry
    function providerPayee(uint32 providerId) external view returns (address) {
        return _providers[providerId].payee;
    }

    // ------------------------------------------------------- internal, private

    function _operatorOfCaller(uint24 operatorId) private view returns (Operator storage registered) {
        registered = _operators[operatorId];
        require(registered.owner != address(0), Registry_UnknownOperator(operatorId));
        require(registered.owner == msg.sender, Registry_NotOwner(msg.sender, registered.owner));
    }

    function _providerOfCaller(uint32 providerId) internal view returns (Provider storage registered) {
        registered = _providers[providerId];
        require(registered.owner != address(0), Registry_UnknownProvider(providerId));
        require(registered.owner == msg.sender, Registry_NotOwner(msg.sender, registered.owner));
    }

    function _setSettler(uint24 operatorId, address settler, bool allowed) private {
        require(settler != address(0), Registry_ZeroAddress());
        isSettler[operatorId][settler] = allowed;
        emit SettlerSet(operatorId, settler, allowed);
    }

    /// @dev A payee, once an operator's, is never another's: payers' authorizations name their operator by it.
    function _takePayee(uint24 operatorId, address payee) private {
        require(payee != address(0), Registry_ZeroAddress());
        uint24 holder = operatorOfPayee[payee];
        require(holder == 0 || holder == operatorId, Registry_PayeeTaken(payee, holder));
        operatorOfPayee[payee] = operatorId;
    }

    function _addReceiptKey(uint24 operatorId, address key) private {
        require(key != address(0), Registry_ZeroAddress());
        require(operatorOfReceiptKey[key] == 0, Registry_ReceiptKeyTaken(key));
        operatorOfReceiptKey[key] = operatorId;
        emit ReceiptKeyAdded(operatorId, key);
    }

    function _bond(bool isOperator, uint32 id, Stake storage stake, uint96 amount) private {
        // Effect
        uint96 bonded = stake.add(amount);
        emit Bonded(isOperator, id, amount, bonded);
        // Interaction
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    function _unbond(
        bool isOperator,
        uint32 id,
        Stake storage stake,
        address to,
        uint256 claimed
    ) private returns (uint96 amount) {
        require(to != address(0), Registry_ZeroAddress());
        // Effect
        amount = stake.takeOut(claimed);
        emit Unbonded(isOperator, id, amount, to);
        // Interaction
        IERC20(token).safeTransfer(to, amount);
    }

    /// @dev With its whole bond asked back, an operator settles only what it served before, and only while the bond
    /// still has every challenge of that row ahead of it (I-12).
    function _checkBonded(uint24 operatorId, uint40 servedTo) internal view {
        Stake memory bond = _operators[operatorId].bond;
        if (bond.bonded != 0) return;
        uint256 askedAt = bond.readyAt == 0 ? 0 : bond.readyAt - unbondingPeriod;
        require(
            servedTo <= askedAt && block.timestamp <= askedAt + _lastSettlement,
            Registry_BondTooLow(0, minOperatorBond)
        );
    }

    function _setMinimums(uint96 minOperatorBond_, uint96 minProviderStake_) private {
        _checkMinimum(minOperatorBond_);
        _checkMinimum(minProviderStake_);
        minOperatorBond = minOperatorBond_;
        minProviderStake = minProviderStake_;
        emit MinimumsSet(minOperatorBond_, minProviderStake_);
    }

    function _checkMinimum(uint96 minimum) private pure {
        require(
            minimum >= LOWEST_MINIMUM && minimum <= HIGHEST_MINIMUM,
            Registry_ParameterOutOfRange(minimum, LOWEST_MINIMUM, HIGHEST_MINIMUM)
        );
    }
}
