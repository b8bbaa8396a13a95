/** What the steps need of the world. Adapters implement these; only compose names the adapters. */
import type { AccountSnapshot } from "./model/account.ts";
import type { Hex } from "./model/bytes.ts";
import type { Candidate } from "./model/candidate.ts";
import type { Feedback, Review } from "./model/feedback.ts";
import type { KeyDay } from "./model/keyDay.ts";
import type { App, MarketSnapshot, Model } from "./model/market.ts";
import type { Wei } from "./model/money.ts";
import type { Outcome } from "./model/outcome.ts";
import type { PaymentAuthorization } from "./model/payment.ts";
import type { ApiKey, BuiltBatch, Endpoint, Fact, RecordedOutcome } from "./model/record.ts";
import type { SignedReceipt } from "./model/receipt.ts";
import type { Session } from "./model/session.ts";

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

// ---------------------------------------------------------------- durability

/** The journal can't write any more; the process must not sign or serve until it was started again. */
export class JournalFailure extends Error {
  override readonly name = "JournalFailure";
}

/** Another router was first with a request of the same `Idempotency-Key`; this one is not recorded. */
export class AlreadyServed extends Error {
  override readonly name = "AlreadyServed";
  readonly requestId: string;
  readonly receipt: SignedReceipt;

  constructor(requestId: string, receipt: SignedReceipt) {
    super(`the request was served as ${requestId}`);
    this.requestId = requestId;
    this.receipt = receipt;
  }
}

/** The hold lapsed while the request was served, and others have taken what it would cost: it is not recorded. */
export class NotCovered extends Error {
  override readonly name = "NotCovered";

  constructor(requestId: string) {
    super(`request ${requestId} is no longer covered`);
  }
}

export interface Journal {
  /**
   * Gives each attempt its account's next sequence number, signs it and stores it all. Durable once resolved: the last
   * byte of a response waits for this. The caller counts the rows in the `AccountBook`, then ends its hold.
   * @throws {JournalFailure}
   * @throws {AlreadyServed}
   * @throws {NotCovered}
   */
  commit(outcome: Outcome): Promise<readonly SignedReceipt[]>;
  /** Stores any other fact; durable once resolved. @throws {JournalFailure} */
  append(fact: Fact): Promise<void>;
  /** Undefined while it can write; else why not. */
  failure(): Error | undefined;
}

/** The journal's counters of sequence numbers, and how they are compared with what others know. */
export interface SequenceCounters {
  /**
   * Lets an account's rows be numbered: from the journal's own last one on, or from `nextSeq` (the chain's) for an
   * account that is new to it. To be called before an account's first commit, and with every newer snapshot. A
   * `nextSeq` beyond the journal's own counter is an unverified tail: see {@link distrust}.
   */
  openAccount(accountId: number, nextSeq: number): Promise<void>;
  /** Somebody knows of rows or batches that the journal lacks: it fails, unless the operator decided to go on. */
  distrust(reason: string): void;
}

/** A receipt with what the router knows about it. */
export interface StoredReceipt extends SignedReceipt {
  readonly requestId: string;
  readonly keyId: string;
  readonly model: string;
  readonly recordedAtMs: number;
  /** See `serviceText`. */
  readonly service?: string | undefined;
}

export type BatchState = "built" | "sent" | "mined" | "final";

export interface StoredBatch extends BuiltBatch {
  readonly state: BatchState;
  readonly txHash: Hex | undefined;
  readonly blockNumber: bigint | undefined;
}

/** What an account had served on one day (UTC) of one model by one key. */
export interface Activity {
  /** `2026-11-25` */
  readonly day: string;
  readonly model: string;
  readonly keyId: string;
  /** Rows that were served, and tries that failed. */
  readonly requests: number;
  readonly failures: number;
  readonly inputUnits: number;
  readonly outputUnits: number;
  /** Without app fees. */
  readonly amountWei: Wei;
}

