/** What the router calls, reads and decodes of the contracts; a test compares it with what was compiled. */
import { parseAbi } from "viem";

export const ledgerAbi = parseAbi([
  "function settle(uint24 operatorId, bytes batch)",
  "function nextBatchNo(uint24 operatorId) view returns (uint32)",
  "function commitmentOf(uint24 operatorId, uint32 batchNo) view returns (bytes32)",
  "function challengeWindow() view returns (uint32)",
  "function registry() view returns (address)",
  "function escrow() view returns (address)",
  "struct RowProof { uint24 operatorId; bytes header; bytes group; uint40 startSeq; uint128 shortfall; uint16 rowIndex; bytes32[] siblings; }",
  "struct Row { uint24 operatorId; uint32 batchNo; uint32 accountId; uint40 seq; uint32 offerId; uint32 appId; uint24 inputUnits; uint24 outputUnits; uint8 timing; uint96 amount; uint40 servedFrom; uint40 servedTo; }",
  "function proveRow(RowProof proof) view returns (Row)",
  "event BatchSettled(uint24 indexed operatorId, uint32 indexed batchNo, bytes32 commitment, uint32 rows, uint128 amount, uint128 appFees, uint128 protocolFee, uint128 shortfall, uint128 rebates)",
  "event ShortfallRecorded(uint24 indexed operatorId, uint32 indexed batchNo, uint32 indexed accountId, uint128 shortfall)",
  "error Ledger_BadVersion(uint8 version, uint8 expected)",
  "error Ledger_BadBatchNo(uint32 batchNo, uint32 expected)",
  "error Ledger_BadSpan(uint40 servedFrom, uint40 servedTo, uint256 timestamp)",
  "error Ledger_Truncated(uint256 length, uint256 needed)",
  "error Ledger_TrailingBytes(uint256 length, uint256 used)",
  "error Ledger_EmptyTable()",
  "error Ledger_TableNotAscending(uint256 index)",
  "error Ledger_EmptyBatch()",
  "error Ledger_EmptyGroup(uint256 group)",
  "error Ledger_BadAppIndex(uint256 group, uint256 appIndex)",
  "error Ledger_BadOfferIndex(uint256 group)",
  "error Ledger_FailedRowWithUnits(uint256 group)",
  "error Ledger_TooManyRows(uint256 rows, uint256 max)",
  "error Ledger_AmountTooHigh(uint256 amount, uint256 max)",
  "error BoundedPause_Paused(uint256 timestamp, uint40 until)",
  "error Ledger_WrongProof(uint24 operatorId, uint32 batchNo)",
]);

export const escrowAbi = parseAbi([
  "struct Account { uint96 balance; uint88 credits; uint40 nextSeq; uint24 operatorId; uint8 flags; }",
  "struct Terms { address owner; uint24 operatorId; address signer; bool strict; uint8 maxAppFeePct; }",
  "struct Exit { uint96 amount; uint40 readyAt; }",
  "function account(uint32 accountId) view returns (Account)",
  "function termsOf(uint32 accountId) view returns (Terms)",
  "function exitOf(uint32 accountId) view returns (Exit)",
  "function accountCount() view returns (uint32)",
  "function token() view returns (address)",
  "function selfSettledWord(uint32 accountId, uint256 index) view returns (uint256)",
  "event AccountOpened(uint32 indexed accountId, address indexed owner, uint24 indexed operatorId, address signer, bool strict, uint8 maxAppFeePct)",
  "event Deposited(uint32 indexed accountId, address indexed from, uint96 amount)",
  "event CreditsGranted(uint32 indexed accountId, address indexed from, uint88 amount)",
  "event ExitRequested(uint32 indexed accountId, uint96 amount, uint40 readyAt)",
  "event ExitCanceled(uint32 indexed accountId)",
  "event Withdrawn(uint32 indexed accountId, address indexed to, uint96 amount)",
  "error Escrow_NotLedger(address caller)",
  "error Escrow_UnknownAccount(uint32 accountId)",
  "error Escrow_ForeignAccount(uint32 accountId, uint24 operatorId, uint24 expected)",
  "error Escrow_AmountTooHigh(uint256 amount, uint256 max)",
]);

