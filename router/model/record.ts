import type { Hex } from "./bytes.ts";
import type { SignedReceipt } from "./receipt.ts";
import type { Session } from "./session.ts";

/** A key of the API; the secret itself is shown once and never kept. */
export interface ApiKey {
  readonly keyId: string;
  readonly accountId: number;
  readonly name: string;
  /** SHA-256 of the secret part. */
  readonly secretHash: Hex;
  readonly createdAtMs: number;
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
  | { readonly kind: "key"; readonly key: ApiKey }
  | { readonly kind: "keyRevoked"; readonly keyId: string; readonly atMs: number }
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
  readonly recordedAtMs: number;
  /** One per attempt, in order. */
  readonly receipts: readonly SignedReceipt[];
}
