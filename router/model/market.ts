import type { Hex } from "./bytes.ts";
import type { Offer, Unit } from "./offer.ts";

export interface Model {
  readonly modelId: number;
  /** As requests name it. */
  readonly name: string;
  readonly unit: Unit;
}

export interface Provider {
  readonly providerId: number;
  readonly owner: Hex;
  readonly payee: Hex;
  readonly stakeWei: bigint;
}

export interface Listing {
  readonly listingId: number;
  readonly providerId: number;
  readonly modelId: number;
}

export interface App {
  readonly appId: number;
  readonly owner: Hex;
  readonly feeBps: number;
}

/** Everything the Registry offers, at one block. */
export interface MarketSnapshot {
  readonly blockNumber: bigint;
  readonly models: readonly Model[];
  readonly providers: readonly Provider[];
  readonly listings: readonly Listing[];
  readonly offers: readonly Offer[];
  readonly apps: readonly App[];
  /** Less than this staked, and a provider is not routed to. */
  readonly minProviderStakeWei: bigint;
}