export const registryAbi = parseAbi([
  "struct Stake { uint96 bonded; uint96 unbonding; uint40 readyAt; }",
  "struct Operator { address owner; address payee; Stake bond; }",
  "struct Provider { address owner; address payee; Stake stake; }",
  "struct Model { uint8 unit; string name; }",
  "struct Listing { uint32 providerId; uint32 modelId; }",
  "struct Offer { uint72 inputPrice; uint72 outputPrice; uint72 requestPrice; uint40 retiresAt; uint32 listingId; uint32 providerId; uint40 createdAt; uint16 cachedBps; }",
  "struct App { address owner; uint16 feeBps; }",
  "function operator(uint24 operatorId) view returns (Operator)",
  "function provider(uint32 providerId) view returns (Provider)",
  "function model(uint32 modelId) view returns (Model)",
  "function listing(uint32 listingId) view returns (Listing)",
  "function offer(uint32 offerId) view returns (Offer)",
  "function app(uint32 appId) view returns (App)",
  "function isSettler(uint24 operatorId, address account) view returns (bool)",
  "function operatorOfReceiptKey(address key) view returns (uint24)",
  "function counts() view returns (uint24 operators, uint32 providers, uint32 models, uint32 listings, uint32 offers, uint32 apps)",
  "function minProviderStake() view returns (uint96)",
  "function grace() view returns (uint32)",
  "error Registry_UnknownOperator(uint24 operatorId)",
  "error Registry_UnknownOffer(uint32 offerId)",
  "error Registry_UnknownApp(uint32 appId)",
  "error Registry_NotSettler(uint24 operatorId, address caller)",
  "error Registry_BondTooLow(uint256 bonded, uint256 needed)",
  "error Registry_OfferNotBillable(uint32 offerId, uint40 servedFrom, uint40 servedTo)",
]);

/** What deposits need of the Escrow, and what they may fail with. */
export const escrowDepositAbi = parseAbi([
  "struct Terms { address owner; uint24 operatorId; address signer; bool strict; uint8 maxAppFeePct; }",
  "function depositWithAuthorization(Terms terms, bytes32 salt, uint96 amount, uint256 validAfter, uint256 validBefore, bytes signature) returns (uint32)",
  "function depositWithPermit(Terms terms, bytes32 salt, uint96 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s, bytes grantSignature) returns (uint32)",
  "function sweep(Terms terms) returns (uint32 accountId, uint96 amount)",
  "function depositAddress(Terms terms) view returns (address)",
  "function accountIdOf(Terms terms) view returns (uint32)",
  "function disputes() view returns (address)",
  "function rewards() view returns (address)",
  "event Deposited(uint32 indexed accountId, address indexed from, uint96 amount)",
  "error Escrow_ZeroAmount()",
  "error Escrow_ZeroAddress()",
  "error Escrow_UnknownOperator(uint24 operatorId)",
  "error Escrow_AppFeePctTooHigh(uint8 maxAppFeePct, uint8 max)",
  "error Escrow_GrantUsed(bytes32 grant)",
  "error Escrow_GrantExpired(uint256 deadline, uint256 timestamp)",
  "error Escrow_InvalidSignature(address owner)",
  "error BoundedPause_Paused(uint256 timestamp, uint40 until)",
]);

export const tokenAbi = parseAbi([
  "function balanceOf(address account) view returns (uint256)",
  "function authorizationState(address authorizer, bytes32 nonce) view returns (bool)",
  "function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature)",
  "error AI1NET_AuthorizationNotYetValid(uint256 validAfter, uint256 timestamp)",
  "error AI1NET_AuthorizationExpired(uint256 validBefore, uint256 timestamp)",
  "error AI1NET_AuthorizationUsed(address authorizer, bytes32 nonce)",
  "error AI1NET_InvalidSignature(address authorizer)",
  "error ERC20InsufficientBalance(address sender, uint256 balance, uint256 needed)",
  "error ERC20InsufficientAllowance(address spender, uint256 allowance, uint256 needed)",
]);

