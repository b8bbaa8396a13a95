// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ILedger} from "./ILedger.sol";
import {IReceiptEvidence} from "./IReceiptEvidence.sol";

/// @title IChallenges
/// @notice What strict accounts rely on (D4): asked for it, an operator shows the payer's own authorization of a charge, or pays
/// it back and is penalized. Anyone may ask, anyone may answer, and nothing here can be paused. All amounts in wei of $AI1NET.
interface IChallenges is IReceiptEvidence {
    // ------------------------------------------------------------------ types

    enum ChallengeState {
        None,
        Open,
        Answered,
        Refunded
    }

    /// @notice A charge of a strict account whose authorization was asked for.
    struct Challenge {
        // slot 0
        address challenger;
        uint40 answerBy; // unix s
        ChallengeState state;
        uint24 operatorId;
        // slot 1
        uint96 taken; // from the account, the app's fee included
        uint96 due; // what an authorization has to cover: the row's price and the app's fee
        uint32 listingId;
        uint32 appId;
        // slot 2
        uint96 paid; // of `taken`, for the provider and the protocol
        uint96 frozen; // of the provider's pending credit
        // slot 3
        uint40 servedFrom; // unix s
        uint40 servedTo; // unix s
        uint32 epoch; // in which it was settled
    }

    /// @notice An ERC-3009 `TransferWithAuthorization` on the Escrow's own EIP-712 domain ("AI1NET Escrow"/"1"), which no
    /// contract ever executes: it says that `from` agrees to be charged up to `value` by the operator whose payee `to` is.
    struct Authorization {
        address from; // the account's signer
        address to;
        uint256 value; // wei
        uint256 validAfter; // unix s
        uint256 validBefore; // unix s
        bytes32 nonce;
    }

    // ----------------------------------------------------------------- events

    event ChallengeOpened(
        uint24 indexed operatorId,
        uint32 indexed accountId,
        address indexed challenger,
        uint40 seq,
        uint40 answerBy
    );
    event ChallengeAnswered(uint24 indexed operatorId, uint32 indexed accountId, uint40 seq, bytes32 nonce);
    /// @notice The provider of a challenged row has a receipt for it: its credit is no longer at stake.
    event ReceiptShown(uint24 indexed operatorId, uint32 indexed accountId, uint40 seq, bytes32 digest);

    // ----------------------------------------------------------------- errors

    error Challenges_WindowClosed(uint32 batchNo, uint32 firstOpenBatch);
    error Challenges_NotStrict(uint32 accountId);
    /// @notice The row took nothing from its account: it is free, or was short, or was settled by its provider.
    error Challenges_NothingTaken(uint32 accountId, uint40 seq);
    error Challenges_AlreadyChallenged(uint32 accountId, uint40 seq);
    error Challenges_NotOpen(uint32 accountId, uint40 seq, ChallengeState state);
    error Challenges_TooEarly(uint256 opensAt, uint256 timestamp);
    error Challenges_TooLate(uint256 closedAt, uint256 timestamp);
    error Challenges_OtherRow(uint24 operatorId, uint32 accountId, uint40 seq);
    error Challenges_NotAuthorized(bytes32 digest, address signer);
    error Challenges_WrongPayee(address payee, uint24 operatorId);
    error Challenges_AuthorizationTooLow(uint256 value, uint256 needed);
    error Challenges_AuthorizationExpired(uint256 validAfter, uint256 validBefore);
    /// @notice This authorization was shown for row `seq` of the account.
    error Challenges_AuthorizationUsed(uint32 accountId, uint40 seq);

    // ------------------------------------------------------------- challenges

    /// @notice Asks for the payer's authorization of a row of a strict account that took something, while its batch is open.
    /// Pulls `deposit` from the caller, which the loser pays, and freezes the provider's credit for the row.
    function challengeAuthorization(ILedger.RowProof calldata proof) external;

    /// @notice The same for a self-settled receipt, until the bucket after that of its settlement ends.
    function challengeSelfSettled(uint32 accountId, uint40 seq) external;

    /// @notice Answers a challenge with the payer's authorization: signed by the account's signer, to a payee of this operator,
    /// of at least the row's price and the app's fee, valid at some time of the batch's span, and shown for no other row of the
    /// account. Anyone may. The deposit goes to the operator's payee.
    function answer(
        uint32 accountId,
        uint40 seq,
        Authorization calldata authorization,
        bytes calldata signature
    ) external;

    /// @notice Shows the receipt of a challenged row, so that its provider's credit is released, whatever becomes of the
    /// challenge. Anyone may, while it is open.
    function showReceipt(ILedger.Receipt calldata receipt, bytes calldata signature) external;

    /// @notice Decides a challenge that nobody answered in time: the payer's refund is claimed of the bond, what the bond lacks
    /// of it comes from the provider's frozen credit, the penalty is taken, and the challenger has its deposit back. Anyone may.
    function resolve(uint32 accountId, uint40 seq) external;

    // ------------------------------------------------------------------ views

    function challenge(uint32 accountId, uint40 seq) external view returns (Challenge memory);

    /// @notice One more than the sequence number that an authorization was shown for; 0 if it was not shown.
    function usedBy(uint32 accountId, bytes32 nonce) external view returns (uint40);

    /// @notice What a challenger puts at stake: a tenth of the penalty.
    function deposit() external view returns (uint96);
}