/** Queries over everything that was journaled. Sees whatever `Journal` has resolved. */
export interface Store {
  /** Every key, the revoked ones included. */
  keys(): Promise<readonly ApiKey[]>;
  /** What keys have spent, day by day from `fromDay` on (since 1970, in UTC); earlier days in one. */
  keyDays(fromDay: number): Promise<readonly KeyDay[]>;
  endpoints(): Promise<readonly Endpoint[]>;
  /** A session that was not ended; it may have expired. */
  session(tokenHash: Hex): Promise<Session | undefined>;
  receipt(accountId: number, seq: number): Promise<StoredReceipt | undefined>;
  /** What callers thought of their requests since then: the latest `limit`, in order of time. */
  feedback(sinceMs: number, limit: number): Promise<readonly Feedback[]>;
  /** What was said of a row. */
  feedbackOn(accountId: number, seq: number): Promise<Feedback | undefined>;
  /** Texts of reviews, by their hashes. */
  reviewTexts(hashes: readonly Hex[]): Promise<ReadonlyMap<Hex, string>>;
  /** The wallet's authorization of a row; undefined for a row that has none. */
  payment(accountId: number, seq: number): Promise<PaymentAuthorization | undefined>;
  /** Payments that were used and are valid after `sec`. */
  usedPayments(
    sec: number,
  ): Promise<readonly { readonly accountId: number; readonly nonce: Hex; readonly validBeforeSec: number }[]>;
  outcome(requestId: string): Promise<RecordedOutcome | undefined>;
  /** What was served under a name (see `Outcome.name`) since then. */
  servedAs(name: Hex, sinceMs: number): Promise<RecordedOutcome | undefined>;
  /** The last outcome of a key's request with this hash since then, among the account's latest rows. */
  servedSince(
    key: Pick<ApiKey, "accountId" | "keyId">,
    requestHash: Hex,
    sinceMs: number,
  ): Promise<RecordedOutcome | undefined>;
  /** An account's use from a time on, the latest day first, at most `limit`; as far back as rows are kept. */
  activity(accountId: number, fromMs: number, limit: number): Promise<readonly Activity[]>;
  /** The rows of an account from `seq` on, in order, at most `limit`. */
  receiptsFrom(accountId: number, seq: number, limit: number): Promise<readonly StoredReceipt[]>;
  /** Receipts for a provider's offers after (`afterMs`, oldest first). */
  receiptsOfOffers(
    offerIds: readonly number[],
    afterMs: number,
    limit: number,
  ): Promise<readonly StoredReceipt[]>;
  /** Of each offer the latest `limit` receipts since then, in no order. */
  latestOfOffers(
    offerIds: readonly number[],
    sinceMs: number,
    limit: number,
  ): Promise<readonly StoredReceipt[]>;
  /** Accounts that have rows, with the highest sequence number of each. */
  lastSeqs(): Promise<readonly { accountId: number; lastSeq: number }[]>;
  /** Batches not final yet, in order of number. */
  openBatches(): Promise<readonly StoredBatch[]>;
  batch(batchNo: number): Promise<StoredBatch | undefined>;
  /** The batch that holds an account's row; undefined while there is none. */
  batchOf(accountId: number, seq: number): Promise<StoredBatch | undefined>;
  /** What the chain said of a batch; derived from it, so it need not be durable. */
  setBatchState(batchNo: number, state: BatchState, txHash?: Hex, blockNumber?: bigint): Promise<void>;
}

// --------------------------------------------------------------------- chain

/** A settled batch, as the Ledger's event has it. */
export interface SettledBatch {
  readonly batchNo: number;
  readonly commitment: Hex;
  readonly txHash: Hex;
  readonly blockNumber: bigint;
}

/** The reason of a refusal that is none of the contracts' own. */
export const NEEDS_TOO_MUCH_GAS = "the batch needs more gas than a transaction may have";

/** What a transaction of the settler's came to. */
export type SentResult =
  | { readonly status: "mined"; readonly txHash: Hex; readonly blockNumber: bigint }
  /** The contracts refuse it as it is; `reason` is their error. */
  | { readonly status: "refused"; readonly reason: string }
  /** No answer in time; it may still be mined. */
  | { readonly status: "unknown"; readonly txHash: Hex | undefined };

