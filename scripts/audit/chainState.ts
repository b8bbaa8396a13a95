import type { Hex } from "../../router/model/bytes.ts";
import type { Pausable } from "./events.ts";
import type { Earner } from "./state.ts";

export interface ChainAccount {
  readonly balance: bigint;
  readonly credits: bigint;
  readonly nextSeq: number;
  readonly operatorId: number;
  readonly flags: number;
}

export interface ChainOffer {
  readonly inputPrice: bigint;
  readonly outputPrice: bigint;
  readonly requestPrice: bigint;
  readonly retiresAt: number;
  readonly listingId: number;
  readonly providerId: number;
  readonly createdAt: number;
  readonly cachedBps: number;
}

export interface ChainEarnings {
  readonly current: bigint;
  readonly previous: bigint;
  readonly bucket: number;
  readonly mature: bigint;
  readonly claimed: bigint;
}

export interface ChainMetrics {
  readonly fees: bigint;
  readonly weightedTiming: bigint;
  readonly outputUnits: number;
  readonly requests: number;
  readonly failures: number;
}

/** The contracts' views, all at one block. Lists are answered in their order. */
export interface ChainState {
  counts(): Promise<{ operators: number; providers: number; listings: number; offers: number; apps: number }>;
  offers(ids: readonly number[]): Promise<readonly ChainOffer[]>;
  appFeesBps(ids: readonly number[]): Promise<readonly number[]>;
  accountCount(): Promise<number>;
  accounts(ids: readonly number[]): Promise<readonly ChainAccount[]>;
  exits(ids: readonly number[]): Promise<readonly { amount: bigint; readyAt: number }[]>;
  earnings(earners: readonly (readonly [Earner, number])[]): Promise<readonly ChainEarnings[]>;
  /** Bonds and stakes. */
  stakes(
    holders: readonly (readonly ["operator" | "provider", number])[],
  ): Promise<readonly { bonded: bigint; unbonding: bigint; readyAt: number }[]>;
  /** Wei claimed of bonds. */
  openClaims(operatorIds: readonly number[]): Promise<readonly { refunds: bigint; compensations: bigint }[]>;
  claims(
    keys: readonly (readonly [operatorId: number, kind: number, id: number, bucket: number])[],
  ): Promise<readonly bigint[]>;
  /** Credit of providers that is set aside. */
  frozenWei(providerIds: readonly number[]): Promise<readonly bigint[]>;
  appFeesWei(
    keys: readonly (readonly [epoch: number, operatorId: number, appId: number])[],
  ): Promise<readonly bigint[]>;
  pools(keys: readonly (readonly [operatorId: number, epoch: number])[]): Promise<readonly bigint[]>;
  metrics(
    keys: readonly (readonly [epoch: number, operatorId: number, listingId: number])[],
  ): Promise<readonly ChainMetrics[]>;
  nextBatchNos(operatorIds: readonly number[]): Promise<readonly number[]>;
  commitments(keys: readonly (readonly [operatorId: number, batchNo: number])[]): Promise<readonly Hex[]>;
  protocolFeesBps(servedAtSecs: readonly number[]): Promise<readonly number[]>;
  pausedUntilSec(): Promise<Readonly<Record<Pausable, number>>>;
  owedWei(): Promise<bigint>;
  /** Tokens that the Escrow has. */
  escrowBalanceWei(): Promise<bigint>;
}
