// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title IEscrow
/// @notice The only contract that holds payers' and providers' money: accounts, deposits, exits, earnings, claims.
/// All amounts in wei of $AI1NET. Accounts are numbered from 1.
interface IEscrow {
    // ------------------------------------------------------------------ types

    /// @notice What an account is, for ever. Two accounts differ if any of these do, so nobody can open an account of
    /// somebody else's on terms that its owner did not choose.
    struct Terms {
        address owner; // may exit and withdraw
        uint24 operatorId; // the only operator that may debit it
        address signer; // EOA that authorizes the rows of a strict account
        bool strict; // every paid row needs the signer's own authorization
        uint8 maxAppFeePct; // app fees above this many per cent are not charged; at most 20
    }

    /// @notice One slot, written once per group of a batch. As a word, from the low bits up: balance, credits << 96,
    /// nextSeq << 184, operatorId << 224, flags << 248.
    struct Account {
        // slot 0
        uint96 balance; // withdrawable
        uint88 credits; // spendable, spent first, not withdrawable
        uint40 nextSeq; // sequence number of the next row
        uint24 operatorId;
        uint8 flags; // bit 0 strict, bit 1 hasSelfSettled, bits 2..6 maxAppFeePct
    }

    struct Exit {
        // slot 0
        uint96 amount; // at most the balance when it was requested
        uint40 readyAt; // unix s; 0 when no exit was requested
    }

    /// @notice Who earns.
    enum Earner {
        Provider,
        App,
        Operator
    }

    /// @notice Earnings of one earner. Credit lands in the bucket of its block's time; a bucket matures, and can no
    /// longer be reversed, once the bucket after it has ended.
    struct Earnings {
        // slot 0
        uint96 current; // credit of `bucket`
        uint96 previous; // credit of `bucket - 1`
        uint40 bucket; // block.timestamp / challenge window, at the last credit
        // slot 1
        uint128 mature; // claimable, apart from buckets that matured since the last write
        uint128 claimed; // ever
    }

    /// @notice One receipt that its provider settles itself.
    struct ReceiptCharge {
        uint24 operatorId;
        uint32 accountId;
        uint40 seq;
        uint32 providerId;
        uint32 appId;
        uint96 amount; // wei
        uint96 appFee; // wei, on top
        uint16 protocolFeeBps; // of `amount`, out of the provider's part
        uint256 epoch; // whose pool takes the protocol's fee
    }

    // ----------------------------------------------------------------- events

    /// @notice `from` is who paid: the caller, the signing owner, or the account's deposit address.
    event Deposited(uint32 indexed accountId, address indexed from, uint96 amount);
    /// @notice `from` paid for credits of somebody's account.
    event CreditsGranted(uint32 indexed accountId, address indexed from, uint88 amount);
    event AccountOpened(
        uint32 indexed accountId,
        address indexed owner,
        uint24 indexed operatorId,
        address signer,
        bool strict,
        uint8 maxAppFeePct
    );
    event ExitRequested(uint32 indexed accountId, uint96 amount, uint40 readyAt);
    event ExitCanceled(uint32 indexed accountId);
    event Withdrawn(uint32 indexed accountId, address indexed to, uint96 amount);
    /// @notice A dispute gave an account back what it was charged too much, from the operator's bond.
    event Refunded(uint32 indexed accountId, uint96 amount);
    /// @notice A dispute credited a provider with what it lacked, from the operator's bond.
    event Compensated(uint32 indexed providerId, uint96 amount);
    /// @notice A row of this provider's is challenged: so much of its pending credit can't be claimed until that is decided.
    event Frozen(uint32 indexed providerId, uint96 amount);
    /// @notice So much of what was frozen can be claimed now.
    event Thawed(uint32 indexed providerId, uint96 amount);
    /// @notice So much of what was frozen went back to the payer.
    event Reversed(uint32 indexed providerId, uint32 indexed accountId, uint96 amount);
    /// @notice A reward, or what nobody claimed, left a pool.
    event PoolPaid(uint24 indexed operatorId, uint256 indexed epoch, address indexed to, uint256 amount);
    event Claimed(Earner indexed earner, uint32 indexed id, address indexed to, uint128 amount);

    // ----------------------------------------------------------------- errors

