import type { Candidate } from "../model/candidate.ts";
import type { Model } from "../model/market.ts";
import type { Attempt } from "../model/outcome.ts";
import type { Route } from "../routing/chooseOffer.ts";
import type { Demand } from "./demand.ts";
import type { Pick } from "./pickModel.ts";
import { Refusal } from "./refusal.ts";

/** Everything that was decided on the way. */
interface Decisions {
  readonly asked: Demand;
  readonly pick: Pick | undefined;
  readonly model: Model;
  readonly route: Route;
  readonly failures: readonly Attempt[];
  /** Undefined: none did. */
  readonly served: Candidate | undefined;
}

const round = (value: number): number => Number(value.toFixed(4));

/** What was decided for a request and why, as its caller may see it. */
export function traceJson({ asked, pick, model, route, failures, served }: Decisions): object {
  const offerId = served?.offer.offerId;
  const attempts = failures.map((failure) => ({ offer_id: failure.offerId, status: "failed" }));
  return {
    requested: asked.model,
    fallback_models: asked.preferences.fallbackModels,
    strategy: pick ? "auto" : "direct",
    model: (served?.model ?? model).name,
    ...(pick && {
      tasks: Object.fromEntries([...pick.tasks].map(([task, share]) => [task, round(share)])),
      weights: asked.choice?.weights,
      models: pick.trace.map((judged) => ({
        model: judged.model,
        utility: round(judged.utility),
        quality: round(judged.quality),
        likely_cost_wei: Math.round(judged.priceWei).toString(),
        likely_ms: Math.round(judged.durationMs),
        selected: judged.model === model.name,
      })),
    }),
    endpoints: {
      total: route.trace.length,
      strategy: route.strategy,
      available: route.trace.map(({ candidate: { offer, model: its }, excluded, estimate }) => ({
        provider: String(offer.providerId),
        model: its.name,
        offer_id: offer.offerId,
        excluded: excluded ?? null,
        ...(estimate && {
          likely_cost_wei: Math.round(estimate.priceWei).toString(),
          likely_ms: Math.round(estimate.durationMs),
          likely_failure: round(estimate.failure),
        }),
        selected: offer.offerId === offerId,
      })),
    },
    attempts: offerId === undefined ? attempts : [...attempts, { offer_id: offerId, status: "served" }],
  };
}

/** A refusal that says how it came about; anything else stays as it is. */
export function withTrace(error: unknown, trace: object | undefined): unknown {
  if (trace === undefined || !(error instanceof Refusal)) return error;
  const { status, errorType, message, details } = error;
  const metadata = { ...details.metadata, trace };
  return new Refusal(status, errorType, message, { ...details, metadata });
}
