import type { Candidate } from "../model/candidate.ts";
import { amountOf, type Unit } from "../model/offer.ts";
import type { Preferences } from "./preferences.ts";

/** What a request asks of an offer. */
export interface Needs {
  readonly unit: Unit;
  /** Best guess; at least this much context is needed. */
  readonly inputUnits: number;
  /** Most output units wanted, of all choices together; undefined: as many as the endpoint gives. */
  readonly outputUnits: number | undefined;
}

export interface Circumstances {
  readonly nowMs: number;
  readonly minProviderStakeWei: bigint;
  /** 0 up to 1; for draws between offers. */
  readonly random: () => number;
}

/** Why an offer is out of the question. */
export type Exclusion =
  | "unit"
  | "not_billable"
  | "stake"
  | "preference"
  | "max_price"
  | "context"
  | "breaker"
  | "capacity"
  | "dearer_offer_of_listing"
  | "no_fallbacks";

interface Judgement {
  readonly offerId: number;
  readonly providerId: number;
  /** Undefined: it is ranked. */
  readonly excluded: Exclusion | undefined;
}

export interface Route {
  /** To be tried in this order; one per listing. */
  readonly ranked: readonly Candidate[];
  /** One per candidate. */
  readonly trace: readonly Judgement[];
}

/** Output units to expect of a listing that has not shown any yet. */
const TYPICAL_OUTPUT_UNITS = 256;

const tag = (candidate: Candidate): string => String(candidate.offer.providerId);
const above = (price: bigint, max: bigint | undefined): boolean => max !== undefined && price > max;

function exclusionOf(
  candidate: Candidate,
  unit: Unit,
  needs: Needs,
  preferences: Preferences,
  now: Circumstances,
): Exclusion | undefined {
  const { offer, endpoint, health, providerStakeWei } = candidate;
  const nowSec = Math.floor(now.nowMs / 1000);
  if (unit !== needs.unit) return "unit";
  // Billable a while longer, too: the Ledger's grace after a retirement exceeds the longest request.
  if (offer.createdAtSec > nowSec || offer.retiresAtSec <= nowSec) return "not_billable";
  if (providerStakeWei < now.minProviderStakeWei) return "stake";
  const { only, ignore, order, allowFallbacks } = preferences;
  if (only && !only.includes(tag(candidate))) return "preference";
  if (ignore.includes(tag(candidate))) return "preference";
  if (order.length > 0 && !allowFallbacks && !order.includes(tag(candidate))) return "preference";
  if (
    above(offer.inputPrice, preferences.maxInputPrice) ||
    above(offer.outputPrice, preferences.maxOutputPrice) ||
    above(offer.requestPrice, preferences.maxRequestPrice)
  )
    return "max_price";
  if (needs.inputUnits >= endpoint.contextUnits) return "context";
  if (health.breaker === "open") return "breaker";
  if (health.inFlight >= health.inFlightCap) return "capacity";
  return undefined;
}

/** What the request will probably cost there, in wei. */
function likelyWei({ offer, endpoint, health }: Candidate, needs: Needs): bigint {
  const most = needs.outputUnits ?? endpoint.maxOutputUnits;
  const outputUnits = Math.min(most, Math.ceil(health.outputUnits ?? TYPICAL_OUTPUT_UNITS));
  return amountOf(offer, { inputUnits: needs.inputUnits, outputUnits });
}

/**
 * Ranks the offers of a model for one request: what is out of the question is left out with its reason, the preferred
 * providers come first, then the cheapest, and of equals the one with less to do.
 */
export function chooseOffer(
  candidates: readonly Candidate[],
  unit: Unit,
  needs: Needs,
  preferences: Preferences,
  now: Circumstances,
): Route {
  const exclusions = new Map<Candidate, Exclusion>();
  const eligible: { candidate: Candidate; rank: number; wei: bigint; draw: number }[] = [];
  for (const candidate of candidates) {
    const exclusion = exclusionOf(candidate, unit, needs, preferences, now);
    if (exclusion) {
      exclusions.set(candidate, exclusion);
      continue;
    }
    const place = preferences.order.indexOf(tag(candidate));
    const rank = place < 0 ? preferences.order.length : place;
    eligible.push({ candidate, rank, wei: likelyWei(candidate, needs), draw: now.random() });
  }
  eligible.sort(
    (a, b) =>
      a.rank - b.rank ||
      (a.wei < b.wei ? -1 : a.wei > b.wei ? 1 : 0) ||
      a.candidate.health.inFlight - b.candidate.health.inFlight ||
      a.draw - b.draw,
  );
  const ranked: Candidate[] = [];
  const listings = new Set<number>();
  for (const { candidate } of eligible) {
    if (listings.has(candidate.offer.listingId)) exclusions.set(candidate, "dearer_offer_of_listing");
    else if (ranked.length > 0 && !preferences.allowFallbacks && preferences.order.length === 0)
      exclusions.set(candidate, "no_fallbacks");
    else ranked.push(candidate);
    listings.add(candidate.offer.listingId);
  }
  const trace = candidates.map((candidate) => ({
    offerId: candidate.offer.offerId,
    providerId: candidate.offer.providerId,
    excluded: exclusions.get(candidate),
  }));
  return { ranked, trace };
}
