import type { Offer } from "./offer.ts";
import type { Endpoint } from "./record.ts";

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
  /** Share of tries that succeeded, 0..1. */
  readonly successRate: number | undefined;
  readonly firstContentMs: number | undefined;
  /** After the first content. */
  readonly msPerOutputUnit: number | undefined;
  readonly outputUnits: number | undefined;
  readonly tries: number;
}

/** An offer with where it is served, what backs it and how it has been doing. */
export interface Candidate {
  readonly offer: Offer;
  readonly endpoint: Endpoint;
  readonly providerStakeWei: bigint;
  readonly health: ListingHealth;
}
