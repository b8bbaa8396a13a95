// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IChallenges} from "./IChallenges.sol";
import {ILedger} from "./ILedger.sol";
import {IReceiptEvidence} from "./IReceiptEvidence.sol";
import {IRowPayments} from "./IRowPayments.sol";

/// @title IDisputes
/// @notice Turns an operator's own signatures, or its silence, into claims on its bond. Anyone may bring evidence; none of it
/// asks for anybody's judgement, and nothing here can be paused. All amounts in wei of $AI1NET.
///
/// | evidence | who gets what |
/// | --- | --- |
/// | D1 `challengeRow`: a row is not what was signed for it | payer: what it took too much; provider: what it lacks |
/// | D2 `challengeEquivocation`: two receipts of one number | provider: what is surely unpaid |
/// | D3 `selfSettle`: no batch came in time | provider: the receipt's price, from the account, the rest claimed of the bond |
/// | D4 `IChallenges`: nobody shows a strict account's own signature | payer: what the row took |
///
/// A refund or a compensation is a **claim** on the bond, and so is what accounts lacked in a batch. Claims are collected
/// once the unbonding period has passed since the end of their bucket of time, refunds before compensations, each kind pro
/// rata when the bond is too small: nobody can empty a bond ahead of others by evidence or rows of its own making. Until
/// then penalties can be taken of it. A bond never leaves while it is claimed (IRegistry.withdrawBond).
///
/// The **penalty** is taken at once, but never of what refunds claim: half of it to whoever brought the evidence, the rest to
/// nobody, at `SINK`. It is taken once for a sequence number, whatever is shown of it; a payer gets at most what its row took;
/// a receipt makes its provider whole once.
interface IDisputes is IReceiptEvidence {
    // ------------------------------------------------------------------ types

    /// @notice What was shown.
    enum Evidence {
        Row, // a settled row is not what was signed for it
        Equivocation, // two receipts were signed for one sequence number
        Unauthorized // a strict account was charged, and no authorization of it was shown
    }

    /// @notice What a claim on a bond is for.
    enum Claim {
        Refund, // of an account
        Compensation // of a provider
    }

    /// @notice All that is claimed of one bond.
    struct OpenClaims {
        // slot 0
        uint128 refunds;
        uint128 compensations;
    }

    /// @notice A self-settled receipt of a strict account.
    struct StrictCharge {
        // slot 0
        uint96 taken; // wei, the app's fee included
        uint96 due; // wei that an authorization has to cover
        uint40 servedAt; // unix s
        // slot 1
        uint40 settledAt; // unix s
        uint24 operatorId;
        uint32 listingId;
        uint32 appId;
        uint96 paid; // wei of `taken` without the app's fee
    }

    /// @notice A charge that nobody showed an authorization of.
    struct Unauthorized {
        address challenger;
        uint24 operatorId;
        uint32 accountId;
        uint40 seq;
        uint32 listingId;
        uint32 appId;
        uint32 epoch; // in which it was settled
        uint40 servedFrom; // unix s
        uint96 taken; // wei, the app's fee included
        uint96 paid; // wei of `taken` without the app's fee
        uint96 frozen; // wei of the provider's credit that may be reversed
    }

    /// @notice What has been done about one (operator, account, seq).
    struct Judgement {
        // slot 0
        uint96 refunded; // claimed for the payer, or given back to it, by the evidence so far
        bool penalized;
        bool equivocated; // its two receipts were shown
    }

    // ----------------------------------------------------------------- events

    /// @notice Evidence was accepted: so much is claimed as refund and as compensation, and so much was taken as penalty, of
    /// which `reward` went to the challenger.
    /// @param evidence the digest of the receipt; of an equivocation, keccak256(digest a || digest b); of a charge without
    /// authorization, keccak256(abi.encode(accountId, seq))
    /// @param providerId whom `compensation` is for; 0: nobody
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
    /// @notice `id`, an account or a provider, claims `amount` more of the bond, in this bucket of time.
    event ClaimRecorded(
        uint24 indexed operatorId,
        Claim indexed kind,
        uint32 indexed id,
        uint40 bucket,
        uint128 amount
    );
    /// @notice A claim ended with `paid` of it.
    event ClaimCollected(
        uint24 indexed operatorId,
        Claim indexed kind,
        uint32 indexed id,
        uint40 bucket,
        uint128 amount,
        uint96 paid
    );
    /// @notice A provider settled a receipt itself. `amount` is its price, `taken` what the account had of it and of the app's
    /// fee, `paid` what of that was for `amount`.
    event SelfSettled(
        uint24 indexed operatorId,
        uint32 indexed accountId,
        uint32 indexed providerId,
        uint40 seq,
        bytes32 digest,
        uint32 offerId,
        uint32 appId,
        uint24 outputUnits,
        uint8 timing,
        uint40 servedAt,
        uint96 amount,
        uint96 taken,
        uint96 paid
    );

    // ----------------------------------------------------------------- errors

