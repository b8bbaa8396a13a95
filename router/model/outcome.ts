import type { Hex } from "./bytes.ts";
import type { Wei } from "./money.ts";
import { NO_RESPONSE } from "./commitment.ts";
import type { PaymentAuthorization } from "./payment.ts";
import { FAILED, type Timing } from "./timing.ts";

/** An `Idempotency-Key` names one request for so long. */
export const NAME_MS = 24 * 3_600_000;

/** One try of a request at one offer, as it ended. */
export interface Attempt {
  readonly offerId: number;
  readonly inputUnits: number;
  readonly outputUnits: number;
  /** 0: it failed; no units, no amount. */
  readonly timing: Timing;
  readonly amountWei: Wei;
  readonly responseHash: Hex;
  /** When it ended, unix seconds. */
  readonly servedAtSec: number;
}

/** A try that came to nothing: free, and counted against the listing. */
export function failedAttempt(offerId: number, servedAtSec: number): Attempt {
  return {
    offerId,
    inputUnits: 0,
    outputUnits: 0,
    timing: FAILED,
    amountWei: 0n,
    responseHash: NO_RESPONSE,
    servedAtSec,
  };
}

/** What a request ended as: its attempts in order, at most one of them paid, and that one last. Not yet numbered. */
export interface Outcome {
  /** `gen-...`, also the response's id. */
  readonly requestId: string;
  readonly accountId: number;
  readonly keyId: string;
  readonly appId: number;
  /** As the caller named it. */
  readonly model: string;
  readonly requestHash: Hex;
  /** Hash of the key and its `Idempotency-Key`: whatever is recorded under it is served once. */
  readonly name?: Hex | undefined;
  /** The most that the app takes on top of the paid attempt's amount. */
  readonly appFeeWei?: Wei | undefined;
  /** The wallet's authorization of the paid attempt, to be shown when its row is challenged. */
  readonly payment?: PaymentAuthorization | undefined;
  /** How the last attempt went, if it served; see `serviceText`. */
  readonly service?: string | undefined;
  readonly attempts: readonly Attempt[];
}
