import { Gauge, type Registry } from "prom-client";
import type { Candidate, ListingHealth } from "../model/candidate.ts";
import type { Model } from "../model/market.ts";

/** What is shown of the market; structural, so that the adapter need not know the catalog. */
interface Shown {
  models(): readonly Model[];
  candidates(modelId: number): readonly Candidate[];
}

/** How each listing is doing, as routing sees it. */
export function marketMetrics(registry: Registry, market: Shown): void {
  const gauge = (
    name: string,
    help: string,
    read: (health: ListingHealth) => number | undefined,
  ): Gauge<"listing" | "model"> =>
    new Gauge({
      name,
      help,
      labelNames: ["listing", "model"],
      registers: [registry],
      collect() {
        this.reset();
        for (const model of market.models())
          for (const { offer, health } of market.candidates(model.modelId)) {
            const value = read(health);
            if (value !== undefined) this.set({ listing: offer.listingId, model: model.name }, value);
          }
      },
    });
  gauge("ai1net_listing_out", "1 while a listing's breaker is open or half open", ({ breaker }) =>
    breaker === "closed" ? 0 : 1,
  );
  gauge("ai1net_listing_in_flight", "Tries in flight", ({ inFlight }) => inFlight);
  gauge(
    "ai1net_listing_in_flight_cap",
    "Learned limit of tries in flight; absent before the first 429",
    ({ inFlightCap }) => (Number.isFinite(inFlightCap) ? inFlightCap : undefined),
  );
  gauge(
    "ai1net_listing_success_ratio",
    "Share of the latest tries that succeeded",
    (health) => health.successRate,
  );
  gauge("ai1net_listing_first_content_seconds", "Average time to the first content", ({ firstContentMs }) =>
    firstContentMs === undefined ? undefined : firstContentMs / 1_000,
  );
  gauge(
    "ai1net_listing_usage_ratio",
    "Generated units reported for each that the router counts",
    ({ usageRatio }) => usageRatio,
  );
  gauge(
    "ai1net_listing_input_usage_ratio",
    "Prompt units reported for each that the router counts",
    ({ inputRatio }) => inputRatio,
  );
}
