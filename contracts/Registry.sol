// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {ModelName} from "./libraries/ModelName.sol";
import {Stakes} from "./libraries/Stakes.sol";
import {Windows, WindowsLib} from "./libraries/Windows.sol";

contract Registry is IRegistry, Ownable2Step {
    using SafeERC20 for IERC20;
    using Stakes for Stake;

    uint96 private constant LOWEST_MINIMUM = 1e18;
    uint96 private constant HIGHEST_MINIMUM = 10_000_000e18;
    uint16 private constant MAX_APP_FEE_BPS = 2_000;
    uint16 private constant MAX_CACHED_BPS = 10_000;
    uint40 private constant RETIREMENT_NOTICE = 1 hours;
    uint40 private constant NOT_RETIRED = type(uint40).max;

    /// @inheritdoc IRegistry
    address public immutable token;
    /// @inheritdoc IRegistry
    uint32 public immutable grace;
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
    mapping(uint32 modelId => Model) private _models;
    mapping(bytes32 nameHash => uint32 modelId) private _modelIds;
    mapping(uint32 listingId => Listing) private _listings;
    mapping(uint32 appId => App) private _apps;
    /// @dev An array of every possible id: an offer's two slots follow from its id without hashing.
    Offer[1 << 32] private _offers;

    /// @inheritdoc IRegistry
    mapping(uint32 providerId => mapping(uint32 modelId => uint32)) public listingIdOf;
    /// @inheritdoc IRegistry
    mapping(uint24 operatorId => mapping(address account => bool)) public isSettler;
    /// @inheritdoc IRegistry
    mapping(address key => uint24) public operatorOfReceiptKey;

    constructor(
        address token_,
        Windows memory windows,
        uint96 minOperatorBond_,
        uint96 minProviderStake_,
        address owner_
    ) Ownable(owner_) {
        require(token_ != address(0), Registry_ZeroAddress());
        WindowsLib.check(windows);
        token = token_;
        grace = windows.grace;
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
        require(payee != address(0), Registry_ZeroAddress());
        require(bond >= minOperatorBond, Registry_BondTooLow(bond, minOperatorBond));

        operatorId = ++counts.operators;
        Operator storage registered = _operators[operatorId];
        registered.owner = msg.sender;
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
        require(payee != address(0), Registry_ZeroAddress());
        _operatorOfCaller(operatorId).payee = payee;
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
        require(_operators[operatorId].owner != address(0), Registry_UnknownOperator(operatorId));
        _bond(true, operatorId, _operators[operatorId].bond, amount);
    }

    /// @inheritdoc IRegistry
    function requestUnbond(uint24 operatorId, uint96 amount) external {
        Stake storage bond = _operatorOfCaller(operatorId).bond;
        uint40 readyAt = bond.requestOut(amount, minOperatorBond, unbondingPeriod);
        emit UnbondingRequested(true, operatorId, amount, readyAt);
    }

    /// @inheritdoc IRegistry
    function withdrawBond(uint24 operatorId, address to) external returns (uint96 amount) {
        amount = _unbond(true, operatorId, _operatorOfCaller(operatorId).bond, to);
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
        amount = _unbond(false, providerId, _providerOfCaller(providerId).stake, to);
    }

    // ----------------------------------------------------- models and listings

    /// @inheritdoc IRegistry
    function registerModel(string calldata name, Unit unit) external returns (uint32 modelId) {
        require(ModelName.isValid(name), Registry_BadName(name));
        bytes32 nameHash = keccak256(bytes(name));
        require(_modelIds[nameHash] == 0, Registry_NameTaken(name, _modelIds[nameHash]));

        modelId = ++counts.models;
        _modelIds[nameHash] = modelId;
        _models[modelId] = Model(unit, name);
        emit ModelRegistered(modelId, unit, name);
    }

    /// @inheritdoc IRegistry
    function createListing(uint32 providerId, uint32 modelId) external returns (uint32 listingId) {
        uint96 bonded = _providerOfCaller(providerId).stake.bonded;
        require(bonded >= minProviderStake, Registry_BondTooLow(bonded, minProviderStake));
        require(modelId != 0 && modelId <= counts.models, Registry_UnknownModel(modelId));
        listingId = listingIdOf[providerId][modelId];
        require(listingId == 0, Registry_ListingExists(providerId, modelId, listingId));

        listingId = ++counts.listings;
        listingIdOf[providerId][modelId] = listingId;
        _listings[listingId] = Listing(providerId, modelId);
        emit ListingCreated(listingId, providerId, modelId);
    }

    /// @inheritdoc IRegistry
    function createOffer(
        uint32 listingId,
        uint72 inputPrice,
        uint72 outputPrice,
        uint72 requestPrice,
        uint16 cachedBps
    ) external returns (uint32 offerId) {
        uint32 providerId = _listings[listingId].providerId;
        require(providerId != 0, Registry_UnknownListing(listingId));
        _providerOfCaller(providerId);
        require(cachedBps <= MAX_CACHED_BPS, Registry_CachedBpsTooHigh(cachedBps, MAX_CACHED_BPS));

        offerId = ++counts.offers;
        _offers[offerId] = Offer({
            inputPrice: inputPrice,
            outputPrice: outputPrice,
            requestPrice: requestPrice,
            retiresAt: NOT_RETIRED,
            listingId: listingId,
            providerId: providerId,
            createdAt: uint40(block.timestamp),
            cachedBps: cachedBps
        });
        emit OfferCreated(offerId, listingId, inputPrice, outputPrice, requestPrice, cachedBps);
    }

    /// @inheritdoc IRegistry
    function retireOffer(uint32 offerId, uint40 retiresAt) external {
        Offer storage retiring = _offers[offerId];
        require(retiring.createdAt != 0, Registry_UnknownOffer(offerId));
        _providerOfCaller(retiring.providerId);
        require(retiring.retiresAt == NOT_RETIRED, Registry_AlreadyRetired(offerId, retiring.retiresAt));
        uint256 earliest = block.timestamp + RETIREMENT_NOTICE;
        require(retiresAt >= earliest, Registry_NoticeTooShort(retiresAt, earliest));
        // The last value means "not retired": an end announced as that would be none.
        require(retiresAt != NOT_RETIRED, Registry_ParameterOutOfRange(retiresAt, earliest, NOT_RETIRED - 1));

        retiring.retiresAt = retiresAt;
        emit OfferRetired(offerId, retiresAt);
    }

    /// @inheritdoc IRegistry
    function registerApp(address owner, uint16 feeBps) external returns (uint32 appId) {
        require(owner != address(0), Registry_ZeroAddress());
        require(feeBps <= MAX_APP_FEE_BPS, Registry_AppFeeTooHigh(feeBps, MAX_APP_FEE_BPS));

        appId = ++counts.apps;
        _apps[appId] = App(owner, feeBps);
        emit AppRegistered(appId, owner, feeBps);
    }

    // ------------------------------------------------------------- parameters

    /// @inheritdoc IRegistry
    function setMinimums(uint96 minOperatorBond_, uint96 minProviderStake_) external onlyOwner {
        _setMinimums(minOperatorBond_, minProviderStake_);
    }

    // ---------------------------------------------------------------- billing

    /// @inheritdoc IRegistry
    function billing(
        uint24 operatorId,
        address settler,
        uint40 servedFrom,
        uint40 servedTo,
        uint256 nOffers,
        bytes calldata tables
    ) external view returns (uint256[] memory words) {
        require(isSettler[operatorId][settler], Registry_NotSettler(operatorId, settler));
        _checkBonded(operatorId, servedTo);

        uint256 nEntries = tables.length / 4;
        words = new uint256[](nEntries + nOffers);
        for (uint256 i = 0; i < nOffers; ++i) {
            uint32 offerId = uint32(bytes4(tables[4 * i:4 * i + 4]));
            (uint256 prices, uint256 source) = _offerWords(offerId);
            uint256 createdAt = uint40(source >> 64);
            require(createdAt != 0, Registry_UnknownOffer(offerId));
            require(
                createdAt <= servedFrom && servedTo <= (prices >> 216) + grace,
                Registry_OfferNotBillable(offerId, servedFrom, servedTo)
            );
            words[2 * i] = prices;
            words[2 * i + 1] = source;
        }
        for (uint256 i = nOffers; i < nEntries; ++i) {
            uint32 appId = uint32(bytes4(tables[4 * i:4 * i + 4]));
            if (appId == 0) continue;
            App memory billed = _apps[appId];
            require(billed.owner != address(0), Registry_UnknownApp(appId));
            words[nOffers + i] = billed.feeBps;
        }
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
    function model(uint32 modelId) external view returns (Model memory) {
        return _models[modelId];
    }

    /// @inheritdoc IRegistry
    function modelIdOf(string calldata name) external view returns (uint32) {
        return _modelIds[keccak256(bytes(name))];
    }

    /// @inheritdoc IRegistry
    function listing(uint32 listingId) external view returns (Listing memory) {
        return _listings[listingId];
    }

    /// @inheritdoc IRegistry
    function offer(uint32 offerId) external view returns (Offer memory) {
        return _offers[offerId];
    }

    /// @inheritdoc IRegistry
    function app(uint32 appId) external view returns (App memory) {
        return _apps[appId];
    }

    /// @inheritdoc IRegistry
    function operatorPayee(uint24 operatorId) external view returns (address) {
        return _operators[operatorId].payee;
    }

    /// @inheritdoc IRegistry
    function providerPayee(uint32 providerId) external view returns (address) {
        return _providers[providerId].payee;
    }

    // ---------------------------------------------------------------- private

    function _operatorOfCaller(uint24 operatorId) private view returns (Operator storage registered) {
        registered = _operators[operatorId];
        require(registered.owner != address(0), Registry_UnknownOperator(operatorId));
        require(registered.owner == msg.sender, Registry_NotOwner(msg.sender, registered.owner));
    }

    function _providerOfCaller(uint32 providerId) private view returns (Provider storage registered) {
        registered = _providers[providerId];
        require(registered.owner != address(0), Registry_UnknownProvider(providerId));
        require(registered.owner == msg.sender, Registry_NotOwner(msg.sender, registered.owner));
    }

    function _setSettler(uint24 operatorId, address settler, bool allowed) private {
        require(settler != address(0), Registry_ZeroAddress());
        isSettler[operatorId][settler] = allowed;
        emit SettlerSet(operatorId, settler, allowed);
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

    function _unbond(bool isOperator, uint32 id, Stake storage stake, address to) private returns (uint96 amount) {
        require(to != address(0), Registry_ZeroAddress());
        // Effect
        amount = stake.takeOut();
        emit Unbonded(isOperator, id, amount, to);
        // Interaction
        IERC20(token).safeTransfer(to, amount);
    }

    /// @dev With its whole bond asked back, an operator settles only what it served before, and only while the bond
    /// still has every challenge of that row ahead of it (I-12).
    function _checkBonded(uint24 operatorId, uint40 servedTo) private view {
        Stake memory bond = _operators[operatorId].bond;
        if (bond.bonded != 0) return;
        uint256 askedAt = bond.readyAt == 0 ? 0 : bond.readyAt - unbondingPeriod;
        require(
            servedTo <= askedAt && block.timestamp <= askedAt + _lastSettlement,
            Registry_BondTooLow(0, minOperatorBond)
        );
    }

    function _offerWords(uint32 offerId) private view returns (uint256 prices, uint256 source) {
        Offer storage stored = _offers[offerId];
        assembly ("memory-safe") {
            prices := sload(stored.slot)
            source := sload(add(stored.slot, 1))
        }
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
