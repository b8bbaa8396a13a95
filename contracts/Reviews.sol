// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IRowPayments} from "./interfaces/IRowPayments.sol";
import {IReviews} from "./interfaces/IReviews.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Reviews
/// @notice Ratings by those who paid. Holds no money and has no owner.
contract Reviews is IReviews, EIP712 {
    using BitMaps for BitMaps.BitMap;

    uint8 private constant MIN_RATING = 1;
    uint8 private constant MAX_RATING = 5;
    uint256 private constant BPS = 10_000;
    bytes32 private constant REVIEW_TYPEHASH = keccak256(
        "Review(uint32 accountId,uint40 seq,uint32 listingId,uint8 rating,bytes32 textHash,uint256 deadline)"
    );

    /// @inheritdoc IReviews
    address public immutable ledger;
    /// @inheritdoc IReviews
    address public immutable escrow;
    /// @inheritdoc IReviews
    address public immutable registry;
    /// @inheritdoc IReviews
    address public immutable disputes;
    IRowPayments private immutable _rowPayments;

    /// @inheritdoc IReviews
    mapping(address owner => mapping(uint32 listingId => mapping(uint256 epoch => bool))) public hasReviewed;
    mapping(uint32 accountId => BitMaps.BitMap) private _usedRows;
    mapping(uint256 epoch => mapping(uint32 listingId => Summary)) private _summaries;
    mapping(uint256 epoch => mapping(uint24 operatorId => mapping(uint32 listingId => Summary))) private _summariesWith;

    constructor(address ledger_) EIP712("AI1NET Reviews", "1") {
        ledger = ledger_;
        escrow = ILedger(ledger_).escrow();
        registry = ILedger(ledger_).registry();
        disputes = IRegistry(registry).disputes();
        _rowPayments = IDisputes(disputes).rowPayments();
    }

    // ---------------------------------------------------------------- reviews

    /// @inheritdoc IReviews
    function review(ILedger.RowProof calldata proof, uint8 rating, bytes32 textHash) external {
        (ILedger.Row memory row, IRowPayments.Payment memory payment) = _rowPayments.paymentOf(proof);
        IEscrow.Terms memory terms = IEscrow(escrow).termsOf(row.accountId);
        require(msg.sender == terms.owner, Reviews_NotOwner(msg.sender, terms.owner));
        _review(payment, row, terms, IRegistry(registry).offer(row.offerId).listingId, rating, textHash);
    }

    /// @inheritdoc IReviews
    function reviewFor(
        ILedger.RowProof calldata proof,
        uint8 rating,
        bytes32 textHash,
        uint256 deadline,
        bytes calldata signature
    ) external {
        require(block.timestamp <= deadline, Reviews_Expired(deadline, block.timestamp));
        (ILedger.Row memory row, IRowPayments.Payment memory payment) = _rowPayments.paymentOf(proof);
        IEscrow.Terms memory terms = IEscrow(escrow).termsOf(row.accountId);
        uint32 listingId = IRegistry(registry).offer(row.offerId).listingId;
        bytes32 digest = hashReview(row.accountId, row.seq, listingId, rating, textHash, deadline);
        require(Signatures.isValid(terms.owner, digest, signature), Reviews_InvalidSignature(terms.owner));
        _review(payment, row, terms, listingId, rating, textHash);
    }

    /// @inheritdoc IReviews
    function hashReview(
        uint32 accountId,
        uint40 seq,
        uint32 listingId,
        uint8 rating,
        bytes32 textHash,
        uint256 deadline
    ) public view returns (bytes32) {
        return
            _hashTypedDataV4(
                keccak256(abi.encode(REVIEW_TYPEHASH, accountId, seq, listingId, rating, textHash, deadline))
            );
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IReviews
    function summary(uint256 epoch, uint32 listingId) external view returns (Summary memory) {
        return _summaries[epoch][listingId];
    }

    /// @inheritdoc IReviews
    function summaryWith(uint256 epoch, uint24 operatorId, uint32 listingId) external view returns (Summary memory) {
        return _summariesWith[epoch][operatorId][listingId];
    }

    /// @inheritdoc IReviews
    function isRowUsed(uint32 accountId, uint40 seq) external view returns (bool) {
        return _usedRows[accountId].get(seq);
    }

    // ---------------------------------------------------------------- private

    function _review(
        IRowPayments.Payment memory payment,
        ILedger.Row memory row,
        IEscrow.Terms memory terms,
        uint32 listingId,
        uint8 rating,
        bytes32 textHash
    ) private {
        // Check
        require(rating >= MIN_RATING && rating <= MAX_RATING, Reviews_BadRating(rating, MIN_RATING, MAX_RATING));
        _checkStranger(terms, listingId);
        _checkPaid(payment, row);
        require(!_usedRows[row.accountId].get(row.seq), Reviews_RowUsed(row.accountId, row.seq));
        uint256 epoch = ILedger(ledger).epochAt(block.timestamp);
        require(!hasReviewed[terms.owner][listingId][epoch], Reviews_AlreadyReviewed(terms.owner, listingId, epoch));

        // Effect
        _usedRows[row.accountId].set(row.seq);
        hasReviewed[terms.owner][listingId][epoch] = true;
        uint96 weight = _weightOf(row);
        _count(_summaries[epoch][listingId], rating, weight);
        _count(_summariesWith[epoch][row.operatorId][listingId], rating, weight);
        emit Reviewed(listingId, terms.owner, epoch, row.accountId, row.seq, rating, weight, textHash);
    }

    function _count(Summary storage sums, uint8 rating, uint96 weight) private {
        ++sums.count;
        sums.weights += weight;
        sums.weightedRatings += rating * weight;
    }

    /// @dev Whoever owns the account or authorizes its rows must not be who sells the listing.
    function _checkStranger(IEscrow.Terms memory terms, uint32 listingId) private view {
        address seller = IRegistry(registry).provider(IRegistry(registry).listing(listingId).providerId).owner;
        require(seller != terms.owner && seller != terms.signer, Reviews_OwnListing(seller, listingId));
    }

    function _checkPaid(IRowPayments.Payment memory payment, ILedger.Row memory row) private view {
        require(
            row.amount != 0 && !IEscrow(escrow).isSelfSettled(row.accountId, row.seq),
            Reviews_NothingPaid(row.accountId, row.seq)
        );
        require(payment.unpaid == 0, Reviews_LeftUnpaid(row.accountId, row.seq, payment.unpaid));
        uint96 refunded = IDisputes(disputes).judgement(row.operatorId, row.accountId, row.seq).refunded;
        require(refunded == 0, Reviews_Refunded(row.accountId, row.seq, refunded));
    }

    /// @dev The fee was rounded per offer and batch; this is the row's part of it, rounded down.
    function _weightOf(ILedger.Row memory row) private view returns (uint96) {
        return uint96((uint256(row.amount) * ILedger(ledger).protocolFeeBps(row.servedFrom)) / BPS);
    }
}