export const depositAbi = [...escrowDepositAbi, ...tokenAbi];
export const disputesAbi = parseAbi([
  "function challenges() view returns (address)",
  "function settleWindow() view returns (uint32)",
  "function openClaims(uint24 operatorId) view returns (uint256)",
  "event SelfSettled(uint24 indexed operatorId, uint32 indexed accountId, uint32 indexed providerId, uint40 seq, bytes32 digest, uint32 offerId, uint32 appId, uint24 outputUnits, uint8 timing, uint40 servedAt, uint96 amount, uint96 taken, uint96 paid)",
]);

/** What an operator needs to answer challenges, and what an answer may fail with. */
export const challengesAbi = parseAbi([
  "struct Authorization { address from; address to; uint256 value; uint256 validAfter; uint256 validBefore; bytes32 nonce; }",
  "struct Challenge { address challenger; uint40 answerBy; uint8 state; uint24 operatorId; uint96 taken; uint96 due; uint32 listingId; uint32 appId; uint96 paid; uint96 frozen; uint40 servedFrom; uint40 servedTo; uint32 epoch; }",
  "function challenge(uint32 accountId, uint40 seq) view returns (Challenge)",
  "function answer(uint32 accountId, uint40 seq, Authorization authorization, bytes signature)",
  "event ChallengeOpened(uint24 indexed operatorId, uint32 indexed accountId, address indexed challenger, uint40 seq, uint40 answerBy)",
  "error Challenges_NotOpen(uint32 accountId, uint40 seq, uint8 state)",
  "error Challenges_TooLate(uint256 closedAt, uint256 timestamp)",
  "error Challenges_NotAuthorized(bytes32 digest, address signer)",
  "error Challenges_WrongPayee(address payee, uint24 operatorId)",
  "error Challenges_AuthorizationTooLow(uint256 value, uint256 needed)",
  "error Challenges_AuthorizationExpired(uint256 validAfter, uint256 validBefore)",
  "error Challenges_AuthorizationUsed(uint32 accountId, uint40 seq)",
]);

export const rewardsAbi = parseAbi(["function reviews() view returns (address)"]);

/** What relaying a review needs, and what it may fail with. */
export const reviewsAbi = parseAbi([
  "struct RowProof { uint24 operatorId; bytes header; bytes group; uint40 startSeq; uint128 shortfall; uint16 rowIndex; bytes32[] siblings; }",
  "function reviewFor(RowProof proof, uint8 rating, bytes32 textHash, uint256 deadline, bytes signature)",
  "event Reviewed(uint32 indexed listingId, address indexed owner, uint256 indexed epoch, uint32 accountId, uint40 seq, uint8 rating, uint96 weight, bytes32 textHash)",
  "error Reviews_BadRating(uint8 rating, uint8 min, uint8 max)",
  "error Reviews_InvalidSignature(address owner)",
  "error Reviews_Expired(uint256 deadline, uint256 timestamp)",
  "error Reviews_OwnListing(address owner, uint32 listingId)",
  "error Reviews_NothingPaid(uint32 accountId, uint40 seq)",
  "error Reviews_LeftUnpaid(uint32 accountId, uint40 seq, uint256 unpaid)",
  "error Reviews_Refunded(uint32 accountId, uint40 seq, uint96 refunded)",
  "error Reviews_RowUsed(uint32 accountId, uint40 seq)",
  "error Reviews_AlreadyReviewed(address owner, uint32 listingId, uint256 epoch)",
  "error Ledger_WrongProof(uint24 operatorId, uint32 batchNo)",
]);

/** Everything that `Ledger.settle` may revert with, whichever contract it comes from. */
export const settleAbi = [...ledgerAbi, ...escrowAbi, ...registryAbi].filter(
  (item) => item.type === "error" || item.name === "settle",
);
