// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title ILedger
/// @notice Prices, debits, measures and commits every request, in batches.
///
/// A batch is
/// ```
/// u8 version (1) | u32 batchNo | u40 servedFrom | u40 servedTo | u8 nOffers | u8 nApps | u16 nGroups
/// nOffers x u32 offerId | nApps x u32 appId
/// nGroups x { u32 accountId | u8 appIndex | u16 count |
///             count x { u8 offerIndex | u24 inputUnits | u24 outputUnits | u8 timing } }
/// ```
/// big-endian, nothing after it. Ids are strictly ascending in both tables; app id 0 stands for "no app" and stands in
/// the table like any other. Row i of an account has the sequence number `nextSeq + i`; an account may have several
/// groups, in the order of its sequence. A row with `timing` 0 is a failed attempt: no units, no amount. Any other row's amount is
/// `inputUnits * inputPrice + outputUnits * outputPrice + requestPrice`.
///
/// A settled batch is committed to by a Merkle tree over its groups, in their order, in the layout of OpenZeppelin's
/// merkle-tree package. A group's leaf is keccak256(startSeq u40 || shortfall u128 || the group's bytes). When an
/// account is short, its app goes without first, then its group's rows from the last one back; what providers went without
/// becomes a claim on the operator's bond (IDisputes). A row that its provider settled itself (IDisputes.selfSettle) keeps
/// its bytes and its number, and is charged nothing.
interface ILedger {
    // ------------------------------------------------------------------ types

    /// @notice Metrics of one listing with one operator in one epoch.
    struct Metrics {
        // slot 0
        uint88 fees; // wei of protocol fee that its rows paid, reversals subtracted
        // Over (fees >> 32), a mean timing on the log scale. Summed up per offer and batch, with fees in units of 2^32 wei, rounded
        // up: the part of the fee that was for output units x their mean `timing`, each unit having that of its row, rounded
        // down; the rest of the fee, for input and per request, x 255. So a row weighs what was paid for its output.
        uint64 weightedTiming;
        uint48 outputUnits;
        uint32 requests; // successful rows
        uint24 failures; // rows with timing 0
    }

    /// @notice Shows one row of a settled batch.
    struct RowProof {
        uint24 operatorId;
        bytes header; // the batch up to the end of its tables
        bytes group; // the row's group, whole
        uint40 startSeq; // of the group
        uint128 shortfall; // of the group
        uint16 rowIndex; // in the group
        bytes32[] siblings; // from the group's leaf to the root
    }

    /// @notice What an operator signs for every request, before the last byte of the response leaves.
    struct Receipt {
        uint24 operatorId;
        uint32 accountId;
        uint40 seq; // gapless per account
        uint32 offerId;
        uint32 appId;
        uint24 inputUnits;
        uint24 outputUnits;
        uint8 timing; // whole duration: ms = floor(2^(timing / 12)), 1..255; 0: failed attempt
        uint96 amount; // wei, without the app's fee
        bytes32 requestHash;
        bytes32 responseHash;
        uint40 servedAt; // unix s
    }

    /// @notice A row as the chain has it.
    struct Row {
        uint24 operatorId;
        uint32 batchNo;
        uint32 accountId;
        uint40 seq;
        uint32 offerId;
        uint32 appId;
        uint24 inputUnits;
        uint24 outputUnits;
        uint8 timing;
        uint96 amount; // as priced by the offer
        uint40 servedFrom;
        uint40 servedTo;
    }

    // ----------------------------------------------------------------- events

    /// @notice One per batch. `commitment` = keccak256(abi.encode(operatorId, batchNo, keccak256(header || tables),
    /// groupRoot)).
    event BatchSettled(
        uint24 indexed operatorId,
        uint32 indexed batchNo,
        bytes32 commitment,
        uint32 rows,
        uint128 amount, // what the rows cost
        uint128 appFees, // paid on top
        uint128 protocolFee, // out of `amount`
        uint128 shortfall, // of `amount`, unpaid
        uint128 rebates // out of `protocolFee`, to the accounts' credits
    );
    /// @notice An account was short: `shortfall` of amount + app fee stayed unpaid.
    event ShortfallRecorded(
        uint24 indexed operatorId,
        uint32 indexed batchNo,
        uint32 indexed accountId,
        uint128 shortfall
    );
    event ProtocolFeeScheduled(uint16 feeBps, uint40 effectiveAt);
    event RebateShareScheduled(uint16 shareBps, uint256 fromEpoch);
    /// @notice A dispute took so much of a listing's and an app's fees out of an epoch's metrics.
    event FeesReversed(
        uint24 indexed operatorId,
        uint256 indexed epoch,
        uint32 indexed listingId,
        uint32 appId,
        uint256 fee
    );

    // ----------------------------------------------------------------- errors

