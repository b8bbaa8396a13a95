// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IRegistry} from "./interfaces/IRegistry.sol";
import {ModelName} from "./libraries/ModelName.sol";
import {Windows} from "./libraries/Windows.sol";
import {Participants} from "./Participants.sol";

contract Registry is Participants {
    uint16 private constant MAX_APP_FEE_BPS = 2_000;
    uint16 private constant MAX_CACHED_BPS = 10_000;
    uint40 private constant RETIREMENT_NOTICE = 1 hours;
    uint40 private constant NOT_RETIRED = type(uint40).max;

    /// @inheritdoc IRegistry
    uint32 public immutable grace;

    mapping(uint32 modelId => Model) private _models;
    mapping(bytes32 nameHash => uint32 modelId) private _modelIds;
    mapping(uint32 listingId => Listing) private _listings;
    mapping(uint32 appId => App) private _apps;
    /// @dev An array of every possible id: an offer's two slots follow from its id without hashing.
    Offer[1 << 32] private _offers;

    /// @inheritdoc IRegistry
    mapping(uint32 providerId => mapping(uint32 modelId => uint32)) public listingIdOf;

    constructor(
        address token_,
        Windows memory windows,
        uint96 minOperatorBond_,
        uint96 minProviderStake_,
        address owner_,
        address disputes_
    ) Participants(token_, windows, minOperatorBond_, minProviderStake_, owner_, disputes_) {
        grace = windows.grace;
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

    // ---------------------------------------------------------------- private

    function _offerWords(uint32 offerId) private view returns (uint256 prices, uint256 source) {
        Offer storage stored = _offers[offerId];
        assembly ("memory-safe") {
            prices := sload(stored.slot)
            source := sload(add(stored.slot, 1))
        }
    }
}
