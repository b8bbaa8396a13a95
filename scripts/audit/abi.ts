import { parseAbi } from "viem";

const OWNERSHIP = [
  "event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner)",
  "event OwnershipTransferred(address indexed previousOwner, address indexed newOwner)",
] as const;

const PAUSE = [
  "event Paused(uint40 until)",
  "event PauseEnded(uint40 nextPauseAt)",
  "function pausedUntil() view returns (uint40)",
] as const;

export const registryAbi = parseAbi([
  ...OWNERSHIP,
  "event OperatorRegistered(uint24 indexed operatorId, address indexed owner, address payee)",
  "event SettlerSet(uint24 indexed operatorId, address indexed settler, bool allowed)",
  "event ReceiptKeyAdded(uint24 indexed operatorId, address indexed key)",
  "event ProviderRegistered(uint32 indexed providerId, address indexed owner, address payee)",
  "event PayeeSet(bool indexed isOperator, uint32 indexed id, address payee)",
  "event ModelRegistered(uint32 indexed modelId, uint8 unit, string name)",
  "event ListingCreated(uint32 indexed listingId, uint32 indexed providerId, uint32 indexed modelId)",
  "event OfferCreated(uint32 indexed offerId, uint32 indexed listingId, uint72 inputPrice, uint72 outputPrice, uint72 requestPrice, uint16 cachedBps)",
  "event OfferRetired(uint32 indexed offerId, uint40 retiresAt)",
  "event AppRegistered(uint32 indexed appId, address indexed owner, uint16 feeBps)",
  "event Bonded(bool indexed isOperator, uint32 indexed id, uint96 amount, uint96 bonded)",
  "event UnbondingRequested(bool indexed isOperator, uint32 indexed id, uint96 amount, uint40 readyAt)",
  "event Unbonded(bool indexed isOperator, uint32 indexed id, uint96 amount, address to)",
  "event Slashed(uint24 indexed operatorId, uint96 slashed, uint96 bonded, uint96 unbonding, uint40 readyAt)",
  "event MinimumsSet(uint96 minOperatorBond, uint96 minProviderStake)",
  "struct Offer { uint72 inputPrice; uint72 outputPrice; uint72 requestPrice; uint40 retiresAt; uint32 listingId; uint32 providerId; uint40 createdAt; uint16 cachedBps; }",
  "struct Stake { uint96 bonded; uint96 unbonding; uint40 readyAt; }",
  "struct Participant { address owner; address payee; Stake stake; }",
  "struct App { address owner; uint16 feeBps; }",
  "function operator(uint24 operatorId) view returns (Participant)",
  "function provider(uint32 providerId) view returns (Participant)",
  "function disputes() view returns (address)",
  "function grace() view returns (uint32)",
  "function counts() view returns (uint24 operators, uint32 providers, uint32 models, uint32 listings, uint32 offers, uint32 apps)",
  "function offer(uint32 offerId) view returns (Offer)",
  "function app(uint32 appId) view returns (App)",
  "function operatorOfReceiptKey(address key) view returns (uint24)",
]);

export const escrowAbi = parseAbi([
  ...PAUSE,
  "event AccountOpened(uint32 indexed accountId, address indexed owner, uint24 indexed operatorId, address signer, bool strict, uint8 maxAppFeePct)",
  "event Deposited(uint32 indexed accountId, address indexed from, uint96 amount)",
  "event CreditsGranted(uint32 indexed accountId, address indexed from, uint88 amount)",
  "event ExitRequested(uint32 indexed accountId, uint96 amount, uint40 readyAt)",
  "event ExitCanceled(uint32 indexed accountId)",
  "event Withdrawn(uint32 indexed accountId, address indexed to, uint96 amount)",
  "event Claimed(uint8 indexed earner, uint32 indexed id, address indexed to, uint128 amount)",
  "event Refunded(uint32 indexed accountId, uint96 amount)",
  "event Compensated(uint32 indexed providerId, uint96 amount)",
  "event Frozen(uint32 indexed providerId, uint96 amount)",
  "event Thawed(uint32 indexed providerId, uint96 amount)",
  "event Reversed(uint32 indexed providerId, uint32 indexed accountId, uint96 amount)",
  "event PoolPaid(uint24 indexed operatorId, uint256 indexed epoch, address indexed to, uint256 amount)",
  "struct Account { uint96 balance; uint88 credits; uint40 nextSeq; uint24 operatorId; uint8 flags; }",
  "struct Earnings { uint96 current; uint96 previous; uint40 bucket; uint128 mature; uint128 claimed; }",
  "struct Exit { uint96 amount; uint40 readyAt; }",
  "function token() view returns (address)",
  "function registry() view returns (address)",
  "function ledger() view returns (address)",
  "function disputes() view returns (address)",
  "function challengeWindow() view returns (uint32)",
  "function accountCount() view returns (uint32)",
  "function account(uint32 accountId) view returns (Account)",
  "function exitOf(uint32 accountId) view returns (Exit)",
  "function earnings(uint8 earner, uint32 id) view returns (Earnings)",
  "function pool(uint24 operatorId, uint256 epoch) view returns (uint256)",
  "function owed() view returns (uint256)",
  "function frozenOf(uint32 providerId) view returns (uint128)",
]);

