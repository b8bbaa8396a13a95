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
  /** Sequence numbers that providers settled themselves. */
  readonly selfSettled: Set<number>;
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

/** What events have announced, and others have to follow. All amounts in wei. */
export interface Announced {
  /** To be taken from a bond. */
  slashedWei: bigint;
  /** To be paid into an account, and to a provider. */
  refundWei: bigint;
  compensationWei: bigint;
  /** Claimed of a bond, with nothing that explains it yet. */
  refundClaimWei: bigint;
  compensationClaimWei: bigint;
  /** Of the batch just settled: claims to come, by provider. */
  readonly shortfalls: Map<number, bigint>;
}

export interface Metrics {
  feesWei: bigint;
  weightedTiming: bigint;
  outputUnits: bigint;
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
  rebatesWei: bigint;
  shortfallWei: bigint;
  /** Receipts that their providers settled, and what accounts paid for them. */
  selfSettled: number;
  selfSettledWei: bigint;
  depositedWei: bigint;
  /** Paid in as credits. */
  grantedWei: bigint;
  withdrawnWei: bigint;
  claimedWei: bigint;
  slashedWei: bigint;
  refundedWei: bigint;
  compensatedWei: bigint;
  /** Paid from provider to payer by challenges. */
  reversedWei: bigint;
  /** Paid out of the pools. */
  poolPaidWei: bigint;
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
  /** In the order of the schedule. */
  readonly rebateShares: { readonly fromEpoch: number; readonly shareBps: number }[];
  readonly accounts: Map<number, Account>;
  /** By `earnerKey`. */
  readonly earnings: Map<string, Earnings>;
  /** Wei, by `<operatorId>/<epoch>`. */
  readonly pools: Map<string, bigint>;
  /** By `<epoch>/<operatorId>/<listingId>`. */
  readonly metrics: Map<string, Metrics>;
  /** Protocol fee on what apps brought, in wei, by `<epoch>/<operatorId>/<appId>`. */
  readonly appFees: Map<string, bigint>;
  /** By `<operatorId>/<batchNo>`. */
  readonly commitments: Map<string, Hex>;
  /** Shortfalls announced for the batch whose event follows them. */
  shortfalls: { readonly operatorId: number; readonly batchNo: number; readonly text: string }[];
  /** When the last pause of each contract ends or ended; 0 before there was one. */
  readonly pausedUntilSec: Record<Pausable, number>;
  /** Bonds and stakes, by `operator/<id>` and `provider/<id>`. */
  readonly stakes: Map<string, Stake>;
  /** Wei claimed of bonds, by `<operatorId>/<kind>/<id>/<bucket>`. */
  readonly claims: Map<string, bigint>;
  /** Providers' credit that is set aside, in wei. */
  readonly frozen: Map<number, bigint>;
  /** Evidence that was paid for, and the sequence numbers that the penalty was taken for. */
  readonly evidence: Set<string>;
  readonly announced: Announced;
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
    rebateShares: [],
    accounts: new Map(),
    earnings: new Map(),
    pools: new Map(),
    metrics: new Map(),
    appFees: new Map(),
    commitments: new Map(),
    shortfalls: [],
    pausedUntilSec: { escrow: 0, ledger: 0 },
    stakes: new Map(),
    claims: new Map(),
    frozen: new Map(),
    evidence: new Set(),
    announced: {
      slashedWei: 0n,
      refundWei: 0n,
      compensationWei: 0n,
      refundClaimWei: 0n,
      compensationClaimWei: 0n,
      shortfalls: new Map(),
    },
    totals: {
      batches: 0,
      rows: 0,
      failedRows: 0,
      amountWei: 0n,
      appFeesWei: 0n,
      protocolFeeWei: 0n,
      rebatesWei: 0n,
      shortfallWei: 0n,
      selfSettled: 0,
      selfSettledWei: 0n,
      depositedWei: 0n,
      grantedWei: 0n,
      withdrawnWei: 0n,
      claimedWei: 0n,
      slashedWei: 0n,
      refundedWei: 0n,
      compensatedWei: 0n,
      reversedWei: 0n,
      poolPaidWei: 0n,
    },
  };
}

/** The protocol fee of what was served then, in bps. */
export const protocolFeeBps = (state: State, servedAtSec: number): bigint =>
  BigInt(state.protocolFees.findLast(({ effectiveAtSec }) => effectiveAtSec <= servedAtSec)?.feeBps ?? 0);

/** The share of it that goes back to payers, in bps. */
export const rebateShareBps = (state: State, epoch: number): bigint =>
  BigInt(state.rebateShares.findLast(({ fromEpoch }) => fromEpoch <= epoch)?.shareBps ?? 0);

/** The value of `key`, put there if it is missing. */
export function valueAt<K, V>(map: Map<K, V>, key: K, missing: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = missing();
    map.set(key, value);
  }
  return value;
}