export interface OperatorInfo {
  readonly operatorId: number;
  readonly payee: Hex;
  /** What counts of its bond: not what was asked back. */
  readonly bondWei: bigint;
  /** What others claim of it. */
  readonly claimedWei: bigint;
  /** Whether the configured receipt key is one of its keys. */
  readonly receiptKeyKnown: boolean;
  /** Whether the configured settler may settle. */
  readonly settlerAllowed: boolean;
  /** Wei of the chain's own coin, for gas. */
  readonly settlerGasWei: bigint;
}

/** What has changed on chain since it was last asked. */
export interface ChainChanges {
  readonly blockNumber: bigint;
  readonly accountIds: readonly number[];
  readonly market: boolean;
  readonly settled: readonly SettledBatch[];
  /** The chain left a block that was reported before: everything must be read again. */
  readonly reorganized: boolean;
}

export interface Chain {
  blockNumber(): Promise<bigint>;
  /** Timestamp of the latest block, unix s. */
  blockTimeSec(): Promise<number>;
  operator(): Promise<OperatorInfo>;
  market(): Promise<MarketSnapshot>;
  /** Undefined for an account that does not exist. */
  account(accountId: number): Promise<AccountSnapshot | undefined>;
  nextBatchNo(): Promise<number>;
  /** Undefined while the batch is not settled. */
  commitmentOf(batchNo: number): Promise<Hex | undefined>;
  /** The settling transaction of a batch; undefined while there is none. */
  settledBatch(batchNo: number): Promise<SettledBatch | undefined>;
  /** The bytes that a batch was settled with, out of its transaction; undefined where they can't be read from it. */
  batchBytes(batchNo: number): Promise<Hex | undefined>;
  /** The unpaid parts recorded for a settled batch, in order of its events. */
  shortfalls(batchNo: number): Promise<readonly { accountId: number; shortfallWei: bigint }[]>;
  /** Sends a batch and waits for it, resending with higher fees as needed. Safe to repeat with the same bytes. */
  settle(batch: Hex): Promise<SentResult>;
  /** Polls for changes after `fromBlock`. */
  changes(fromBlock: bigint): Promise<ChainChanges>;
}

/** A row of a strict account whose authorization somebody asks this operator for. */
export interface Challenge {
  readonly accountId: number;
  readonly seq: number;
  /** Unix s; later no answer counts. */
  readonly answerBySec: number;
}

/** Challenges that were opened since they were last asked for; the first time, all that can still be answered. */
export interface OpenedChallenges {
  readonly opened: readonly Challenge[];
  /** The head that they were read at, and its time in Unix s. */
  readonly blockNumber: bigint;
  readonly timeSec: number;
}

/** Where operators are asked for the authorizations of strict accounts. */
export interface ChallengeDesk {
  /** May name a challenge again: after a reorganization everything is read anew. */
  look(): Promise<OpenedChallenges>;
  isOpen(accountId: number, seq: number): Promise<boolean>;
  /** Sends an answer and waits for it, resending with higher fees as needed. Safe to repeat. */
  answer(challenge: Challenge, payment: PaymentAuthorization): Promise<SentResult>;
}

/** What `Ledger.proveRow` takes for one row of a settled batch. */
export interface RowProof {
  readonly operatorId: number;
  readonly batchNo: number;
  readonly header: Hex;
  readonly group: Hex;
  readonly startSeq: number;
  readonly shortfallWei: bigint;
  readonly rowIndex: number;
  readonly siblings: readonly Hex[];
  readonly commitment: Hex;
  readonly txHash: Hex | undefined;
}

/** A review that its account's owner has signed. */
export interface SignedReview {
  readonly proof: RowProof;
  readonly rating: number;
  readonly textHash: Hex;
  /** Unix s. */
  readonly deadlineSec: number;
  readonly signature: Hex;
}

export interface ReviewDesk {
  /** Reviews that were not reported yet, in order; `reorganized`: what was reported before is to be forgotten. */
  look(): Promise<{ readonly reviews: readonly Review[]; readonly reorganized: boolean }>;
  /** Sends it and waits; `busy`: another router sends, or enough was paid for in this hour. */
  relay(review: SignedReview): Promise<SentResult | "busy">;
}

/** Shows a row on chain; undefined until its batch is settled. */
export type ProveRow = (accountId: number, seq: number) => Promise<RowProof | undefined>;

