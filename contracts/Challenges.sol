// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IChallenges} from "./interfaces/IChallenges.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {IRowPayments} from "./interfaces/IRowPayments.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {ReceiptEvidence} from "./ReceiptEvidence.sol";

/// @title Challenges
/// @notice An operator shows the payer's own authorization of a row, or pays for it. Made by Disputes, with which it shares
/// everything but code.
contract Challenges is IChallenges, ReceiptEvidence {
    using SafeERC20 for IERC20;

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant AUTHORIZATION_TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    /// @notice Who made this contract, and pays what it decides.
    IDisputes public immutable disputes;
    /// @inheritdoc IChallenges
    uint96 public immutable deposit;
    IERC20 private immutable _token;

    mapping(uint32 accountId => mapping(uint40 seq => Challenge)) private _challenges;
    /// @inheritdoc IChallenges
    mapping(uint32 accountId => mapping(bytes32 nonce => uint40)) public usedBy;

    constructor(
        address registry_,
        address escrow_,
        address ledger_,
        IRowPayments rowPayments_,
        uint96 deposit_
    ) ReceiptEvidence(registry_, escrow_, ledger_, rowPayments_) {
        disputes = IDisputes(msg.sender);
        deposit = deposit_;
        _token = IERC20(IRegistry(registry_).token());
    }

    // ------------------------------------------------------------- challenges

    /// @inheritdoc IChallenges
    function challengeAuthorization(ILedger.RowProof calldata proof) external {
        // Check
        (ILedger.Row memory row, IRowPayments.Payment memory payment) = _rowPayments.paymentOf(proof);
        uint32 firstOpen = ILedger(ledger).firstOpenBatch(row.operatorId);
        require(row.batchNo >= firstOpen, Challenges_WindowClosed(row.batchNo, firstOpen));
        require(IEscrow(escrow).termsOf(row.accountId).strict, Challenges_NotStrict(row.accountId));
        require(payment.taken != 0, Challenges_NothingTaken(row.accountId, row.seq));

        // Effect
        IRegistry.Offer memory offer = IRegistry(registry).offer(row.offerId);
        uint256 paid = row.amount - payment.unpaid;
        Challenge storage opened = _open(row.accountId, row.seq, row.operatorId);
        opened.taken = uint96(payment.taken);
        opened.paid = uint96(paid);
        opened.due = uint96(row.amount + payment.appFee);
        opened.listingId = offer.listingId;
        opened.appId = row.appId;
        opened.servedFrom = row.servedFrom;
        opened.servedTo = row.servedTo;
        opened.epoch = uint32(ILedger(ledger).epochOf(row.operatorId, row.batchNo));
        opened.frozen = IEscrow(escrow).freeze(offer.providerId, _netOfFee(paid, row.servedFrom));

        // Interaction
        _token.safeTransferFrom(msg.sender, address(this), deposit);
    }

    /// @inheritdoc IChallenges
    function challengeSelfSettled(uint32 accountId, uint40 seq) external {
        // Check
        IDisputes.StrictCharge memory charge = disputes.strictCharge(accountId, seq);
        require(charge.taken != 0, Challenges_NothingTaken(accountId, seq));
        uint256 closesAt = (charge.settledAt / _challengeWindow + 2) * _challengeWindow;
        require(block.timestamp < closesAt, Challenges_TooLate(closesAt, block.timestamp));

        // Effect. Nothing is frozen: the provider has a receipt, it was settled by it.
        Challenge storage opened = _open(accountId, seq, charge.operatorId);
        opened.taken = charge.taken;
        opened.paid = charge.paid;
        opened.due = charge.due;
        opened.listingId = charge.listingId;
        opened.appId = charge.appId;
        opened.servedFrom = charge.servedAt;
        opened.servedTo = charge.servedAt;
        opened.epoch = uint32(ILedger(ledger).epochAt(charge.settledAt));

        // Interaction
        _token.safeTransferFrom(msg.sender, address(this), deposit);
    }

    /// @inheritdoc IChallenges
    function answer(
        uint32 accountId,
        uint40 seq,
        Authorization calldata authorization,
        bytes calldata signature
    ) external {
        // Check
        Challenge storage challenged = _challenges[accountId][seq];
        require(challenged.state == ChallengeState.Open, Challenges_NotOpen(accountId, seq, challenged.state));
        require(block.timestamp <= challenged.answerBy, Challenges_TooLate(challenged.answerBy, block.timestamp));
        uint24 operatorId = challenged.operatorId;
        _requireAuthorized(accountId, challenged, authorization, signature);
        uint40 user = usedBy[accountId][authorization.nonce];
        if (user != 0) revert Challenges_AuthorizationUsed(accountId, user - 1);

        // Effect
        usedBy[accountId][authorization.nonce] = seq + 1;
        challenged.state = ChallengeState.Answered;
        emit ChallengeAnswered(operatorId, accountId, seq, authorization.nonce);

        // Interaction
        _thaw(challenged);
        _token.safeTransfer(IRegistry(registry).operatorPayee(operatorId), deposit);
    }

    /// @inheritdoc IChallenges
    function showReceipt(ILedger.Receipt calldata receipt, bytes calldata signature) external {
        // Check
        Challenge storage challenged = _challenges[receipt.accountId][receipt.seq];
        require(
            challenged.state == ChallengeState.Open,
            Challenges_NotOpen(receipt.accountId, receipt.seq, challenged.state)
        );
        bytes32 digest = _requireSigned(receipt, signature);
        IRegistry.Offer memory offer = IRegistry(registry).offer(receipt.offerId);
        require(
            receipt.operatorId == challenged.operatorId &&
                offer.listingId == challenged.listingId &&
                _isBillable(offer, receipt.servedAt) &&
                _priceDown(receipt, offer) >= challenged.paid,
            Challenges_OtherRow(receipt.operatorId, receipt.accountId, receipt.seq)
        );

        // Effect, Interaction
        emit ReceiptShown(challenged.operatorId, receipt.accountId, receipt.seq, digest);
        _thaw(challenged);
    }

    /// @inheritdoc IChallenges
    function resolve(uint32 accountId, uint40 seq) external {
        // Check
        Challenge storage challenged = _challenges[accountId][seq];
        Challenge memory c = challenged;
        require(c.state == ChallengeState.Open, Challenges_NotOpen(accountId, seq, c.state));
        require(block.timestamp > c.answerBy, Challenges_TooEarly(c.answerBy, block.timestamp));

        // Effect, Interaction. The bond first; the provider's own credit only for what the bond lacks, and only while nobody has
        // shown a receipt for it.
        challenged.state = ChallengeState.Refunded;
        uint96 reversed = disputes.payUnauthorized(
            IDisputes.Unauthorized({
                challenger: c.challenger,
                operatorId: c.operatorId,
                accountId: accountId,
                seq: seq,
                listingId: c.listingId,
                appId: c.appId,
                epoch: c.epoch,
                servedFrom: c.servedFrom,
                taken: c.taken,
                paid: c.paid,
                frozen: c.frozen
            })
        );
        if (reversed != 0) {
            challenged.frozen = c.frozen - reversed;
            IEscrow(escrow).reverse(IRegistry(registry).listing(c.listingId).providerId, accountId, reversed);
        }
        _thaw(challenged);
        _token.safeTransfer(c.challenger, deposit);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IChallenges
    function challenge(uint32 accountId, uint40 seq) external view returns (Challenge memory) {
        return _challenges[accountId][seq];
    }

    // ---------------------------------------------------------------- private

    function _open(uint32 accountId, uint40 seq, uint24 operatorId) private returns (Challenge storage opened) {
        opened = _challenges[accountId][seq];
        require(opened.state == ChallengeState.None, Challenges_AlreadyChallenged(accountId, seq));
        uint40 answerBy = uint40(block.timestamp + _challengeWindow);
        opened.state = ChallengeState.Open;
        opened.challenger = msg.sender;
        opened.answerBy = answerBy;
        opened.operatorId = operatorId;
        emit ChallengeOpened(operatorId, accountId, msg.sender, seq, answerBy);
    }

    function _thaw(Challenge storage challenged) private {
        uint96 frozen = challenged.frozen;
        if (frozen == 0) return;
        challenged.frozen = 0;
        IEscrow(escrow).thaw(IRegistry(registry).listing(challenged.listingId).providerId, frozen);
    }

    /// @dev The payer's own signature, for this operator, for enough, and good at the time of service. It is signed for the
    /// Escrow as if that were a token, so nobody can ever spend it there or elsewhere.
    function _requireAuthorized(
        uint32 accountId,
        Challenge storage challenged,
        Authorization calldata authorization,
        bytes calldata signature
    ) private view {
        address signer = IEscrow(escrow).termsOf(accountId).signer;
        bytes32 digest = _hashAuthorization(authorization);
        require(
            authorization.from == signer && Signatures.recover(digest, signature) == signer,
            Challenges_NotAuthorized(digest, signer)
        );
        require(
            IRegistry(registry).operatorOfPayee(authorization.to) == challenged.operatorId,
            Challenges_WrongPayee(authorization.to, challenged.operatorId)
        );
        require(
            authorization.value >= challenged.due,
            Challenges_AuthorizationTooLow(authorization.value, challenged.due)
        );
        require(
            authorization.validBefore >= challenged.servedFrom && authorization.validAfter <= challenged.servedTo,
            Challenges_AuthorizationExpired(authorization.validAfter, authorization.validBefore)
        );
    }

    function _hashAuthorization(Authorization calldata authorization) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, keccak256("AI1NET Escrow"), keccak256("1"), block.chainid, escrow)
        );
        return MessageHashUtils.toTypedDataHash(domain, keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization)));
    }
}
