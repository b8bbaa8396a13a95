import type { Candidate, ListingHealth } from "../../router/model/candidate.ts";
import type { Offer } from "../../router/model/offer.ts";
import { MODEL, sampleEndpoint, sampleOffer } from "./world.ts";

/** A listing that has done well, and has nothing to do. */
export const HEALTHY: ListingHealth = {
  state: "up",
  breaker: "closed",
  retryAtMs: 0,
  inFlight: 0,
  inFlightCap: Number.POSITIVE_INFINITY,
  roomAtMs: 0,
  successRate: 1,
  firstContentMs: 100,
  firstContentSpreadMs: 10,
  msPerOutputUnit: 10,
  outputUnits: undefined,
  tries: 10,
  recentTries: 10,
  recentFailures: 0,
  latencyMs: undefined,
  throughput: undefined,
  usageRatio: undefined,
  inputRatio: undefined,
  uptime: () => 1,
};

/** The offer `100 * n` of listing and provider n. */
export function sampleCandidate(
  n: number,
  offer: Partial<Offer> = {},
  rest: Partial<Candidate> = {},
): Candidate {
  return {
    offer: sampleOffer({ offerId: 100 * n, listingId: n, providerId: n, ...offer }),
    model: { modelId: 1, name: MODEL, unit: "token" },
    endpoint: sampleEndpoint({ listingId: n }),
    providerStakeWei: 1_000n,
    health: HEALTHY,
    ...rest,
  };
}