/** What a provider's owner signs (EIP-712) to say where a listing is served. */
export interface EndpointMessage {
  readonly listingId: number;
  readonly baseUrl: string;
  readonly upstreamModel: string;
  /** keccak256 of the UTF-8 key, or of nothing. */
  readonly apiKeyHash: Hex;
  readonly maxOutputUnits: number;
  readonly contextUnits: number;
  /** Unix seconds. */
  readonly issuedAt: number;
}

/**
 * Who signed `Endpoint(uint32 listingId,string baseUrl,string upstreamModel,bytes32 apiKeyHash,uint24 maxOutputUnits,
 * uint24 contextUnits,uint40 issuedAt)` in the domain "AI1NET Router" / "1" / chainId / Registry; undefined for what is
 * no signature.
 */
export type VerifyEndpoint = (message: EndpointMessage, signature: Hex) => Promise<Hex | undefined>;

/** What a wallet signs to sign in (EIP-4361), as far as it is looked at. Times are Unix ms. */
export interface SignInMessage {
  readonly domain: string;
  readonly address: Hex;
  readonly chainId: number;
  readonly nonce: string;
  readonly issuedAtMs: number;
  readonly notBeforeMs: number | undefined;
  readonly expiresAtMs: number | undefined;
}

export interface SignIn {
  /** Undefined for a text that is no such message. */
  read(text: string): SignInMessage | undefined;
  /** Whether `address` signed `text`: its key, or its code (ERC-1271, also a wallet not deployed yet: ERC-6492). */
  isSignedBy(address: Hex, text: string, signature: Hex): Promise<boolean>;
}

/** Remembers which payments were used, across restarts and routers, for as long as they are valid. */
export interface PaymentNonces {
  /** True once: for the first who asks. */
  reserve(accountId: number, nonce: Hex, validBeforeSec: number): Promise<boolean>;
}

/** Finds accounts of this operator; what the chain says now. */
export interface AccountFinder {
  ofOwner(owner: Hex): Promise<readonly AccountSnapshot[]>;
  /** Strict accounts whose rows `signer` authorizes. */
  ofSigner(signer: Hex): Promise<readonly AccountSnapshot[]>;
}

/** What an account is, for ever: its operator is the router's own. */
export interface Terms {
  readonly owner: Hex;
  readonly signer: Hex;
  readonly strict: boolean;
  readonly maxAppFeePct: number;
}

/** A deposit that its payer signed, or that already lies at the account's deposit address. Times are Unix s. */
export type Deposit =
  | {
      /** ERC-3009 `receiveWithAuthorization`, whose nonce is the hash of the grant. */
      readonly kind: "authorization";
      readonly terms: Terms;
      readonly salt: Hex;
      readonly amountWei: bigint;
      readonly validAfter: bigint;
      readonly validBefore: bigint;
      readonly signature: Hex;
    }
  | {
      /** ERC-2612, or an allowance given before, with a signed grant. */
      readonly kind: "permit";
      readonly terms: Terms;
      readonly salt: Hex;
      readonly amountWei: bigint;
      readonly deadline: bigint;
      readonly permit: { readonly v: number; readonly r: Hex; readonly s: Hex };
      readonly grantSignature: Hex;
    }
  | { readonly kind: "sweep"; readonly terms: Terms }
  /** ERC-3009 `transferWithAuthorization` of the token to the account's deposit address: to be swept afterwards. */
  | { readonly kind: "transfer"; readonly terms: Terms; readonly payment: PaymentAuthorization };

/** What became of a transaction sent for somebody. */
export type RelayResult =
  | {
      readonly status: "mined";
      /** 0 for a transfer. */
      readonly accountId: number;
      readonly amountWei: bigint;
      readonly txHash: Hex;
    }
  /** It was done before. */
  | { readonly status: "already"; readonly accountId: number }
  /** It can't succeed; `reason` is the contracts' error. Nothing was sent. */
  | { readonly status: "refused"; readonly reason: string }
  /** Nothing was sent for want of room: gas, budget, or a turn. */
  | { readonly status: "busy"; readonly reason: string }
  /** No answer in time; it may still be mined. Asking again goes on waiting. */
  | { readonly status: "unknown"; readonly txHash: Hex };

