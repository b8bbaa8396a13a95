// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "./ILedger.sol";

/// @title IReviews
/// @notice Ratings of listings, each backed by a settled row that its account's owner paid for. One per owner, listing and
/// epoch (I-10), and one per row. Weighs by the protocol fee that the row paid, so that a bought rating costs what is never
/// given back, and as much for many small rows as for a large one. The text stands elsewhere; its hash is in the event.
///
/// What it cannot see: owners are addresses, and one person may have several; each buys its own rows. A row that was
/// refunded after its review keeps it.
interface IReviews {
    // ------------------------------------------------------------------ types

    /// @notice What the reviews of one listing in one epoch add up to. The rating is `weightedRatings / weights`.
    struct Summary {
        // slot 0
        uint32 count;
        uint96 weights; // sum of the weights: wei of fee
        uint96 weightedRatings; // sum of rating * weight
    }

    // ----------------------------------------------------------------- events

    /// @notice `owner` rated `listingId`, on the strength of row `seq` of `accountId`.
    event Reviewed(
        uint32 indexed listingId,
        address indexed owner,
        uint256 indexed epoch,
        uint32 accountId,
        uint40 seq,
        uint8 rating,
        uint96 weight,
        bytes32 textHash
    );

    // ----------------------------------------------------------------- errors

    error Reviews_BadRating(uint8 rating, uint8 min, uint8 max);
    error Reviews_NotOwner(address caller, address owner);
    error Reviews_InvalidSignature(address owner);
    error Reviews_Expired(uint256 deadline, uint256 timestamp);
    /// @notice The reviewer sells what it would rate.
    error Reviews_OwnListing(address owner, uint32 listingId);
    /// @notice The row failed, cost nothing, or was settled by its provider and not by this batch.
    error Reviews_NothingPaid(uint32 accountId, uint40 seq);
    /// @notice The account was short: it lacked `unpaid` wei of this row.
    error Reviews_LeftUnpaid(uint32 accountId, uint40 seq, uint256 unpaid);
    /// @notice A dispute gave the payer `refunded` wei of this row back.
    error Reviews_Refunded(uint32 accountId, uint40 seq, uint96 refunded);
    error Reviews_RowUsed(uint32 accountId, uint40 seq);
    error Reviews_AlreadyReviewed(address owner, uint32 listingId, uint256 epoch);

    // -------------------------------------------------------------- functions

    /// @notice Rates the listing of a row of the caller's. Only the owner of the row's account: its signer may be somebody
    /// whom the owner never heard of, since anyone can open an account for anyone. Reverts as `ILedger.proveRow` does when the proof is wrong.
    /// @param rating 1 to 5
    /// @param textHash SHA-256 of the text, or 0
    function review(ILedger.RowProof calldata proof, uint8 rating, bytes32 textHash) external;

    /// @notice Relays the review that the account's owner signed: `hashReview`, by its key or through ERC-1271. Anyone may.
    /// A row backs one review only, so a signature works once.
    function reviewFor(
        ILedger.RowProof calldata proof,
        uint8 rating,
        bytes32 textHash,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice EIP-712 digest (domain "AI1NET Reviews"/"1") of
    /// `Review(uint32 accountId,uint40 seq,uint32 listingId,uint8 rating,bytes32 textHash,uint256 deadline)`.
    function hashReview(
        uint32 accountId,
        uint40 seq,
        uint32 listingId,
        uint8 rating,
        bytes32 textHash,
        uint256 deadline
    ) external view returns (bytes32);

    // ------------------------------------------------------------------ views

    /// @notice The epoch is the Ledger's, of the review's own block.
    function summary(uint256 epoch, uint32 listingId) external view returns (Summary memory);

    /// @notice The same, of rows of one operator only. Rewards out of that operator's fees go by these: a review that was bought
    /// from one operator would otherwise count for each of them.
    function summaryWith(uint256 epoch, uint24 operatorId, uint32 listingId) external view returns (Summary memory);

    function hasReviewed(address owner, uint32 listingId, uint256 epoch) external view returns (bool);

    /// @notice True once row `seq` of `accountId` has backed a review.
    function isRowUsed(uint32 accountId, uint40 seq) external view returns (bool);

    function ledger() external view returns (address);

    function escrow() external view returns (address);

    function registry() external view returns (address);

    function disputes() external view returns (address);
}
