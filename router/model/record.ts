import type { Hex } from "./bytes.ts";
import type { Feedback } from "./feedback.ts";
import type { KeyDay } from "./keyDay.ts";
import type { Wei } from "./money.ts";
import type { PaymentAuthorization } from "./payment.ts";
import type { Period } from "./period.ts";
import type { SignedReceipt } from "./receipt.ts";
import type { Session } from "./session.ts";

/** What a key may do; what is undefined is not restricted. */
export interface KeyTerms {
  /** Most that may be spent, fees of apps included: altogether, or in each period. */
  readonly limitWei?: Wei | undefined;
  readonly limitReset?: Period | undefined;
  readonly expiresAtMs?: number | undefined;
  /** Names of models; `author/*` stands for all of an author's. */
  readonly allowedModels?: readonly string[] | undefined;
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
  /** Switched off for now. */
  readonly isDisabled?: boolean | undefined;
}

/** A key of the API; the secret itself is shown once and never kept. */
export interface ApiKey extends KeyTerms {
  readonly keyId: string;
  readonly accountId: number;
  readonly name: string;
  /** SHA-256 of the secret part. */
  readonly secretHash: Hex;
  readonly createdAtMs: number;
  /** Gone for good. */
  readonly revokedAtMs?: number | undefined;
}

/** Where a listing is served. `apiKey` is a secret: it goes upstream and nowhere else. */
export interface Endpoint {
  readonly listingId: number;
  /** OpenAI-compatible base, for instance `https://api.example.com/v1`. */
  readonly baseUrl: string;
  readonly upstreamModel: string;
  readonly apiKey: string | undefined;
  readonly maxOutputUnits: number;
  readonly contextUnits: number;
  /** As the endpoint's own list of models has it; left out where that says nothing. */
  readonly quantization?: string;
  /** The request's parameters that it says it knows, by OpenAI's names. */
  readonly supportedParameters?: readonly string[];
  /** Unix seconds; a later one replaces an earlier one. */
  readonly issuedAtSec: number;
}

/** Consecutive rows of an account in a batch. */
export interface BatchSlice {
  readonly accountId: number;
  readonly startSeq: number;
  readonly count: number;
}

/** A batch fixed before it is first sent: from here on only these very bytes are sent for `batchNo`. */
export interface BuiltBatch {
  readonly batchNo: number;
  readonly bytes: Hex;
  readonly commitment: Hex;
  /** One per group, in order. */
  readonly slices: readonly BatchSlice[];
  readonly builtAtMs: number;
}

/** What must survive a crash, as the journal keeps it. */
export type JournalRecord =
  | { readonly kind: "outcome"; readonly outcome: RecordedOutcome }
  /** A key was made or changed: a later one takes the place of an earlier. */
  | { readonly kind: "key"; readonly key: ApiKey }
  | { readonly kind: "keyRevoked"; readonly keyId: string; readonly atMs: number }
  /** What keys had spent in records that were dropped. */
  | { readonly kind: "keyDays"; readonly days: readonly KeyDay[] }
  | { readonly kind: "feedback"; readonly feedback: Feedback }
  /** What stands behind the hash of a review on chain. */
  | { readonly kind: "reviewText"; readonly textHash: Hex; readonly text: string }
  | { readonly kind: "session"; readonly session: Session }
  | { readonly kind: "sessionEnded"; readonly tokenHash: Hex; readonly atMs: number }
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint }
  | { readonly kind: "batch"; readonly batch: BuiltBatch }
  /** A built batch that can never be mined any more was given up; its rows go into another. */
  | { readonly kind: "batchDropped"; readonly batchNo: number; readonly commitment: Hex }
  /** The operator decided that the account's rows below `nextSeq` are none of this journal's. */
  | { readonly kind: "tailAccepted"; readonly accountId: number; readonly nextSeq: number };

/** Every record but an outcome, which gets its numbers and signatures while it is written. */
export type Fact = Exclude<JournalRecord, { kind: "outcome" }>;

/** A numbered and signed outcome. */
export interface RecordedOutcome {
  readonly requestId: string;
  readonly keyId: string;
  readonly model: string;
  /** See `Outcome`. */
  readonly name?: Hex | undefined;
  /** The most that the app takes on top of the last attempt's amount; counts against the key's limit. */
  readonly appFeeWei?: Wei | undefined;
  /** See `Outcome`: of the last receipt. */
  readonly payment?: PaymentAuthorization | undefined;
  /** See `Outcome`: of the last receipt. */
  readonly service?: string | undefined;
  readonly recordedAtMs: number;
  /** One per attempt, in order. */
  readonly receipts: readonly SignedReceipt[];
}
