// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IRegistry
/// @notice Who takes part (operators, providers, apps), what is offered (models, listings, immutable offers) and what
/// backs it (bonds and stakes). Ids are given in order of creation, from 1; 0 means "none".
interface IRegistry {
    // ------------------------------------------------------------------ types

    /// @notice What a unit of a model is.
    enum Unit {
        Token,
        Image,
        Second
    }

    /// @notice Tokens locked by an operator or a provider. All amounts in wei of $AI1NET.
    struct Stake {
        // slot 0
        uint96 bonded; // counts, slashable
        uint96 unbonding; // asked back, still slashable
        uint40 readyAt; // unix s from which `unbonding` may leave; 0 when none is asked back
    }

    struct Operator {
        address owner;
        address payee; // receives the operator's share of the protocol fee
        Stake bond;
    }

    struct Provider {
        address owner;
        address payee; // receives earnings
        Stake stake;
    }

    struct Model {
        Unit unit;
        string name; // as requests name it, for instance "acme/summarizer"; unique
    }

    struct Listing {
        uint32 providerId;
        uint32 modelId;
    }

    /// @notice An immutable price list. Prices in wei of $AI1NET per unit (`requestPrice`: per request).
    /// As words, from the low bits up: slot 0 inputPrice, outputPrice << 72, requestPrice << 144, retiresAt << 216;
    /// slot 1 listingId, providerId << 32, createdAt << 64, cachedBps << 104.
    struct Offer {
        // slot 0
        uint72 inputPrice;
        uint72 outputPrice;
        uint72 requestPrice;
        uint40 retiresAt; // unix s; type(uint40).max until a retirement is announced
        // slot 1
        uint32 listingId;
        uint32 providerId;
        uint40 createdAt; // unix s
        uint16 cachedBps; // cached input counts as ceil(cached * cachedBps / 10^4) units
    }

    /// @notice Immutable.
    struct App {
        address owner; // receives the fees
        uint16 feeBps; // of the request's amount, on top of it; at most 2,000
    }

    // ----------------------------------------------------------------- events

    event OperatorRegistered(uint24 indexed operatorId, address indexed owner, address payee);
    event SettlerSet(uint24 indexed operatorId, address indexed settler, bool allowed);
    event ReceiptKeyAdded(uint24 indexed operatorId, address indexed key);
    event ProviderRegistered(uint32 indexed providerId, address indexed owner, address payee);
    event PayeeSet(bool indexed isOperator, uint32 indexed id, address payee);
    event ModelRegistered(uint32 indexed modelId, Unit unit, string name);
    event ListingCreated(uint32 indexed listingId, uint32 indexed providerId, uint32 indexed modelId);
    event OfferCreated(
        uint32 indexed offerId,
        uint32 indexed listingId,
        uint72 inputPrice,
        uint72 outputPrice,
        uint72 requestPrice,
        uint16 cachedBps
    );
    event OfferRetired(uint32 indexed offerId, uint40 retiresAt);
    event AppRegistered(uint32 indexed appId, address indexed owner, uint16 feeBps);
    event Bonded(bool indexed isOperator, uint32 indexed id, uint96 amount, uint96 bonded);
    event UnbondingRequested(bool indexed isOperator, uint32 indexed id, uint96 amount, uint40 readyAt);
    event Unbonded(bool indexed isOperator, uint32 indexed id, uint96 amount, address to);
    /// @notice `slashed` was taken from an operator's bond; this is left of it.
    event Slashed(uint24 indexed operatorId, uint96 slashed, uint96 bonded, uint96 unbonding, uint40 readyAt);
    event MinimumsSet(uint96 minOperatorBond, uint96 minProviderStake);

    // ----------------------------------------------------------------- errors