    error Disputes_Miswired(address contract_);
    error Disputes_PenaltyOutOfRange(uint96 penalty, uint96 min, uint96 max);
    error Disputes_NotLedger(address caller);
    error Disputes_NotChallenges(address caller);
    error Disputes_OtherRow(uint24 operatorId, uint32 accountId, uint40 seq);
    error Disputes_WindowClosed(uint32 batchNo, uint32 firstOpenBatch);
    error Disputes_SettledAsSigned(bytes32 digest);
    error Disputes_SameReceipt(bytes32 digest);
    error Disputes_OtherSequence(uint24 operatorId, uint32 accountId, uint40 seq);
    error Disputes_AlreadyPaid(bytes32 evidence);
    /// @notice Other evidence has taken the penalty of this sequence number, and nobody lacks anything by this one.
    error Disputes_NothingLeft(bytes32 evidence);
    error Disputes_LengthsDiffer(uint256 receipts, uint256 signatures);
    error Disputes_NotBillable(uint32 offerId, uint40 servedAt);
    /// @notice The receipt is of a failed attempt, or costs nothing.
    error Disputes_NothingDue(bytes32 digest);
    error Disputes_TooEarly(uint256 opensAt, uint256 timestamp);
    error Disputes_TooLate(uint256 closedAt, uint256 timestamp);
    error Disputes_NoClaim(uint24 operatorId, Claim kind, uint32 id, uint40 bucket);
    error Disputes_NotPayableYet(uint256 payableAt, uint256 timestamp);
    /// @notice The bond has only `available` for this claim; its owner may collect that and give up the rest, or wait.
    error Disputes_BondTooSmall(uint256 available, uint256 claimed);

    // --------------------------------------------------------------- evidence

    /// @notice D1. Shows that a settled row is not what was signed for its (operator, account, seq): another offer, app,
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

    /// @notice D2. Shows two different receipts for one (operator, account, seq), in either order. At any time: what they say
    /// about time is the operator's own word. Only one of them can ever be settled, so if both are of one provider it gets
    /// what the lower one is worth. Of two providers, whoever's receipt is not the one settled is made whole by `challengeRow`
    /// when a batch settled the other, and here when that was self-settled.
    function challengeEquivocation(
        ILedger.Receipt calldata a,
        bytes calldata signatureA,
        ILedger.Receipt calldata b,
        bytes calldata signatureB
    ) external;

    // ---------------------------------------------------------- self-settling

    /// @notice D3. Settles receipts that no batch has settled by `settleBy`, and for `selfSettleWindow` from then on. Anyone may;
    /// it is the provider that gains. Each account is debited what its receipt is worth, and the app's fee, as far as it has
    /// it; what the provider lacks is claimed of the bond. A later batch charges nothing for those rows.
    function selfSettle(ILedger.Receipt[] calldata receipts, bytes[] calldata signatures) external;

    /// @notice Until when an operator may settle what it served at `servedAt`, unix s: the settle window, and as long on top as
    /// settlement was paused in it.
    function settleBy(uint40 servedAt) external view returns (uint256);

    // ----------------------------------------------------------------- claims

    /// @notice Records what providers lacked in a batch because accounts were short. Only the Ledger.
    /// @param shortfalls one word each: providerId u32 << 224 | wei u128
    function recordShortfalls(uint24 operatorId, uint256[] calldata shortfalls) external;

    /// @notice Pays the claims of one account or provider of one bucket of time, once the unbonding period has passed since that
    /// bucket ended. Anyone may, if the bond covers it; if not, only its owner, who gives up the rest.
    function collect(uint24 operatorId, Claim kind, uint32 id, uint40 bucket) external returns (uint96 paid);

    // -------------------------------------------------------- Challenges only

    /// @notice Claims a refund of what a row of a strict account took, and takes the penalty.
    /// @return reversed wei of the refund that the bond lacks, and that the frozen credit has
    function payUnauthorized(Unauthorized calldata charge) external returns (uint96 reversed);

    // ------------------------------------------------------------------ views

    /// @notice What `collect` would end.
    function claimOf(uint24 operatorId, Claim kind, uint32 id, uint40 bucket) external view returns (uint128);

    /// @notice All that is claimed of an operator's bond, and must not leave it.
    function openClaims(uint24 operatorId) external view returns (uint256);

    function openClaimsByKind(uint24 operatorId) external view returns (OpenClaims memory);

    /// @notice What has been done about a sequence number.
    function judgement(uint24 operatorId, uint32 accountId, uint40 seq) external view returns (Judgement memory);

    /// @notice A self-settled receipt of a strict account that was charged something; zeros for any other.
    function strictCharge(uint32 accountId, uint40 seq) external view returns (StrictCharge memory);

    /// @notice Wei of the bond beyond all refunds that are claimed of it.
    function freeOfRefunds(uint24 operatorId) external view returns (uint256);

    /// @notice True if the receipt of this digest was shown to `challengeRow` or `selfSettle`.
    function isUsed(bytes32 digest) external view returns (bool);

    /// @notice Taken from the bond for a sequence number, on top of what is made good; fixed.
    function penalty() external view returns (uint96);

    /// @notice Where strict accounts ask for authorizations; made with this contract.
    function challenges() external view returns (IChallenges);

    /// @notice Seconds from `servedAt` for which only the operator settles; fixed.
    function settleWindow() external view returns (uint32);

    /// @notice Seconds from `settleBy` for which `selfSettle` works; fixed.
    function selfSettleWindow() external view returns (uint32);

    /// @notice What became of the money for a row; made with this contract.
    function rowPayments() external view returns (IRowPayments);
}
