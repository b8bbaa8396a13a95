import { isObject } from "../model/chat.ts";
import type { Model } from "../model/market.ts";
import type { ApiKey } from "../model/record.ts";
import { chooseModel, type ModelChoice, type ModelOption } from "../routing/chooseModel.ts";
import { certainly, claimedTasks, guessTask, type Task, type TaskBelief } from "../routing/tasks.ts";
import { allowsModel } from "./authorizeModel.ts";
import type { ChoiceWanted, Demand } from "./demand.ts";
import { plan } from "./plan.ts";
import { Refusal } from "./refusal.ts";
import type { World } from "./world.ts";

/** What was chosen for a request that left it to the router. */
export interface Pick extends ModelChoice {
  readonly model: Model;
  readonly tasks: TaskBelief;
}

/** Tasks that need an endpoint of their own; a model made for one does nothing else. */
const OWN_ENDPOINT: Readonly<Record<string, Task>> = {
  "/embeddings": "embed",
  "/images/generations": "image",
  "/audio/speech": "speech",
};
const SPECIAL: ReadonlySet<Task> = new Set(Object.values(OWN_ENDPOINT));

/** Whether a model can be asked at an endpoint at all. */
function fits({ wire }: Demand, model: Model): boolean {
  if (!wire.units.includes(model.unit)) return false;
  // Images and seconds say by themselves what a model makes.
  if (model.unit !== "token") return true;
  const special = claimedTasks(model.name).find((task) => SPECIAL.has(task));
  return special === OWN_ENDPOINT[wire.path];
}

function lastText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) => (isObject(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .join("\n");
}

/** What the caller said last: the task is in there. */
function askedIn({ messages, input, prompt }: Demand["body"]): string {
  const turns = Array.isArray(messages) ? messages : Array.isArray(input) ? input : [];
  const last: unknown = turns.findLast((turn) => isObject(turn) && (turn["role"] ?? "user") === "user");
  if (isObject(last)) return lastText(last["content"]);
  return lastText(typeof prompt === "string" ? prompt : input);
}

/** What the request will probably cost and take at the best offer of a model; undefined where there is none. */
async function optionOf(
  world: World,
  demand: Demand,
  model: Model,
  nowMs: number,
): Promise<ModelOption | undefined> {
  const { route } = await plan(world, { ...demand, model: model.name }, model, nowMs);
  const [best] = route.ranked;
  const judged = route.trace.find(({ candidate }) => candidate === best);
  if (!judged?.estimate) return undefined;
  const { priceWei, durationMs } = judged.estimate;
  return { model, priceWei, durationMs, belief: (task) => world.quality.belief(model, task) };
}

/**
 * Chooses the model of a request that names none.
 * @throws {Refusal} 503 when nobody could serve it
 */
export async function pickModel(
  world: World,
  key: ApiKey,
  demand: Demand,
  { task, weights }: ChoiceWanted,
  nowMs: number,
): Promise<Pick> {
  const models = world.market.models().filter((model) => fits(demand, model) && allowsModel(key, model.name));
  const special = OWN_ENDPOINT[demand.wire.path];
  const known = task ?? special;
  const tasks = known === undefined ? guessTask(askedIn(demand.body)) : certainly(known);
  const options = (
    await Promise.all(models.map(async (model) => optionOf(world, demand, model, nowMs)))
  ).filter((option) => option !== undefined);
  const choice = chooseModel(options, tasks, weights, world.random);
  const [model] = choice.ranked;
  if (!model)
    throw new Refusal(503, "provider_unavailable", "no model that this key may use can serve this now", {
      metadata: { reason: "no_endpoints", models: models.length },
    });
  return { ...choice, model, tasks };
}

/** Models besides the first that are asked when it can't serve. */
const MOST_FALLBACKS = 2;

/** The request as one to the model that was picked, with the next best to fall back on. */
export function pickedDemand(demand: Demand, { ranked, model }: Pick): Demand {
  const others = ranked.slice(1, 1 + MOST_FALLBACKS).map(({ name }) => name);
  const fallbackModels = [...demand.preferences.fallbackModels, ...others];
  return { ...demand, model: model.name, preferences: { ...demand.preferences, fallbackModels } };
}
