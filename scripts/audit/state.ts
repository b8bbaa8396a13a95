import type { Hex } from "../../router/model/bytes.ts";
import type { Offer } from "../../router/model/offer.ts";
import type { Pausable } from "./events.ts";
import type { Earnings } from "./earnings.ts";

/** What a deployment fixes for ever. */
export interface Rules {
  readonly graceSec: number;
  /** Length of an earnings bucket. */
  readonly challengeSec: number;
  readonly epochSec: number;
  readonly operatorShareBps: number;
  /** Taken once for each sequence number that evidence was brought for. */
  readonly penaltyWei: bigint;
}

export interface Account {
  readonly operatorId: number;
  readonly strict: boolean;
  readonly maxAppFeePct: number;
  balanceWei: bigint;
  creditsWei: bigint;
  nextSeq: number;
  exit: { readonly amountWei: bigint; readonly readyAtSec: number } | undefined;
}

interface Operator {
  /** Lower-case addresses. */
  readonly settlers: Set<string>;
  nextBatchNo: number;
}

export interface Stake {
  bondedWei: bigint;
  unbondingWei: bigint;
  readyAtSec: number;
}

/** A dispute on its way: its events follow each other. All amounts in wei. */
export interface OpenDispute {
  slashedWei: bigint;
  refundWei: bigint;
  compensationWei: bigint;
}

interface Metrics {
  revenueWei: bigint;
  outputUnits: bigint;
  timingSum: bigint;
  requests: bigint;
  failures: bigint;
}

/** Sums over all batches. */
interface Totals {
  batches: number;
  rows: number;
  failedRows: number;
  amountWei: bigint;
  appFeesWei: bigint;
  protocolFeeWei: bigint;
  shortfallWei: bigint;
  depositedWei: bigint;
  /** Paid in as credits. */
  grantedWei: bigint;
  withdrawnWei: bigint;
  claimedWei: bigint;
  slashedWei: bigint;
  refundedWei: bigint;
  compensatedWei: bigint;
}

/** The contracts' state as far as it follows from events and batches. Grows with accounts and batches, not with rows. */
export interface State {
  readonly listings: Map<number, { readonly providerId: number; readonly modelId: number }>;
  readonly offers: Map<number, Offer>;
  /** Fees in bps, by app id. */
  readonly apps: Map<number, number>;
  readonly operators: Map<number, Operator>;
  providers: number;
  /** In the order of the schedule. */
  readonly protocolFees: { readonly effectiveAtSec: number; readonly feeBps: number }[];
  readonly accounts: Map<number, Account>;
  /** By `earnerKey`. */
  readonly earnings: Map<string, Earnings>;
  /** Wei, by `<operatorId>/<epoch>`. */
  readonly pools: Map<string, bigint>;
  /** By `<epoch>/<operatorId>/<listingId>`. */
  readonly metrics: Map<string, Metrics>;
  /** By `<operatorId>/<batchNo>`. */
  readonly commitments: Map<string, Hex>;
  /** Shortfalls announced for the batch whose event follows them. */
  shortfalls: { readonly operatorId: number; readonly batchNo: number; readonly text: string }[];
  /** When the last pause of each contract ends or ended; 0 before there was one. */
  readonly pausedUntilSec: Record<Pausable, number>;
  /** Bonds and stakes, by `operator/<id>` and `provider/<id>`. */
  readonly stakes: Map<string, Stake>;
  /** Wei that bonds lacked, by operator. */
  readonly debts: Map<number, bigint>;
  /** Evidence that was paid for, and the sequence numbers that the penalty was taken for. */
  readonly evidence: Set<string>;
  readonly dispute: OpenDispute;
  readonly totals: Totals;
}

/** The order is the contract's. */
export const EARNERS = ["provider", "app", "operator"] as const;
export type Earner = (typeof EARNERS)[number];

export const keyOf = (...ids: readonly (number | string)[]): string => ids.join("/");

export function emptyState(): State {
  return {
    listings: new Map(),
    offers: new Map(),
    apps: new Map([[0, 0]]),
    operators: new Map(),
    providers: 0,
    protocolFees: [],
    accounts: new Map(),
    earnings: new Map(),
    pools: new Map(),
    metrics: new Map(),
    commitments: new Map(),
    shortfalls: [],
    pausedUntilSec: { escrow: 0, ledger: 0 },
    stakes: new Map(),
    debts: new Map(),
    evidence: new Set(),
    dispute: { slashedWei: 0n, refundWei: 0n, compensationWei: 0n },
    totals: {
      batches: 0,
      rows: 0,
      failedRows: 0,
      amountWei: 0n,
      appFeesWei: 0n,
      protocolFeeWei: 0n,
      shortfallWei: 0n,
      depositedWei: 0n,
      grantedWei: 0n,
      withdrawnWei: 0n,
      claimedWei: 0n,
      slashedWei: 0n,
      refundedWei: 0n,
      compensatedWei: 0n,
    },
  };
}

/** The value of `key`, put there if it is missing. */
export function valueAt<K, V>(map: Map<K, V>, key: K, missing: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = missing();
    map.set(key, value);
  }
  return value;
}