    error Escrow_ZeroAmount();
    error Escrow_ZeroAddress();
    error Escrow_NotLedger(address caller);
    error Escrow_NotDisputes(address caller);
    error Escrow_NotRewards(address caller);
    error Escrow_AlreadySettled(uint32 accountId, uint40 seq, uint40 nextSeq);
    error Escrow_AlreadySelfSettled(uint32 accountId, uint40 seq);
    error Escrow_PoolTooSmall(uint24 operatorId, uint256 epoch, uint256 available, uint256 needed);
    error Escrow_NotOwner(address caller, address owner);
    error Escrow_UnknownAccount(uint32 accountId);
    error Escrow_UnknownOperator(uint24 operatorId);
    error Escrow_ForeignAccount(uint32 accountId, uint24 operatorId, uint24 expected);
    error Escrow_AppFeePctTooHigh(uint8 maxAppFeePct, uint8 max);
    error Escrow_AmountTooHigh(uint256 amount, uint256 max);
    /// @notice With `credits`, the account would have more than its field holds.
    error Escrow_CreditsTooHigh(uint32 accountId, uint256 credits, uint256 max);
    error Escrow_GrantUsed(bytes32 grant);
    error Escrow_GrantExpired(uint256 deadline, uint256 timestamp);
    error Escrow_InvalidSignature(address owner);
    error Escrow_InsufficientBalance(uint32 accountId, uint256 balance, uint256 needed);
    error Escrow_NoExit(uint32 accountId);
    error Escrow_ExitNotReady(uint40 readyAt, uint256 timestamp);
    error Escrow_NothingToClaim(Earner earner, uint32 id);

    // --------------------------------------------------------------- deposits
    // All of them can be paused, for a bounded time (IBoundedPause); exits, withdrawals and claims never.

    /// @notice The caller (anyone) pays `amount` into the account of `terms`, opening it if need be.
    /// Needs an allowance.
    function deposit(Terms calldata terms, uint96 amount) external returns (uint32 accountId);

