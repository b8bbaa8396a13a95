import type { Candidate } from "../model/candidate.ts";
import type { Model } from "../model/market.ts";
import type { ApiKey } from "../model/record.ts";
import { chooseOffer, type Route } from "../routing/chooseOffer.ts";
import { splitName } from "../routing/modelName.ts";
import type { Sort } from "../routing/preferences.ts";
import { allowsModel, authorizeModel } from "./authorizeModel.ts";
import type { Demand } from "./demand.ts";
import { plan, type Plan } from "./plan.ts";
import type { PromptSize } from "./price.ts";
import { notFound, type Refusal } from "./refusal.ts";
import type { World } from "./world.ts";

/** How a request would go to all the models that it names. */
export interface Itinerary {
  /** To be tried in this order. */
  readonly ranked: readonly Candidate[];
  /** Of the prompt, by model. */
  readonly sizes: ReadonlyMap<number, PromptSize>;
  /** How the order came about; the judgements of all models. */
  readonly route: Route;
  /** The first model of those that may be asked. */
  readonly model: Model;
  /** Why no offer comes into question; undefined when one does. */
  readonly refusal: Refusal | undefined;
}

interface Asked {
  readonly model: Model;
  readonly sort: Sort | undefined;
}

function find({ market }: Pick<World, "market">, asked: string): Asked | undefined {
  const exact = market.model(asked);
  if (exact) return { model: exact, sort: undefined };
  const { name, sort } = splitName(asked);
  const model = sort && market.model(name);
  return model && { model, sort };
}

/** The models that a request names, each once, as far as they exist and its key may use them. */
function askedModels(world: Pick<World, "market">, key: ApiKey, demand: Demand): [Asked, ...Asked[]] {
  const names = [demand.model, ...demand.preferences.fallbackModels];
  const known = new Map<number, Asked>();
  for (const name of names) {
    const asked = find(world, name);
    if (asked && !known.has(asked.model.modelId)) known.set(asked.model.modelId, asked);
  }
  const [first] = known.values();
  if (!first) throw notFound(`there is no model ${names.join(", ")}`, { reason: "model_not_found" });
  const [allowed, ...others] = [...known.values()].filter(({ model }) => allowsModel(key, model.name));
  if (!allowed) authorizeModel(key, first.model.name);
  return [allowed ?? first, ...others];
}

/** By which a request's session is remembered; undefined when it has none. */
export function sessionKey(key: ApiKey, demand: Demand, model: Model): string | undefined {
  const { sessionId } = demand.preferences;
  return sessionId === undefined ? undefined : `${key.accountId} ${model.modelId} ${sessionId}`;
}

/** One order for the offers of several models. */
function together(
  world: Pick<World, "market" | "random">,
  plans: readonly Plan[],
  demand: Demand,
  nowMs: number,
): Route {
  const { market, random } = world;
  const [first] = plans;
  const candidates = plans.flatMap(({ route }) => route.ranked);
  const now = { nowMs, minProviderStakeWei: market.minProviderStakeWei(), random };
  return chooseOffer(candidates, (first as Plan).needs, demand.preferences, now);
}

/**
 * Puts the offers of the models that a request names in order: model by model, or all together where it says so.
 * @throws {Refusal} 404, 403
 */
export async function planAll(
  world: Pick<World, "market" | "random" | "homes">,
  key: ApiKey,
  demand: Demand,
  nowMs: number,
): Promise<Itinerary> {
  const asked = askedModels(world, key, demand);
  const plans = await Promise.all(
    asked.map(async ({ model, sort }) => {
      const preferences = { ...demand.preferences, sort: demand.preferences.sort ?? sort };
      const session = sessionKey(key, demand, model);
      const home = session === undefined ? undefined : world.homes.get(session);
      return plan(world, { ...demand, model: model.name, preferences }, model, nowMs, home);
    }),
  );
  const [first, ...others] = plans as [Plan, ...Plan[]];
  const sizes = new Map(plans.map(({ size }, i) => [(asked[i] as Asked).model.modelId, size]));
  const { model } = asked[0];
  if (others.length === 0)
    return { ranked: first.route.ranked, sizes, route: first.route, model, refusal: first.refusal };
  const trace = plans.flatMap(({ route }) => route.trace);
  const isTogether = demand.preferences.partition === "none";
  const ranked = isTogether
    ? together(world, plans, demand, nowMs).ranked
    : plans.flatMap(({ route }) => route.ranked);
  const route = { ranked, strategy: first.route.strategy, trace };
  return { ranked, sizes, route, model, refusal: ranked.length > 0 ? undefined : first.refusal };
}
