import type { Model } from "./market.ts";
import type { Offer } from "./offer.ts";
import type { Endpoint } from "./record.ts";

/** Each is what that share of the requests did at least as well as. */
export interface Percentiles {
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p99: number;
}

/** How a listing has been doing with this router. Averages are exponentially weighted; undefined before the first. */
export interface ListingHealth {
  readonly state: "up" | "down" | "unknown";
  /** `open`: not now. `half_open`: one request may try. */
  readonly breaker: "closed" | "open" | "half_open";
  /** When an open breaker lets a request try, Unix ms. */
  readonly retryAtMs: number;
  readonly inFlight: number;
  /** Learned: cut by 429s, grown by successes; infinite before the first 429. */
  readonly inFlightCap: number;
  /** Until then it wants no requests at all, and the cap is 0; Unix ms. */
  readonly roomAtMs: number;
  /** Share of tries that succeeded, 0..1. */
  readonly successRate: number | undefined;
  readonly firstContentMs: number | undefined;
  /** Mean distance from that average. */
  readonly firstContentSpreadMs: number | undefined;
  /** After the first content. */
  readonly msPerOutputUnit: number | undefined;
  readonly outputUnits: number | undefined;
  readonly tries: number;
  /** Tries that count now, and those of them that failed: old ones fade, by half in ten minutes. */
  readonly recentTries: number;
  readonly recentFailures: number;
  /** To the first content, in the last half hour. */
  readonly latencyMs: Percentiles | undefined;
  /** Output units per second after the first content, in the last half hour. */
  readonly throughput: Percentiles | undefined;
  /** Output that the provider reports for each unit that is counted here; undefined before the first comparison. */
  readonly usageRatio: number | undefined;
  /** The same of prompts, with what templates add. */
  readonly inputRatio: number | undefined;
  /** Share of tries that succeeded in the last so many minutes, a day at most; undefined without any. */
  uptime(minutes: number): number | undefined;
}

/** An offer with where it is served, what backs it and how it has been doing. */
export interface Candidate {
  readonly offer: Offer;
  readonly model: Model;
  readonly endpoint: Endpoint;
  readonly providerStakeWei: bigint;
  readonly health: ListingHealth;
}
