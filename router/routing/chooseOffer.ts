import type { Candidate, Percentiles } from "../model/candidate.ts";
import { estimate, usualOf, type Estimate } from "./estimate.ts";
import { exclusionOf, tagOf, type Circumstances, type Exclusion, type Needs } from "./exclusion.ts";
import type { Preferences, Sort } from "./preferences.ts";

/** One offer, as it was judged for one request. */
export interface Judgement {
  readonly candidate: Candidate;
  /** Undefined: it is ranked. */
  readonly excluded: Exclusion | undefined;
  /** Undefined unless it was compared with others. */
  readonly estimate: Estimate | undefined;
}

/** How the order came about. */
export type Strategy = Sort | "order" | "session" | "cost" | "exploration";

export interface Route {
  /** To be tried in this order; one per listing. */
  readonly ranked: readonly Candidate[];
  readonly strategy: Strategy;
  /** One per candidate. */
  readonly trace: readonly Judgement[];
}

interface Entry {
  readonly candidate: Candidate;
  /** The first thing that counts: the caller's order, then what it prefers softly. */
  readonly tier: number;
  readonly score: number;
  readonly draw: number;
}

/** How often an offer that is not the best is tried first, so that what it is like stays known; and one that is probed. */
const EXPLORED = 0.01;
const PROBED = 0.1;

/** What a provider's cache is worth to a session beyond its price: the time to read the prompt again. */
const STAY_REQUESTS = 0.5;

const SCORES: Readonly<Record<Sort, (estimate: Estimate) => number>> = {
  price: ({ priceWei }) => priceWei,
  throughput: ({ msPerUnit }) => msPerUnit,
  latency: ({ firstContentMs }) => firstContentMs,
  exacto: ({ failure }) => failure,
};

const SHARES = ["p50", "p75", "p90", "p99"] as const;

/** 0: a soft preference is met; 1: nobody knows; 2: it is missed. */
function softTier(
  figures: Percentiles | undefined,
  wanted: Partial<Percentiles> | undefined,
  isMissed: (figure: number, wanted: number) => boolean,
): number {
  if (!wanted) return 0;
  if (!figures) return 1;
  const misses = SHARES.some((share) => {
    const limit = wanted[share];
    return limit !== undefined && isMissed(figures[share], limit);
  });
  return misses ? 2 : 0;
}

function tierOf(candidate: Candidate, preferences: Preferences): number {
  const { order, preferredMaxLatencyMs, preferredMinThroughput } = preferences;
  const place = order.indexOf(tagOf(candidate));
  if (place >= 0) return place;
  const { latencyMs, throughput } = candidate.health;
  return (
    order.length +
    Math.max(
      softTier(latencyMs, preferredMaxLatencyMs, (figure, wanted) => figure > wanted),
      softTier(throughput, preferredMinThroughput, (figure, wanted) => figure < wanted),
    )
  );
}

/** Now and then somebody else comes first: a small share for each, a larger one for whoever is to be probed. */
function explore(entries: Entry[], random: () => number): boolean {
  let draw = random();
  const [best] = entries;
  for (const [place, { candidate, tier }] of entries.entries()) {
    if (place === 0 || tier !== best?.tier) continue;
    draw -= candidate.health.breaker === "half_open" ? PROBED : EXPLORED;
    if (draw >= 0) continue;
    entries.unshift(...entries.splice(place, 1));
    return true;
  }
  return false;
}

function strategyOf(preferences: Preferences, isSession: boolean): Strategy {
  if (preferences.order.length > 0) return "order";
  return preferences.sort ?? (isSession ? "session" : "cost");
}

/**
 * Ranks offers for one request: what is out of the question is left out with its reason; the others are ordered by what
 * they cost their caller, time and failures included, unless the caller wants another order.
 */
export function chooseOffer(
  candidates: readonly Candidate[],
  needs: Needs,
  preferences: Preferences,
  now: Circumstances,
): Route {
  const exclusions = new Map<Candidate, Exclusion>();
  const eligible: Candidate[] = [];
  for (const candidate of candidates) {
    const exclusion = exclusionOf(candidate, needs, preferences, now);
    if (exclusion) exclusions.set(candidate, exclusion);
    else eligible.push(candidate);
  }
  const isSession = eligible.some(({ offer }) => offer.listingId === needs.sessionListingId);
  let strategy = strategyOf(preferences, isSession);
  // Whoever asked for an order gets it, and a session stays where it is unless another place is clearly better.
  const random = strategy === "cost" ? now.random : undefined;
  const usual = usualOf(eligible);
  const estimates = new Map<Candidate, Estimate>();
  const entries = eligible.map((candidate): Entry => {
    const figures = estimate(candidate, needs, usual, preferences.timeValue, random);
    estimates.set(candidate, figures);
    const isHome = candidate.offer.listingId === needs.sessionListingId;
    const byCost = figures.costWei - (isHome ? STAY_REQUESTS * usual.requestWei : 0);
    const score = preferences.sort ? SCORES[preferences.sort](figures) : byCost;
    return { candidate, tier: tierOf(candidate, preferences), score, draw: now.random() };
  });
  entries.sort(
    (a, b) =>
      a.tier - b.tier ||
      a.score - b.score ||
      a.candidate.health.inFlight - b.candidate.health.inFlight ||
      a.draw - b.draw,
  );
  if (strategy === "cost" && explore(entries, now.random)) strategy = "exploration";

  const ranked: Candidate[] = [];
  const listings = new Set<number>();
  for (const { candidate } of entries) {
    if (listings.has(candidate.offer.listingId)) exclusions.set(candidate, "dearer_offer_of_listing");
    else if (ranked.length > 0 && !preferences.allowFallbacks && preferences.order.length === 0)
      exclusions.set(candidate, "no_fallbacks");
    else ranked.push(candidate);
    listings.add(candidate.offer.listingId);
  }
  const trace = candidates.map((candidate) => ({
    candidate,
    excluded: exclusions.get(candidate),
    estimate: estimates.get(candidate),
  }));
  return { ranked, strategy, trace };
}