export const ledgerAbi = parseAbi([
  ...OWNERSHIP,
  ...PAUSE,
  "event BatchSettled(uint24 indexed operatorId, uint32 indexed batchNo, bytes32 commitment, uint32 rows, uint128 amount, uint128 appFees, uint128 protocolFee, uint128 shortfall, uint128 rebates)",
  "event ShortfallRecorded(uint24 indexed operatorId, uint32 indexed batchNo, uint32 indexed accountId, uint128 shortfall)",
  "event ProtocolFeeScheduled(uint16 feeBps, uint40 effectiveAt)",
  "event RebateShareScheduled(uint16 shareBps, uint256 fromEpoch)",
  "event FeesReversed(uint24 indexed operatorId, uint256 indexed epoch, uint32 indexed listingId, uint32 appId, uint256 fee)",
  "struct Metrics { uint88 fees; uint64 weightedTiming; uint48 outputUnits; uint32 requests; uint24 failures; }",
  "function settle(uint24 operatorId, bytes batch)",
  "function registry() view returns (address)",
  "function escrow() view returns (address)",
  "function operatorShareBps() view returns (uint16)",
  "function epochLength() view returns (uint256)",
  "function nextBatchNo(uint24 operatorId) view returns (uint32)",
  "function commitmentOf(uint24 operatorId, uint32 batchNo) view returns (bytes32)",
  "function metrics(uint256 epoch, uint24 operatorId, uint32 listingId) view returns (Metrics)",
  "function protocolFeeBps(uint40 servedAt) view returns (uint16)",
  "function rebateShareBps(uint256 epoch) view returns (uint16)",
  "function appFees(uint256 epoch, uint24 operatorId, uint32 appId) view returns (uint128)",
]);

export const disputesAbi = parseAbi([
  "event EvidencePaid(uint24 indexed operatorId, uint32 indexed accountId, address indexed challenger, uint8 kind, uint40 seq, bytes32 evidence, uint32 providerId, uint96 refund, uint96 compensation, uint96 penalty, uint96 reward)",
  "event ClaimRecorded(uint24 indexed operatorId, uint8 indexed kind, uint32 indexed id, uint40 bucket, uint128 amount)",
  "event ClaimCollected(uint24 indexed operatorId, uint8 indexed kind, uint32 indexed id, uint40 bucket, uint128 amount, uint96 paid)",
  "event SelfSettled(uint24 indexed operatorId, uint32 indexed accountId, uint32 indexed providerId, uint40 seq, bytes32 digest, uint32 offerId, uint32 appId, uint24 outputUnits, uint8 timing, uint40 servedAt, uint96 amount, uint96 taken, uint96 paid)",
  "struct OpenClaims { uint128 refunds; uint128 compensations; }",
  "function penalty() view returns (uint96)",
  "function challenges() view returns (address)",
  "function claimOf(uint24 operatorId, uint8 kind, uint32 id, uint40 bucket) view returns (uint128)",
  "function openClaimsByKind(uint24 operatorId) view returns (OpenClaims)",
]);

export const challengesAbi = parseAbi([
  "event ChallengeOpened(uint24 indexed operatorId, uint32 indexed accountId, address indexed challenger, uint40 seq, uint40 answerBy)",
  "event ChallengeAnswered(uint24 indexed operatorId, uint32 indexed accountId, uint40 seq, bytes32 nonce)",
  "event ReceiptShown(uint24 indexed operatorId, uint32 indexed accountId, uint40 seq, bytes32 digest)",
]);

export const tokenAbi = parseAbi(["function balanceOf(address account) view returns (uint256)"]);