    error Ledger_BadVersion(uint8 version, uint8 expected);
    error Ledger_BadBatchNo(uint32 batchNo, uint32 expected);
    error Ledger_BadSpan(uint40 servedFrom, uint40 servedTo, uint256 timestamp);
    error Ledger_Truncated(uint256 length, uint256 needed);
    error Ledger_TrailingBytes(uint256 length, uint256 used);
    error Ledger_EmptyTable();
    /// @notice `index` counts through both tables: offers, then apps.
    error Ledger_TableNotAscending(uint256 index);
    error Ledger_EmptyBatch();
    error Ledger_EmptyGroup(uint256 group);
    error Ledger_BadAppIndex(uint256 group, uint256 appIndex);
    error Ledger_BadOfferIndex(uint256 group);
    error Ledger_FailedRowWithUnits(uint256 group);
    error Ledger_TooManyRows(uint256 rows, uint256 max);
    error Ledger_AmountTooHigh(uint256 amount, uint256 max);
    error Ledger_NotDisputes(address caller, address expected);
    error Ledger_WrongProof(uint24 operatorId, uint32 batchNo);
    error Ledger_RowOutOfRange(uint256 rowIndex, uint256 count);
    error Ledger_FeeOutOfRange(uint16 feeBps, uint16 max);
    error Ledger_NoticeTooShort(uint40 effectiveAt, uint256 earliest);

    // -------------------------------------------------------------- functions

    /// @notice Settles the operator's next batch. Only one of its settlers. Reverts, with nothing done, on malformed
    /// bytes, a batch out of order, an offer not billable in the span or an account of another operator; never because
    /// an account is short. Can be paused, for a bounded time (IBoundedPause): what was served before or meanwhile settles
    /// afterwards, at the prices and fees of its time of service.
    function settle(uint24 operatorId, bytes calldata batch) external;

    /// @notice Shows a row, or reverts with `Ledger_WrongProof`; with `Ledger_RowOutOfRange` if the group has no such row.
    function proveRow(RowProof calldata proof) external view returns (Row memory);

    /// @notice EIP-712 digest of a receipt, domain "AI1NET Ledger"/"1": what a receipt key signs.
    function hashReceipt(Receipt calldata receipt) external view returns (bytes32);

    /// @notice Announces a protocol fee of at most 1,000 bps; it applies to batches whose span begins at or after
    /// `effectiveAt`, at least a day ahead and not before a change announced earlier. Only the owner.
    function scheduleProtocolFee(uint16 feeBps, uint40 effectiveAt) external;

    /// @notice Sets the share of the protocol fee, at most 2,000 bps of it, that goes back to payers as credits, from the next
    /// epoch on. Only the owner.
    function scheduleRebateShare(uint16 shareBps) external;

    /// @notice The share of the protocol fee that goes back to payers in `epoch`, this one or the next, in bps. A group that was
    /// not short gets floor(amount x protocolFeeBps x rebateShareBps / 10^8), less a wei for each offer of the batch.
    function rebateShareBps(uint256 epoch) external view returns (uint16);

    /// @notice The fee for requests served at `servedAt`, in bps.
    function protocolFeeBps(uint40 servedAt) external view returns (uint16);

    /// @notice The batch number that `operatorId` settles next, from 0.
    function nextBatchNo(uint24 operatorId) external view returns (uint32);

    /// @notice The operator's first batch whose rows can still be challenged: those settled in this bucket of time or in
    /// the one before, in the Escrow's buckets, so for just as long as the credit of their providers is pending. Equal to
    /// `nextBatchNo` when there is none.
    function firstOpenBatch(uint24 operatorId) external view returns (uint32);

    /// @notice The epoch in which a batch that can still be challenged was settled.
    function epochOf(uint24 operatorId, uint32 batchNo) external view returns (uint256);

    /// @notice The commitment of a settled batch; zero when there is none.
    function commitmentOf(uint24 operatorId, uint32 batchNo) external view returns (bytes32);

    /// @notice Protocol fee, in wei, on what an app's requests paid in an epoch, reversals subtracted: rounded down so that
    /// apps never add up to more than listings.
    function appFees(uint256 epoch, uint24 operatorId, uint32 appId) external view returns (uint128);

    // ---------------------------------------------------------- Disputes only

    /// @notice Measures a receipt that its provider settled itself, and has the operator's later batches look for such rows.
    /// @param paid wei, of which `outputPaid` were for output units
    function noteSelfSettled(
        uint24 operatorId,
        uint32 listingId,
        uint32 appId,
        uint256 paid,
        uint256 outputPaid,
        uint24 outputUnits,
        uint8 timing,
        uint256 fee
    ) external;

    /// @notice Takes the fee of a refunded row out of what rewards are measured by.
    function reverse(uint24 operatorId, uint256 epoch, uint32 listingId, uint32 appId, uint256 fee) external;

    // ------------------------------------------------------------------ views

    function metrics(uint256 epoch, uint24 operatorId, uint32 listingId) external view returns (Metrics memory);

    /// @notice Seconds of an epoch.
    function epochLength() external view returns (uint256);

    /// @notice The epoch of `timestamp`.
    function epochAt(uint256 timestamp) external view returns (uint256);

    /// @notice The Registry that prices batches; fixed.
    function registry() external view returns (address);

    /// @notice The Escrow that pays them; fixed.
    function escrow() external view returns (address);

    /// @notice Seconds in a bucket of `firstOpenBatch`, as in the Escrow's earnings; fixed.
    function challengeWindow() external view returns (uint32);

    /// @notice The operator's share of the protocol fee, in bps; fixed. `protocolFee * operatorShareBps / 10^4`, rounded
    /// down, is credited to the operator, the rest is kept in the pool.
    function operatorShareBps() external view returns (uint16);
}
