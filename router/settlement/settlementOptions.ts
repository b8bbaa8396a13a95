import type { Offer } from "../model/offer.ts";
import type { Chain, Clock, Journal, Logger, SequenceCounters, Store } from "../ports.ts";
import type { BatchLimits } from "./build.ts";

/** When an offer's price list holds. */
export type OfferTimes = Pick<Offer, "createdAtSec" | "retiresAtSec">;

export interface SettlementOptions {
  readonly operatorId: number;
  readonly store: Store;
  readonly journal: Journal & SequenceCounters;
  readonly chain: Chain;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: BatchLimits;
  /** A row waits no longer than this for its batch. */
  readonly maxAgeMs: number;
  /** Nor do rows that cost this much together. */
  readonly maxValueWei: () => bigint;
  /** Blocks, a settlement's own included, until it is final. */
  readonly confirmations: number;
  readonly pollMs: number;
  readonly graceSec: number;
  /** Undefined for an offer that the market does not know (yet). */
  readonly offer: (offerId: number) => OfferTimes | undefined;
  /** Whether this process settles for the operator; false while another replica does. */
  readonly leads: () => Promise<boolean>;
  /** Accounts whose money a batch has just moved on chain, and what was missing there. */
  readonly onMined: (accountIds: readonly number[], shortfallWei: bigint) => Promise<void>;
  /** Rows that are final: account and the sequence number after the last of them. */
  readonly onFinal: (accountId: number, nextSeq: number) => void;
}

/** What settlement is waiting for or failing at, for the operator's eyes. */
export interface SettlementState {
  readonly lastSettledAtMs: number | undefined;
  readonly openBatches: number;
  /** Why the last attempt came to nothing. */
  readonly trouble: string | undefined;
}