    error Registry_ZeroAddress();
    error Registry_ZeroAmount();
    error Registry_UnknownOperator(uint24 operatorId);
    error Registry_UnknownProvider(uint32 providerId);
    error Registry_UnknownModel(uint32 modelId);
    error Registry_UnknownListing(uint32 listingId);
    error Registry_UnknownOffer(uint32 offerId);
    error Registry_UnknownApp(uint32 appId);
    error Registry_NotOwner(address caller, address owner);
    error Registry_NotSettler(uint24 operatorId, address caller);
    error Registry_NotDisputes(address caller);
    error Registry_BondTooLow(uint256 bonded, uint256 needed);
    error Registry_ReceiptKeyTaken(address key);
    error Registry_PayeeTaken(address payee, uint24 operatorId);
    /// @notice Claims on the bond leave nothing of it to withdraw.
    error Registry_BondClaimed(uint256 bond, uint256 claimed);
    error Registry_NameTaken(string name, uint32 modelId);
    error Registry_BadName(string name);
    error Registry_ListingExists(uint32 providerId, uint32 modelId, uint32 listingId);
    error Registry_CachedBpsTooHigh(uint16 cachedBps, uint16 max);
    error Registry_AppFeeTooHigh(uint16 feeBps, uint16 max);
    error Registry_NoticeTooShort(uint40 retiresAt, uint256 earliest);
    error Registry_AlreadyRetired(uint32 offerId, uint40 retiresAt);
    error Registry_OfferNotBillable(uint32 offerId, uint40 servedFrom, uint40 servedTo);
    error Registry_UnbondingInProgress(uint40 readyAt);
    error Registry_NotUnbonded(uint40 readyAt, uint256 timestamp);
    error Registry_ParameterOutOfRange(uint256 value, uint256 min, uint256 max);

    // -------------------------------------------------------------- operators

    /// @notice Registers the caller as an operator and pulls `bond` from it (needs an allowance).
    /// @param settler first account that may call `Ledger.settle` for it
    /// @param receiptKey first EOA whose signatures on receipts bind it
    function registerOperator(
        address payee,
        address settler,
        address receiptKey,
        uint96 bond
    ) external returns (uint24 operatorId);

    /// @notice Allows or forbids `settler` to settle; only the owner.
    function setSettler(uint24 operatorId, address settler, bool allowed) external;

    /// @notice Adds a receipt key; keys are never removed, so no signature can be repudiated. Only the owner. A key
    /// belongs to one operator.
    function addReceiptKey(uint24 operatorId, address key) external;

    // -------------------------------------------------------------- providers

    /// @notice Registers the caller as a provider and pulls `stake` from it (needs an allowance). A stake below the
    /// minimum, or none, is enough to register; listing a model needs the minimum.
    function registerProvider(address payee, uint96 stake) external returns (uint32 providerId);

    /// @notice Sends the operator's earnings elsewhere from now on, unclaimed ones included. Only the owner. A payee belongs
    /// to one operator for ever.
    function setOperatorPayee(uint24 operatorId, address payee) external;

    /// @notice Sends the provider's earnings elsewhere from now on, unclaimed ones included. Only the owner.
    function setProviderPayee(uint32 providerId, address payee) external;

    // ----------------------------------------------------------------- stakes

    /// @notice Adds to an operator's bond; anyone may. Where nothing is bonded, at least the minimum.
    function addBond(uint24 operatorId, uint96 amount) external;

    /// @notice Asks `amount` of the bond back; it stays slashable until it leaves. One request at a time; while the
    /// operator stays in business the rest must keep the minimum, or be nothing at all. Only the owner.
    function requestUnbond(uint24 operatorId, uint96 amount) external;

    /// @notice Pays what was asked back to `to`, once the unbonding period has passed, but for what is claimed of the bond
    /// (`IDisputes.openClaims`): that part stays until those claims are paid. Only the owner.
    function withdrawBond(uint24 operatorId, address to) external returns (uint96 amount);

    /// @notice Adds to a provider's stake; anyone may.
    function addStake(uint32 providerId, uint96 amount) external;

    /// @notice As `requestUnbond`, for a provider's stake.
    function requestUnstake(uint32 providerId, uint96 amount) external;

    /// @notice As `withdrawBond`, for a provider's stake.
    function withdrawStake(uint32 providerId, address to) external returns (uint96 amount);

    // ---------------------------------------------------------- Disputes only

    /// @notice Takes `amount` of the operator's bond, or all there is if that is less, and sends it to the caller: from
    /// `bonded` first, then from `unbonding`. If less than the minimum stays bonded, the rest and what was asked back
    /// before are asked back anew: the operator settles what it served so far, and comes back with the minimum bond.
    function slash(uint24 operatorId, uint96 amount) external returns (uint96 slashed);