export interface ExitStatus {
  /** What was announced. */
  readonly amountWei: bigint;
  /** Unix s; undefined when nothing was announced. */
  readonly readyAtSec: number | undefined;
  readonly noticeSec: number;
  /** The chain's time. */
  readonly nowSec: number;
}

/** A call that only an account's owner may make. */
export interface OwnerCall {
  readonly to: Hex;
  readonly data: Hex;
}

export interface ExitDesk {
  status(accountId: number): Promise<ExitStatus>;
  request(accountId: number, amountWei: bigint): OwnerCall;
  cancel(accountId: number): OwnerCall;
  withdraw(accountId: number, to: Hex): OwnerCall;
}

/** Pays the gas of others' deposits. */
export interface Relay {
  deposit(deposit: Deposit): Promise<RelayResult>;
  /** Where tokens for the account of `terms` may be sent. */
  depositAddress(terms: Terms): Promise<Hex>;
}

// --------------------------------------------------------------------- rates

/** Where a key is in its minute. */
export interface RateWindow {
  readonly isWithin: boolean;
  readonly remaining: number;
  readonly resetsInMs: number;
}

/** Counts in windows of a minute, each beginning with its first count. */
export interface RateLimits {
  /** Adds points if the limit allows all of them, in one step. */
  take(name: string, points: number, limit: number): Promise<RateWindow>;
  /** Adds points to the running window, or takes them back, whatever any limit. */
  correct(name: string, points: number): Promise<void>;
}

// -------------------------------------------------------------------- market

/** What became of a try, as it counts for a listing. `cancelled` says nothing about it. */
export type TryResult =
  | { readonly kind: "served"; readonly outputUnits: number | undefined }
  | { readonly kind: "fault"; readonly fault: UpstreamFault; readonly retryAfterMs: number | undefined }
  | { readonly kind: "cancelled" };

/** A try in flight. It counts against the listing's cap until it ends, once. */
export interface Try {
  /** The first content has arrived. */
  firstContent(): void;
  end(result: TryResult): void;
}

/** What can be bought now, and how it has been doing. */
export interface Market {
  /** Undefined for a model nobody has named on chain. */
  model(name: string): Model | undefined;
  /** One per offer whose listing has an endpoint; billability, stake and health are for the caller to judge. */
  candidates(modelId: number): readonly Candidate[];
  models(): readonly Model[];
  app(appId: number): App | undefined;
  minProviderStakeWei(): bigint;
  /** Takes a place at a listing; undefined when its breaker or its cap allows none. */
  begin(listingId: number): Try | undefined;
  /** A provider's count of a prompt or an answer was compared with the router's own. */
  compared(listingId: number, side: UsageSide, reportedUnits: number, countedUnits: number): void;
}

// ------------------------------------------------------------------ exposure

/** What keeps the router from serving more before it has settled. */
export type ExposureLimit =
  | "operator_bond" // what is unsettled would exceed what the operator can lose
  | "settle_window" // this account's oldest row may miss its window
  | "chain"; // nothing was heard of the chain for too long

/** Bounds what is served and not settled, so that nobody who trusts a receipt has to trust more than the bond. */
export interface Exposure {
  /** Undefined if what is held and unsettled by now may be. To be asked with the request's own hold taken. */
  exceeded(accountId: number): ExposureLimit | undefined;
}

/** What was counted: the prompt, or what was generated. */
export type UsageSide = "input" | "output";

/** Which listing served a session last. */
export interface Homes {
  /** Undefined for a session that is new, or was silent for long. */
  get(session: string): number | undefined;
  set(session: string, listingId: number): void;
}

// ------------------------------------------------------------------- figures

/** `read` ends with the checked body, `price` with the ranked offers; `upstream` is the provider's part, `commit` the journal's. */
type Stage = "read" | "price" | "first_content" | "upstream" | "meter" | "commit";

