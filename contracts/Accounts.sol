// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BoundedPause} from "./BoundedPause.sol";
import {DepositForwarder} from "./DepositForwarder.sol";
import {IAI1NET} from "./interfaces/IAI1NET.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IRegistry} from "./interfaces/IRegistry.sol";
import {AccountWord, AccountWordLib} from "./libraries/AccountWord.sol";
import {Grants} from "./libraries/Grants.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Windows, WindowsLib} from "./libraries/Windows.sol";

/// @notice The part of the Escrow that payers use: accounts, how money gets into them, and how it leaves.
abstract contract Accounts is IEscrow, EIP712, BoundedPause {
    using SafeERC20 for IERC20;

    uint8 private constant MAX_APP_FEE_PCT = 20;

    /// @inheritdoc IEscrow
    address public immutable token;
    /// @inheritdoc IEscrow
    address public immutable registry;
    /// @inheritdoc IEscrow
    uint32 public immutable exitNotice;
    /// @dev What the clones at deposit addresses delegate to.
    address private immutable _forwarder;

    /// @inheritdoc IEscrow
    uint32 public accountCount;
    /// @inheritdoc IEscrow
    uint256 public owed;

    /// @dev An array of every possible id: an account's slot follows from its id without hashing.
    AccountWord[1 << 32] internal _accounts;
    mapping(uint32 accountId => Terms) private _terms;
    mapping(bytes32 termsHash => uint32 accountId) private _accountIds;
    mapping(bytes32 grant => bool) private _usedGrants;
    mapping(uint32 accountId => Exit) private _exits;
    mapping(address owner => uint32[]) private _accountsOf;

    modifier onlyOwnerOf(uint32 accountId) {
        address owner = _terms[accountId].owner;
        require(owner != address(0), Escrow_UnknownAccount(accountId));
        require(msg.sender == owner, Escrow_NotOwner(msg.sender, owner));
        _;
    }

    constructor(
        address token_,
        address registry_,
        Windows memory windows,
        address guardian_
    ) EIP712("AI1NET Escrow", "1") BoundedPause(guardian_, windows) {
        require(token_ != address(0) && registry_ != address(0), Escrow_ZeroAddress());
        WindowsLib.check(windows);
        token = token_;
        registry = registry_;
        exitNotice = windows.exitNotice;
        _forwarder = address(new DepositForwarder(token_));
    }

    // --------------------------------------------------------------- deposits

    /// @inheritdoc IEscrow
    function deposit(Terms calldata terms, uint96 amount) external whenNotPaused returns (uint32 accountId) {
        // Effect
        accountId = _deposit(terms, msg.sender, amount);
        // Interaction
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IEscrow
    function depositWithAuthorization(
        Terms calldata terms,
        bytes32 salt,
        uint96 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external whenNotPaused returns (uint32 accountId) {
        // Effect
        accountId = _deposit(terms, terms.owner, amount);
        // Interaction: the token checks the signature, and that its nonce is this very grant
        bytes32 grant = grantHash(terms, salt);
        IAI1NET(token).receiveWithAuthorization(
            terms.owner,
            address(this),
            amount,
            validAfter,
            validBefore,
            grant,
            signature
        );
    }

    /// @inheritdoc IEscrow
    function depositWithPermit(
        Terms calldata terms,
        bytes32 salt,
        uint96 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bytes calldata grantSignature
    ) external whenNotPaused returns (uint32 accountId) {
        // Check
        require(block.timestamp <= deadline, Escrow_GrantExpired(deadline, block.timestamp));
        bytes32 grant = grantHash(terms, salt);
        require(!_usedGrants[grant], Escrow_GrantUsed(grant));
        bytes32 digest = _hashTypedDataV4(Grants.hashPermitDeposit(terms, salt, amount, deadline));
        require(Signatures.isValid(terms.owner, digest, grantSignature), Escrow_InvalidSignature(terms.owner));

        // Effect
        _usedGrants[grant] = true;
        accountId = _deposit(terms, terms.owner, amount);

        // Interaction: whoever used the permit first can only have set the allowance that is needed here
        try IAI1NET(token).permit(terms.owner, address(this), amount, deadline, v, r, s) {} catch {}
        IERC20(token).safeTransferFrom(terms.owner, address(this), amount);
    }

    /// @inheritdoc IEscrow
    function depositAddress(Terms calldata terms) public view returns (address) {
        return Clones.predictDeterministicAddress(_forwarder, _termsHash(terms));
    }

    /// @inheritdoc IEscrow
    function sweep(Terms calldata terms) external whenNotPaused returns (uint32 accountId, uint96 amount) {
        address from = depositAddress(terms);
        // The token's whole supply fits.
        amount = uint96(IERC20(token).balanceOf(from));

        // Effect
        accountId = _deposit(terms, from, amount);

        // Interaction
        if (from.code.length == 0) Clones.cloneDeterministic(_forwarder, _termsHash(terms));
        DepositForwarder(from).forward(amount);
    }

    /// @inheritdoc IEscrow
    function grantCredits(uint32 accountId, uint88 amount) external whenNotPaused {
        // Check
        require(amount != 0, Escrow_ZeroAmount());
        require(accountId != 0 && accountId <= accountCount, Escrow_UnknownAccount(accountId));
        AccountWord stored = _accounts[accountId];
        uint256 credits = uint256(stored.credits()) + amount;
        require(credits <= type(uint88).max, Escrow_CreditsTooHigh(accountId, credits, type(uint88).max));

        // Effect
        _accounts[accountId] = stored.grant(amount);
        owed += amount;
        emit CreditsGranted(accountId, msg.sender, amount);

        // Interaction
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    // ------------------------------------------------------------------ exits

    /// @inheritdoc IEscrow
    function requestExit(uint32 accountId, uint96 amount) external onlyOwnerOf(accountId) {
        require(amount != 0, Escrow_ZeroAmount());
        uint96 balance = _accounts[accountId].balance();
        require(balance != 0, Escrow_InsufficientBalance(accountId, balance, amount));

        // Never more than is there: later deposits would otherwise leave without a notice of their own.
        if (amount > balance) amount = balance;
        uint40 readyAt = uint40(block.timestamp + exitNotice);
        _exits[accountId] = Exit(amount, readyAt);
        emit ExitRequested(accountId, amount, readyAt);
    }

    /// @inheritdoc IEscrow
    function cancelExit(uint32 accountId) external onlyOwnerOf(accountId) {
        require(_exits[accountId].readyAt != 0, Escrow_NoExit(accountId));
        delete _exits[accountId];
        emit ExitCanceled(accountId);
    }

    /// @inheritdoc IEscrow
    function withdraw(uint32 accountId, address to) external onlyOwnerOf(accountId) returns (uint96 amount) {
        // Check
        require(to != address(0), Escrow_ZeroAddress());
        Exit memory exit = _exits[accountId];
        require(exit.readyAt != 0, Escrow_NoExit(accountId));
        require(block.timestamp >= exit.readyAt, Escrow_ExitNotReady(exit.readyAt, block.timestamp));

        // Effect
        AccountWord stored = _accounts[accountId];
        amount = uint96(Math.min(exit.amount, stored.balance()));
        _accounts[accountId] = stored.withdraw(amount);
        delete _exits[accountId];
        emit Withdrawn(accountId, to, amount);

        // Effect, Interaction
        _pay(to, amount);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IEscrow
    function accountIdOf(Terms calldata terms) external view returns (uint32) {
        return _accountIds[_termsHash(terms)];
    }

    /// @inheritdoc IEscrow
    function account(uint32 accountId) external view returns (Account memory) {
        return _accounts[accountId].unpack();
    }

    /// @inheritdoc IEscrow
    function termsOf(uint32 accountId) external view returns (Terms memory) {
        return _terms[accountId];
    }

    /// @inheritdoc IEscrow
    function exitOf(uint32 accountId) external view returns (Exit memory) {
        return _exits[accountId];
    }

    /// @inheritdoc IEscrow
    function grantHash(Terms calldata terms, bytes32 salt) public view returns (bytes32) {
        return _hashTypedDataV4(Grants.hash(terms, salt));
    }

    /// @inheritdoc IEscrow
    function balanceOf(address owner) external view returns (uint256 sum) {
        uint32[] storage ids = _accountsOf[owner];
        for (uint256 i = 0; i < ids.length; ++i) {
            AccountWord stored = _accounts[ids[i]];
            sum += uint256(stored.balance()) + stored.credits();
        }
    }

    /// @inheritdoc IEscrow
    function name() external view returns (string memory) {
        return _EIP712Name();
    }

    /// @inheritdoc IEscrow
    function version() external view returns (string memory) {
        return _EIP712Version();
    }

    // ------------------------------------------------------- internal, private

    /// @dev Pays out what is owed no longer. The last thing that a function does.
    function _pay(address to, uint256 amount) internal {
        // Effect
        owed -= amount;
        // Interaction
        IERC20(token).safeTransfer(to, amount);
    }

    /// @dev Books `amount` to the account of `terms`, opening it if need be. The caller pulls the tokens.
    function _deposit(Terms calldata terms, address from, uint96 amount) private returns (uint32 accountId) {
        require(amount != 0, Escrow_ZeroAmount());
        accountId = _accountIds[_termsHash(terms)];
        if (accountId == 0) accountId = _open(terms);
        _accounts[accountId] = _accounts[accountId].deposit(amount);
        owed += amount;
        emit Deposited(accountId, from, amount);
    }

    function _open(Terms calldata terms) private returns (uint32 accountId) {
        require(terms.owner != address(0), Escrow_ZeroAddress());
        require(!terms.strict || terms.signer != address(0), Escrow_ZeroAddress());
        require(terms.maxAppFeePct <= MAX_APP_FEE_PCT, Escrow_AppFeePctTooHigh(terms.maxAppFeePct, MAX_APP_FEE_PCT));
        require(
            IRegistry(registry).operatorPayee(terms.operatorId) != address(0),
            Escrow_UnknownOperator(terms.operatorId)
        );

        accountId = ++accountCount;
        _accountIds[_termsHash(terms)] = accountId;
        _terms[accountId] = terms;
        _accountsOf[terms.owner].push(accountId);
        _accounts[accountId] = AccountWordLib.open(terms.operatorId, terms.strict, terms.maxAppFeePct);
        emit AccountOpened(accountId, terms.owner, terms.operatorId, terms.signer, terms.strict, terms.maxAppFeePct);
    }

    function _termsHash(Terms calldata terms) private pure returns (bytes32) {
        return keccak256(abi.encode(terms));
    }
}
