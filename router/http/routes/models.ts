import type { Candidate, ListingHealth, Percentiles } from "../../model/candidate.ts";
import type { Rated } from "../../market/opinions.ts";
import type { Model } from "../../model/market.ts";
import { formatTokens } from "../../model/money.ts";
import type { Offer } from "../../model/offer.ts";
import { notFound } from "../../request/refusal.ts";
import { claimedTasks } from "../../routing/tasks.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { figureIn, figureOf, filterOf, sortBy, type OnSale } from "../modelFigures.ts";
import type { Exchange, Route } from "../route.ts";

/** Prices in $AI1NET per unit (`request`: per request), as exact decimals. */
function pricing(offer: Offer) {
  return {
    prompt: formatTokens(offer.inputPrice),
    completion: formatTokens(offer.outputPrice),
    request: formatTokens(offer.requestPrice),
    input_cache_read: formatTokens((offer.inputPrice * BigInt(offer.cachedBps)) / 10_000n),
  };
}

const cheapestFirst = (a: Candidate, b: Candidate): number => {
  const difference = a.offer.inputPrice + a.offer.outputPrice - (b.offer.inputPrice + b.offer.outputPrice);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

const most = (candidates: readonly Candidate[], units: (candidate: Candidate) => number): number =>
  candidates.reduce((max, candidate) => Math.max(max, units(candidate)), 0);

const round = (value: number | undefined, digits = 0): number | null =>
  value === undefined ? null : Number(value.toFixed(digits));

const percentiles = (figures: Percentiles | undefined, per: number) =>
  figures === undefined
    ? null
    : {
        p50: round(figures.p50 / per, 3),
        p75: round(figures.p75 / per, 3),
        p90: round(figures.p90 / per, 3),
        p99: round(figures.p99 / per, 3),
      };

function modelJson(model: Model, offers: readonly Candidate[]) {
  const [cheapest] = offers.toSorted(cheapestFirst);
  return {
    id: model.name,
    object: "model",
    created: offers.reduce(
      (first, { offer }) => Math.min(first, offer.createdAtSec),
      cheapest?.offer.createdAtSec ?? 0,
    ),
    owned_by: model.name.includes("/") ? model.name.slice(0, model.name.indexOf("/")) : "ai1net",
    unit: model.unit,
    /** What its name claims it is for; none: anything. */
    tasks: claimedTasks(model.name),
    /** Of the cheapest offer. */
    pricing: cheapest ? pricing(cheapest.offer) : null,
    providers: new Set(offers.map(({ offer }) => offer.providerId)).size,
    context_length: most(offers, ({ endpoint }) => endpoint.contextUnits),
    max_completion_tokens: most(offers, ({ endpoint }) => endpoint.maxOutputUnits),
  };
}

function retryAt(health: ListingHealth): number | null {
  if (health.breaker === "open") return health.retryAtMs;
  return health.inFlightCap === 0 ? health.roomAtMs : null;
}

function endpointJson({ offer, endpoint, health }: Candidate, rated: Rated | undefined) {
  const { msPerOutputUnit } = health;
  return {
    tag: String(offer.providerId),
    provider_id: offer.providerId,
    listing_id: offer.listingId,
    offer_id: offer.offerId,
    pricing: pricing(offer),
    context_length: endpoint.contextUnits,
    max_completion_tokens: endpoint.maxOutputUnits,
    quantization: endpoint.quantization ?? "unknown",
    supported_parameters: endpoint.supportedParameters ?? [],
    status: health.state,
    breaker: health.breaker,
    /** When it is tried again, Unix ms; null unless its breaker is open, or it asked for a pause. */
    retry_at: retryAt(health),
    in_flight_cap: Number.isFinite(health.inFlightCap) ? Math.floor(health.inFlightCap) : null,
    success_rate: round(health.successRate, 4),
    latency_ms: round(health.firstContentMs),
    throughput: msPerOutputUnit === undefined ? null : round(1000 / Math.max(msPerOutputUnit, 0.001), 2),
    /** To the first content in seconds, and output units per second: p90 is what nine of ten did at least as well as. */
    latency_last_30m: percentiles(health.latencyMs, 1_000),
    throughput_last_30m: percentiles(health.throughput, 1),
    /** Of the last month's reviews on chain, by the fee that their rows paid; 1 to 5. */
    rating: round(rated?.average, 2),
    reviews: rated?.count ?? 0,
    uptime_last_5m: round(health.uptime(5), 4),
    uptime_last_30m: round(health.uptime(30), 4),
    uptime_last_1d: round(health.uptime(1_440), 4),
    /** Units reported for each that the router counts: generated, and read. */
    usage_ratio: round(health.usageRatio, 3),
    input_usage_ratio: round(health.inputRatio, 3),
    requests: health.tries,
    in_flight: health.inFlight,
    retires_at: offer.retiresAtSec < 2 ** 40 - 1 ? offer.retiresAtSec : null,
  };
}

/** A model's name has slashes, which come as such or escaped. */
function nameOf({ req }: Exchange): string {
  const { name } = req.params;
  return Array.isArray(name) ? name.join("/") : (name ?? "");
}

export function modelRoutes({ catalog, world, opinions }: AppDeps): Route[] {
  const offersOf = (model: Model): readonly Candidate[] =>
    catalog.billableOffers(model.modelId, Math.floor(world.clock.nowMs() / 1000));
  const onSale = (): OnSale[] =>
    catalog
      .models()
      .map((model) => ({ model, offers: offersOf(model) }))
      .filter(({ offers }) => offers.length > 0);
  const find = (name: string): Model => {
    const model = catalog.model(name);
    if (!model) throw notFound(`there is no model ${name}`, { reason: "model_not_found" });
    return model;
  };
  return [
    {
      method: "get",
      path: "/v1/models",
      handle({ req, res }) {
        const sort = figureIn(req.query, "sort");
        const found = onSale().filter(filterOf(req.query));
        const sorted = sort === undefined ? found : sortBy(found, sort);
        sendJson(res, 200, {
          object: "list",
          data: sorted.map(({ model, offers }) => modelJson(model, offers)),
        });
      },
    },
    {
      method: "get",
      path: "/v1/rankings",
      handle({ req, res }) {
        const by = figureIn(req.query, "by") ?? "requests";
        const ranked = sortBy(onSale().filter(filterOf(req.query)), by);
        const data = ranked.map((each, i) => ({
          rank: i + 1,
          id: each.model.name,
          tasks: claimedTasks(each.model.name),
          pricing: modelJson(each.model, each.offers).pricing,
          requests: figureOf(each, "requests"),
          latency_p50_ms: figureOf(each, "latency"),
          throughput_p50: figureOf(each, "throughput"),
          uptime_last_1d: figureOf(each, "uptime"),
        }));
        sendJson(res, 200, { by, data });
      },
    },
    {
      method: "get",
      path: "/v1/providers",
      handle({ res }) {
        const byProvider = Map.groupBy(
          onSale().flatMap(({ offers }) => offers),
          ({ offer }) => offer.providerId,
        );
        const data = [...byProvider].map(([providerId, offers]) => ({
          id: providerId,
          tag: String(providerId),
          owner: catalog.provider(providerId)?.owner ?? null,
          stake: formatTokens(offers[0]?.providerStakeWei ?? 0n),
          models: [...new Set(offers.map(({ model }) => model.name))],
          offers: offers.length,
          status: offers.some(({ health }) => health.state === "up")
            ? "up"
            : offers.every(({ health }) => health.state === "down")
              ? "down"
              : "unknown",
          // The same listing may have several offers: it is one place.
          requests: [...new Set(offers.map(({ health }) => health))].reduce(
            (sum, { tries }) => sum + tries,
            0,
          ),
          uptime_last_1d: figureOf({ model: { modelId: 0, name: "", unit: "token" }, offers }, "uptime"),
        }));
        sendJson(res, 200, { data });
      },
    },
    {
      method: "get",
      path: "/v1/models/*name/endpoints",
      handle(exchange) {
        const model = find(nameOf(exchange));
        const endpoints = offersOf(model)
          .toSorted(cheapestFirst)
          .map((each) => endpointJson(each, opinions.rated(each.offer.listingId)));
        sendJson(exchange.res, 200, { data: { id: model.name, unit: model.unit, endpoints } });
      },
    },
    {
      method: "get",
      path: "/v1/models/*name",
      handle(exchange) {
        const model = find(nameOf(exchange));
        sendJson(exchange.res, 200, modelJson(model, offersOf(model)));
      },
    },
  ];
}
