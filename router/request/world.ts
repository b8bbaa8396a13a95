import type { AccountBook } from "../model/account.ts";
import type { Hex } from "../model/bytes.ts";
import type { Funds } from "../model/funds.ts";
import type { Model } from "../model/market.ts";
import type { PaymentAuthorization } from "../model/payment.ts";
import type { ApiKey } from "../model/record.ts";
import type {
  Clock,
  Exposure,
  Homes,
  Journal,
  Logger,
  Market,
  Metrics,
  RateLimits,
  Upstream,
} from "../ports.ts";
import type { Belief } from "../routing/chooseModel.ts";
import type { Task } from "../routing/tasks.ts";
import type { KeyRing } from "./authenticate.ts";
import type { UsageComparison } from "./compareUsage.ts";
import type { Demand } from "./demand.ts";
import type { Repeats } from "./repeats.ts";

/** Everything that serving a request needs. */
export interface World {
  readonly keys: KeyRing;
  readonly accounts: AccountBook;
  /** Where requests' money comes from: the accounts, within the limits of their keys. */
  readonly funds: Funds;
  readonly rateLimits: RateLimits;
  /** Tells first requests from repetitions. */
  readonly repeats: Repeats;
  readonly market: Market;
  readonly journal: Journal;
  readonly exposure: Exposure;
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly usageComparison: UsageComparison;
  /** How well models do tasks. */
  readonly quality: { belief(model: Model, task: Task): Belief };
  readonly homes: Homes;
  /** 0 up to 1. */
  readonly random: () => number;
  /** Waits `ms`; false, at once, when `signal` is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<boolean>;
  /** No new try begins later than this after the request. */
  readonly deadlineMs: number;
}

/** A request on its way through the pipeline. */
export interface Request {
  /** `gen-...` */
  readonly requestId: string;
  readonly key: ApiKey;
  readonly demand: Demand;
  /** What `requestHash` of its receipts is. */
  readonly requestHash: Hex;
  /** What the journal keeps of its `Idempotency-Key`. */
  readonly name: Hex | undefined;
  /** The wallet's own authorization; undefined with an API key. */
  readonly payment: PaymentAuthorization | undefined;
  readonly app: { readonly feeBps: number; readonly maxAppFeePct: number };
  readonly startedAtMs: number;
}