    // ----------------------------------------------------- models and listings

    /// @notice Names a model. Permissionless: a name is a name, listings carry the stakes. 1 to 96 bytes of
    /// `[a-z0-9._:/-]`.
    function registerModel(string calldata name, Unit unit) external returns (uint32 modelId);

    /// @notice Lists a model for a provider with the minimum stake; only its owner, once per model.
    function createListing(uint32 providerId, uint32 modelId) external returns (uint32 listingId);

    /// @notice Adds an immutable price list, billable at once. Only the provider's owner.
    function createOffer(
        uint32 listingId,
        uint72 inputPrice,
        uint72 outputPrice,
        uint72 requestPrice,
        uint16 cachedBps
    ) external returns (uint32 offerId);

    /// @notice Announces an offer's end, at least an hour ahead, once. Only the provider's owner.
    function retireOffer(uint32 offerId, uint40 retiresAt) external;

    /// @notice Registers an app; owner and fee never change.
    function registerApp(address owner, uint16 feeBps) external returns (uint32 appId);

    // ------------------------------------------------------------- parameters

    /// @notice What an operator and a provider must lock, each within [1, 10,000,000] $AI1NET. Binds registrations,
    /// listings and unbonding requests from now on; takes nothing from those who hold less. Only the contract's owner.
    function setMinimums(uint96 minOperatorBond, uint96 minProviderStake) external;

    // ------------------------------------------------------------------ views
    // An id that was never given reads as zeros.

    function operator(uint24 operatorId) external view returns (Operator memory);

    function provider(uint32 providerId) external view returns (Provider memory);

    function model(uint32 modelId) external view returns (Model memory);

    function modelIdOf(string calldata name) external view returns (uint32);

    function listing(uint32 listingId) external view returns (Listing memory);

    function listingIdOf(uint32 providerId, uint32 modelId) external view returns (uint32);

    function offer(uint32 offerId) external view returns (Offer memory);

    function app(uint32 appId) external view returns (App memory);

    function isSettler(uint24 operatorId, address account) external view returns (bool);

    /// @notice The operator that `key` signs receipts for; 0 when none.
    function operatorOfReceiptKey(address key) external view returns (uint24);

    /// @notice The operator whose payee `payee` is or once was; 0 when none. Payers' authorizations name an operator by it.
    function operatorOfPayee(address payee) external view returns (uint24);

    function operatorPayee(uint24 operatorId) external view returns (address);

    function providerPayee(uint32 providerId) external view returns (address);

    /// @notice How many of each exist: ids run from 1 to these counts.
    function counts()
        external
        view
        returns (uint24 operators, uint32 providers, uint32 models, uint32 listings, uint32 offers, uint32 apps);

    function minOperatorBond() external view returns (uint96);

    function minProviderStake() external view returns (uint96);

    /// @notice The token that stakes and bonds are held in.
    function token() external view returns (address);

    /// @notice The only caller of `slash`; fixed.
    function disputes() external view returns (address);

    /// @notice Seconds after its retirement for which an offer still prices what it served.
    function grace() external view returns (uint32);

    /// @notice Seconds from an unbonding request to the withdrawal.
    function unbondingPeriod() external view returns (uint32);

    /// @notice The price lists and fees that a batch needs, in one call; the Ledger's only reading of this contract.
    /// Reverts unless `settler` may settle for `operatorId`, the operator is bonded, every offer is billable for the
    /// whole span (`createdAt <= servedFrom` and `servedTo <= retiresAt + grace`) and every app exists (app 0: none,
    /// no fee). An operator that asked its whole bond back may still settle what it served before asking, until the
    /// settle window and a longest pause have passed since: so that every row it settles can be slashed for.
    /// @param tables the batch's own tables: nOffers x u32 offerId, then nApps x u32 appId
    /// @return words two per offer, as stored (slot 0, slot 1 of `Offer`), then one per app (its fee in bps)
    function billing(
        uint24 operatorId,
        address settler,
        uint40 servedFrom,
        uint40 servedTo,
        uint256 nOffers,
        bytes calldata tables
    ) external view returns (uint256[] memory words);
}
