import type { Candidate } from "../model/candidate.ts";
import type { Unit } from "../model/offer.ts";
import type { Preferences } from "./preferences.ts";

/** What a request asks of an offer. */
export interface Needs {
  /** What a model may bill in to be asked this. */
  readonly units: readonly Unit[];
  /** Best guess; at least this much context is needed. */
  readonly inputUnits: number;
  /** Most output units wanted, of all choices together; undefined: as many as the endpoint gives. */
  readonly outputUnits: number | undefined;
  /** Names of the parameters that it sets. */
  readonly parameters: readonly string[];
  /** The listing that served this session last; undefined: there is no session, or none yet. */
  readonly sessionListingId: number | undefined;
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
  | "parameters"
  | "quantization"
  | "context"
  | "breaker"
  | "capacity"
  | "dearer_offer_of_listing"
  | "no_fallbacks";

/** How a caller names an offer's provider. */
export const tagOf = (candidate: Candidate): string => String(candidate.offer.providerId);
const above = (price: bigint, max: bigint | undefined): boolean => max !== undefined && price > max;

function isTooDear({ offer, model }: Candidate, preferences: Preferences): boolean {
  return (
    above(offer.inputPrice, preferences.maxInputPrice) ||
    above(offer.outputPrice, model.unit === "token" ? preferences.maxOutputPrice : undefined) ||
    above(offer.outputPrice, model.unit === "image" ? preferences.maxImagePrice : undefined) ||
    above(offer.outputPrice, model.unit === "second" ? preferences.maxAudioPrice : undefined) ||
    above(offer.requestPrice, preferences.maxRequestPrice)
  );
}

/** Whether what an endpoint says of itself rules it out. */
function isUnfit({ endpoint }: Candidate, needs: Needs, preferences: Preferences): Exclusion | undefined {
  const { quantizations, requireParameters } = preferences;
  if (quantizations && !quantizations.includes(endpoint.quantization ?? "unknown")) return "quantization";
  const known = endpoint.supportedParameters ?? [];
  if (requireParameters && !needs.parameters.every((name) => known.includes(name))) return "parameters";
  return undefined;
}

/** Why an offer can't serve a request at all; undefined if it can. */
export function exclusionOf(
  candidate: Candidate,
  needs: Needs,
  preferences: Preferences,
  now: Circumstances,
): Exclusion | undefined {
  const { offer, model, endpoint, health, providerStakeWei } = candidate;
  const nowSec = Math.floor(now.nowMs / 1000);
  if (!needs.units.includes(model.unit)) return "unit";
  // Billable a while longer, too: the Ledger's grace after a retirement exceeds the longest request.
  if (offer.createdAtSec > nowSec || offer.retiresAtSec <= nowSec) return "not_billable";
  if (providerStakeWei < now.minProviderStakeWei) return "stake";
  const { only, ignore, order, allowFallbacks } = preferences;
  const tag = tagOf(candidate);
  if (only && !only.includes(tag)) return "preference";
  if (ignore.includes(tag)) return "preference";
  if (order.length > 0 && !allowFallbacks && !order.includes(tag)) return "preference";
  if (isTooDear(candidate, preferences)) return "max_price";
  const unfit = isUnfit(candidate, needs, preferences);
  if (unfit) return unfit;
  if (needs.inputUnits >= endpoint.contextUnits) return "context";
  if (health.breaker === "open") return "breaker";
  if (health.inFlight >= health.inFlightCap) return "capacity";
  return undefined;
}