    /// @notice One signature, no gas: an ERC-3009 `ReceiveWithAuthorization` of the token, from `terms.owner` to this
    /// contract, whose nonce is `grantHash(terms, salt)`. Anyone may relay it; none can bend it.
    function depositWithAuthorization(
        Terms calldata terms,
        bytes32 salt,
        uint96 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external returns (uint32 accountId);

    /// @notice An ERC-2612 permit of exactly `amount` with a signed
    /// `PermitDeposit(Grant grant,uint256 amount,uint256 deadline)` of the owner's. A permit that was front-run still
    /// works: the allowance is there. So does an allowance given beforehand, as a contract wallet has to. A `salt` works
    /// once.
    function depositWithPermit(
        Terms calldata terms,
        bytes32 salt,
        uint96 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bytes calldata grantSignature
    ) external returns (uint32 accountId);

    /// @notice The account's own address: whatever $AI1NET arrives there can be swept into that account and nowhere
    /// else.
    function depositAddress(Terms calldata terms) external view returns (address);

    /// @notice Moves all $AI1NET of the deposit address into its account, opening it if need be; anyone may.
    function sweep(Terms calldata terms) external returns (uint32 accountId, uint96 amount);

    /// @notice Adds `amount` of the caller's tokens to the credits of an account that exists: spendable with its operator,
    /// spent first, never withdrawable. Anyone may: an operator that sold them for other money, or a sponsor.
    function grantCredits(uint32 accountId, uint88 amount) external;

    // ------------------------------------------------------------------ exits

    /// @notice Announces that `amount`, or the balance if that is less, will leave after the exit notice. Replaces an
    /// earlier request, and starts the notice anew. Only the owner. From here on the operator must count the amount as
    /// gone: the request stands until it is withdrawn or cancelled, whatever is deposited or spent meanwhile.
    function requestExit(uint32 accountId, uint96 amount) external;

    /// @notice Takes a request back. Only the owner.
    function cancelExit(uint32 accountId) external;

    /// @notice Pays the requested amount, or the balance if that is less, to `to`, and ends the request. Only the owner;
    /// works with the router gone, and cannot be paused.
    function withdraw(uint32 accountId, address to) external returns (uint96 amount);

    // --------------------------------------------------------------- earnings

    /// @notice Pays everything mature to the earner's payee; anyone may call it.
    function claim(Earner earner, uint32 id) external returns (uint128 amount);

    /// @notice What `claim` would pay now.
    function claimable(Earner earner, uint32 id) external view returns (uint128);

    /// @notice Credit still inside its challenge window.
    function pending(Earner earner, uint32 id) external view returns (uint128);

    // ------------------------------------------------------------ Ledger only

    /// @notice Debits every group of a batch, clamping an account that is short, and advances its sequence.
    /// @param groups one word each: accountId u32 << 224 | rows u16 << 208 | app u16 << 192 (fee in bps) | amount u128
    /// @return results one word each: startSeq u40 << 216 | appFee u88 << 128 | shortfall u128. `appFee` is what the app
    /// is due: floor(amount x bps / 10^4), or 0 above the account's `maxAppFeePct`. `shortfall` is what the account lacked
    /// of amount + appFee. The app's fee goes without first, so the app is paid appFee - min(appFee, shortfall).
    /// @param rebates rate << 8 | margin: a group that was not short gets back floor(amount x rate / 10^8) - margin wei,
    /// or nothing, as credits in the same write
    /// @return rebated wei of rebates in all
    function debit(
        uint24 operatorId,
        uint256[] calldata groups,
        uint256 rebates
    ) external returns (uint256[] memory results, uint256 rebated);

    /// @notice Credits what a batch paid.
    /// @param credits one word each: earner u8 << 248 | id u32 << 216 | amount u128
    /// @param poolFee the rest of the protocol fee, kept for the operator's epoch
    function credit(uint24 operatorId, uint256 epoch, uint256[] calldata credits, uint128 poolFee) external;

    // ---------------------------------------------------------- Disputes only

    /// @notice Pulls `amount` from the caller into an account's balance.
    function refund(uint32 accountId, uint96 amount) external;

    /// @notice Pulls `amount` from the caller into a provider's earnings; it matures like any credit.
    function compensate(uint32 providerId, uint96 amount) external;

    /// @notice Debits one receipt that no batch settled in time, clamping an account that is short, and credits its provider,
    /// its app and the operator's pool; the operator earns nothing by it. Notes that a later batch must not charge its
    /// sequence number. Reverts if that has been settled either way, or for an account of another operator.
    /// @return taken wei, the app's fee included
    /// @return paid wei of `amount`
    function chargeReceipt(ReceiptCharge calldata charge) external returns (uint96 taken, uint96 paid);

    /// @notice Sets up to `amount` of a provider's pending credit aside; never anything mature (I-07).
    function freeze(uint32 providerId, uint96 amount) external returns (uint96 frozen);

    /// @notice Gives what was frozen back to the provider, claimable at once.
    function thaw(uint32 providerId, uint96 amount) external;

    /// @notice Gives what was frozen back to the payer's balance.
    function reverse(uint32 providerId, uint32 accountId, uint96 amount) external;

    // ----------------------------------------------------------- Rewards only

    /// @notice Pays `amount` out of a pool.
    function payFromPool(uint24 operatorId, uint256 epoch, address to, uint256 amount) external;

    // ------------------------------------------------------------------ views
    // An id that was never given reads as zeros.

    /// @notice The account of `terms`; 0 before it is opened.
    function accountIdOf(Terms calldata terms) external view returns (uint32);

    function account(uint32 accountId) external view returns (Account memory);

    function termsOf(uint32 accountId) external view returns (Terms memory);

    function exitOf(uint32 accountId) external view returns (Exit memory);

    function earnings(Earner earner, uint32 id) external view returns (Earnings memory);

    /// @notice True if a provider settled this row itself.
    function isSelfSettled(uint32 accountId, uint40 seq) external view returns (bool);

    /// @notice 256 of these bits: those of sequence numbers 256 x index and up, from the lowest bit.
    function selfSettledWord(uint32 accountId, uint256 index) external view returns (uint256);

    /// @notice A provider's credit that is set aside for challenges.
    function frozenOf(uint32 providerId) external view returns (uint128);

    /// @notice Wei that the accounts of `owner` hold, credits included: what x402 clients ask of an asset.
    function balanceOf(address owner) external view returns (uint256);

    /// @notice The part of the protocol fee kept for rewards, per operator and epoch.
    function pool(uint24 operatorId, uint256 epoch) external view returns (uint256);

    /// @notice EIP-712 digest (domain "AI1NET Escrow"/"1") of
    /// `Grant(address owner,uint24 operatorId,address signer,bool strict,uint8 maxAppFeePct,bytes32 salt)`.
    function grantHash(Terms calldata terms, bytes32 salt) external view returns (bytes32);

    /// @notice Everything owed: balances, credits, earnings, what is frozen of them, and pools. At most the token balance (I-01).
    function owed() external view returns (uint256);

    /// @notice How many accounts there are: ids run from 1 to this.
    function accountCount() external view returns (uint32);

    /// @notice The EIP-712 domain's name, "AI1NET Escrow".
    function name() external view returns (string memory);

    /// @notice The EIP-712 domain's version, "1".
    function version() external view returns (string memory);

    function token() external view returns (address);

    function registry() external view returns (address);

    /// @notice The only caller of `debit` and `credit`.
    function ledger() external view returns (address);

    /// @notice The only caller of what disputes do here; fixed.
    function disputes() external view returns (address);

    /// @notice The only caller of `payFromPool`; fixed.
    function rewards() external view returns (address);

    /// @notice Seconds in an earnings bucket.
    function challengeWindow() external view returns (uint32);

    /// @notice Seconds from an exit request to the withdrawal.
    function exitNotice() external view returns (uint32);
}
