// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "./ILedger.sol";

/// @title IDisputes
/// @notice Turns an operator's own signatures into payments out of its bond. Anyone may bring evidence; it needs no
/// deposit, asks nobody's judgement and cannot be paused. All amounts in wei of $AI1NET.
///
/// What is taken from the bond is paid in this order, as far as the bond goes:
/// 1. the payer's refund, into its account's balance;
/// 2. what the provider of the receipt lacks, net of the protocol fee, into its earnings;
/// 3. the penalty: half of it to whoever brought the evidence, the rest to nobody, at `SINK`.
/// What the bond lacks of 1 and 2 is recorded as the operator's debt.
///
/// The penalty is taken once for a sequence number, whatever is shown of it; a payer gets at most what its row took; a
/// receipt makes its provider whole once.
interface IDisputes {
    // ------------------------------------------------------------------ types

    /// @notice What was shown.
    enum Evidence {
        Row, // a settled row is not what was signed for it
        Equivocation // two receipts were signed for one sequence number
    }

    /// @notice What has been paid for one (operator, account, seq).
    struct Judgement {
        // slot 0
        uint96 refunded; // due to the payer by the evidence so far, debt included
        bool penalized;
        bool equivocated; // its two receipts were shown
    }

    // ----------------------------------------------------------------- events

    /// @notice Evidence was accepted; the amounts are those paid. `reward` is the challenger's part of `penalty`.
    /// @param evidence the digest of the receipt; of an equivocation, keccak256(digest a || digest b)
    /// @param providerId who `compensation` was credited to; 0: nobody
    event EvidencePaid(
        uint24 indexed operatorId,
        uint32 indexed accountId,
        address indexed challenger,
        Evidence kind,
        uint40 seq,
        bytes32 evidence,
        uint32 providerId,
        uint96 refund,
        uint96 compensation,
        uint96 penalty,
        uint96 reward
    );
    /// @notice The bond was too small by these parts of a refund and of a compensation.
    event DebtRecorded(
        uint24 indexed operatorId,
        uint32 indexed accountId,
        uint32 indexed providerId,
        uint96 refund,
        uint96 compensation
    );

    // ----------------------------------------------------------------- errors

    error Disputes_ZeroAddress();
    error Disputes_Miswired(address contract_);
    error Disputes_PenaltyOutOfRange(uint96 penalty, uint96 min, uint96 max);
    /// @notice No receipt key of the receipt's operator made this signature; high s and malformed ones are nobody's.
    error Disputes_NotSigned(bytes32 digest, address signer);
    error Disputes_OtherRow(uint24 operatorId, uint32 accountId, uint40 seq);
    error Disputes_WindowClosed(uint32 batchNo, uint32 firstOpenBatch);
    error Disputes_SettledAsSigned(bytes32 digest);
    error Disputes_SameReceipt(bytes32 digest);
    error Disputes_OtherSequence(uint24 operatorId, uint32 accountId, uint40 seq);
    error Disputes_AlreadyPaid(bytes32 evidence);
    /// @notice Other evidence has taken the penalty of this sequence number, and nobody lacks anything by this one.
    error Disputes_NothingLeft(bytes32 evidence);

    // -------------------------------------------------------------- functions

    /// @notice Shows that a settled row is not what was signed for its (operator, account, seq): another offer, app,
    /// number of units, timing or amount, or a time of service outside the batch's span or outside the offer's billable
    /// time. While the batch is open (`ILedger.firstOpenBatch`).
    ///
    /// A receipt is worth the lower of what it says and of what its offer's list says, and nothing if that offer was not
    /// billable when it was served. The payer gets back what its row took beyond that, app fees included; the provider
    /// gets what the row lacks of it.
    function challengeRow(
        ILedger.Receipt calldata receipt,
        bytes calldata signature,
        ILedger.RowProof calldata proof
    ) external;

    /// @notice Shows two different receipts for one (operator, account, seq), in either order. At any time: what they say
    /// about time is the operator's own word. Only one of them can ever be settled, so if both are of one provider it gets
    /// what the lower one is worth; otherwise `challengeRow` makes whole whoever's receipt is not the one settled.
    function challengeEquivocation(
        ILedger.Receipt calldata a,
        bytes calldata signatureA,
        ILedger.Receipt calldata b,
        bytes calldata signatureB
    ) external;

    // Self-settlement, signature challenges of strict accounts and claims for shortfalls stand here.

    // ------------------------------------------------------------------ views

    /// @notice What has been paid for a sequence number.
    function judgement(uint24 operatorId, uint32 accountId, uint40 seq) external view returns (Judgement memory);

    /// @notice True if the receipt of this digest was shown to `challengeRow`.
    function isUsed(bytes32 digest) external view returns (bool);

    /// @notice What the operator's bond has lacked so far.
    function debtOf(uint24 operatorId) external view returns (uint256);

    /// @notice Taken from the bond for a sequence number, on top of what is made good; fixed.
    function penalty() external view returns (uint96);

    function registry() external view returns (address);

    function escrow() external view returns (address);

    function ledger() external view returns (address);
}