/** Figures for the operator. Never throws. */
export interface Metrics {
  request(route: string, status: number, seconds: number): void;
  stage(stage: Stage, seconds: number): void;
  attempt(result: "served" | UpstreamFault): void;
  /** Rows became durable; `costWei` is what they cost, any app fee included. */
  journaled(rows: number, costWei: Wei): void;
  /** A request was refused until more has settled. */
  overexposed(limit: ExposureLimit): void;
  /** A provider reported more units than were held; they are not billed. */
  overreported(listingId: number, units: number): void;
  /** A provider's count of a prompt or an answer was compared with the router's own. */
  compared(
    listingId: number,
    side: UsageSide,
    reportedUnits: number,
    countedUnits: number,
    isDrift: boolean,
  ): void;
}

/** A request as a trace shows it. */
export interface TracedRequest {
  readonly requestId: string;
  readonly method: string;
  /** As in the metrics. */
  readonly route: string;
  /** May say of which trace the request is a part. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Of the answer, once there is one. */
  status(): number;
}

/** Does `work`, a request, in a span of its own. */
export type TraceRequest = (request: TracedRequest, work: () => Promise<void>) => Promise<void>;

// ------------------------------------------------------------------ upstream

/** Says why a URL may not be a provider's endpoint; undefined when it may. Resolves its name. */
export type RefuseEndpoint = (baseUrl: string) => Promise<string | undefined>;

/** What can go wrong at a provider; decides retries, blame and the caller's status. */
export type UpstreamFault =
  | "connect" // refused, reset, DNS, TLS
  | "timeout" // connect, headers, first content, idle or total
  | "rate_limited" // 429: not an outage
  | "credentials" // 401, 402, 403: the provider's own problem
  | "rejected" // 400, 404, 405, 413, 422: the request's problem; never retried
  | "server" // 5xx
  | "protocol" // not what OpenAI's API says: bad SSE, wrong type, no end
  | "oversized"
  | "in_band" // an error inside a 200 or a stream
  | "aborted"; // the caller left

export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  readonly fault: UpstreamFault;
  /** HTTP status, if there was one. */
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    fault: UpstreamFault,
    message: string,
    details: { status?: number | undefined; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.fault = fault;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Usage as a provider reports it; undefined where it does not. A reported zero is a value. */
export interface ReportedUsage {
  readonly inputUnits: number | undefined;
  readonly outputUnits: number | undefined;
  readonly cachedUnits: number | undefined;
}

/** A whole answer, in OpenAI's shape. */
export interface UpstreamAnswer {
  readonly body: Record<string, unknown>;
  readonly usage: ReportedUsage;
}

/** One event of a streamed answer, in OpenAI's shape; `usage` where the event carried it. */
export interface UpstreamChunk {
  readonly body: Record<string, unknown>;
  readonly usage: ReportedUsage | undefined;
}

/** How an endpoint streams: what tells its events apart. */
export interface StreamShape {
  /** Whether an event carries anything generated. */
  hasContent(event: Record<string, unknown>): boolean;
  /** How many answers an event ends. */
  ends(event: Record<string, unknown>): number;
  /** `[DONE]` is an end, too, whatever came before. */
  readonly mayEndEarly: boolean;
  /** How many answers there are to end. */
  readonly answers: number;
}

/** An answer that is no text. */
export interface UpstreamBytes {
  readonly contentType: string;
  /** Iterating may throw {@link UpstreamError}, too; it ends normally only after a proper end. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What an endpoint says of itself; left out where it says nothing. */
export type EndpointClaims = Pick<Endpoint, "quantization" | "supportedParameters">;

export interface Upstream {
  /** @throws {UpstreamError} */
  complete(endpoint: Endpoint, path: string, body: object, signal: AbortSignal): Promise<UpstreamAnswer>;
  /**
   * Resolves once the provider began to answer; iterating may throw too. Ends normally only after a proper end of the
   * stream. @throws {UpstreamError}
   */
  stream(
    endpoint: Endpoint,
    path: string,
    body: object,
    signal: AbortSignal,
    shape: StreamShape,
  ): Promise<AsyncIterable<UpstreamChunk>>;
  /** Resolves once the provider began to answer with bytes. @throws {UpstreamError} */
  bytes(endpoint: Endpoint, path: string, body: object, signal: AbortSignal): Promise<UpstreamBytes>;
  /** Whether the endpoint answers at all, and what it says of its model. @throws {UpstreamError} saying why not */
  probe(endpoint: Endpoint, signal: AbortSignal): Promise<EndpointClaims>;
}
