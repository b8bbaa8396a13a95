import type { Model } from "../model/market.ts";
import { chooseOffer, type Route } from "../routing/chooseOffer.ts";
import type { Needs } from "../routing/exclusion.ts";
import type { Demand } from "./demand.ts";
import { sizePrompt, type PromptSize } from "./price.ts";
import type { Refusal } from "./refusal.ts";
import { noRoute } from "./unserved.ts";
import { parametersOf } from "./upstreamBody.ts";
import type { World } from "./world.ts";

/** How a request would go to one model. */
export interface Plan {
  readonly size: PromptSize;
  readonly needs: Needs;
  readonly route: Route;
  /** Why no offer comes into question; undefined when one does. */
  readonly refusal: Refusal | undefined;
}

/** Sizes the prompt, and puts the model's offers in order. */
export async function plan(
  world: Pick<World, "market" | "random">,
  demand: Demand,
  model: Model,
  nowMs: number,
  /** The listing that served this session last. */
  sessionListingId?: number,
): Promise<Plan> {
  const { market, random } = world;
  const candidates = market.candidates(model.modelId);
  const size = await sizePrompt(demand, model.unit, candidates);
  // Of one of its prompts: that is what has to fit.
  const { prompts } = demand;
  const outputUnits = demand.outputUnits && Math.ceil((demand.outputUnits * demand.choices) / prompts);
  const needs: Needs = {
    units: demand.wire.units,
    inputUnits: Math.ceil(size.likelyUnits / prompts),
    outputUnits,
    parameters: demand.preferences.requireParameters ? parametersOf(demand) : [],
    sessionListingId,
  };
  const now = { nowMs, minProviderStakeWei: market.minProviderStakeWei(), random };
  const route = chooseOffer(candidates, needs, demand.preferences, now);
  if (route.ranked.length > 0) return { size, needs, route, refusal: undefined };
  const retryAtMs = Math.min(...candidates.map((candidate) => candidate.health.retryAtMs));
  return { size, needs, route, refusal: noRoute(demand.model, route, nowMs, retryAtMs) };
}
