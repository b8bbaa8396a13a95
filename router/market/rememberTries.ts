import { FAILED, durationMsOf } from "../model/timing.ts";
import { serviceOf } from "../model/service.ts";
import type { Store } from "../ports.ts";
import type { Catalog } from "./catalog.ts";
import type { PastTry } from "./health.ts";

const DAY_MS = 86_400_000;
/** As many as a listing's windows hold. */
const MOST_PER_OFFER = 512;
/** What a start may take the time to read. */
const MOST_ROWS = 50_000;

/**
 * Gives listings back what was measured of them before the process began, out of the rows of the last day: percentiles,
 * averages and uptime. Breakers begin closed, and load limits are learned again.
 */
export async function rememberTries(
  store: Pick<Store, "latestOfOffers">,
  catalog: Catalog,
  nowMs: number,
): Promise<void> {
  const offers = catalog.models().flatMap(({ modelId }) => catalog.candidates(modelId));
  if (offers.length === 0) return;
  const perOffer = Math.max(1, Math.min(MOST_PER_OFFER, Math.floor(MOST_ROWS / offers.length)));
  const listings = new Map(offers.map(({ offer }) => [offer.offerId, offer.listingId]));
  const rows = await store.latestOfOffers([...listings.keys()], nowMs - DAY_MS, perOffer);
  const tries = rows
    .map(({ receipt: { offerId, timing, outputUnits }, recordedAtMs, service: text }) => {
      const service = serviceOf(text);
      const past: PastTry = {
        atMs: recordedAtMs,
        hasSucceeded: timing !== FAILED,
        firstContentMs: service?.firstContentMs,
        durationMs: service?.durationMs ?? (timing === FAILED ? 0 : durationMsOf(timing)),
        outputUnits,
      };
      return { listingId: listings.get(offerId), past };
    })
    .toSorted((a, b) => a.past.atMs - b.past.atMs);
  for (const { listingId, past } of tries) if (listingId !== undefined) catalog.remember(listingId, past);
}
