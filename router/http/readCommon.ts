import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { ChoiceWanted, Demand } from "../request/demand.ts";
import { invalidRequest } from "../request/refusal.ts";
import { BALANCED, type Weights } from "../routing/chooseModel.ts";
import type { Task } from "../routing/tasks.ts";
import type { JsonBody } from "./readBody.ts";
import { routingOf, type RoutingFields } from "./readPreferences.ts";
import type { WeightsField } from "./schemas.ts";

function appIdOf(req: IncomingMessage): number {
  const header = req.headers["x-ai1net-app"] ?? "0";
  if (typeof header !== "string" || !/^\d{1,10}$/.test(header))
    throw invalidRequest("x-ai1net-app must be the number of an app", "x-ai1net-app");
  return Number(header);
}

/** Names by which clients ask the router to choose. */
const AUTO = new Set(["auto", "ai1net/auto", "openrouter/auto"]);

/** What is said counts; of what is not said, as much as usual, or nothing once anything is said. */
function weightsOf(field: z.infer<typeof WeightsField> | null | undefined): Weights {
  if (!field || Object.values(field).every((weight) => weight === undefined)) return BALANCED;
  const { quality = 0, cost = 0, speed = 0 } = field;
  return quality + cost + speed > 0 ? { quality, cost, speed } : BALANCED;
}

/** What weighs between models weighs between the offers of one, too: speed against cost, 1 when nothing is said. */
function timeValueOf({ speed, cost }: Weights): number {
  const usual = BALANCED.speed / BALANCED.cost;
  return Math.min(10, Math.max(0.1, speed / Math.max(cost, 0.01) / usual));
}

interface CommonFields extends RoutingFields {
  readonly model: string;
  readonly task?: Task | null | undefined;
  readonly preferences?: z.infer<typeof WeightsField> | null | undefined;
  readonly trace?: unknown;
}

type Common = Pick<
  Demand,
  "model" | "body" | "received" | "bodyBytes" | "preferences" | "choice" | "wantsTrace" | "appId"
>;

/** What every request to a model may say. @throws {Refusal} 400 */
export function commonOf(req: IncomingMessage, { body, bytes }: JsonBody, fields: CommonFields): Common {
  const { model, task, trace } = fields;
  const choice: ChoiceWanted | undefined = AUTO.has(model)
    ? { task: task ?? undefined, weights: weightsOf(fields.preferences) }
    : undefined;
  const preferences = routingOf(req, fields);
  const isWanted = (header: string): boolean =>
    /^(?:true|enabled|1)$/i.test(String(req.headers[header] ?? ""));
  return {
    model,
    body,
    received: body,
    bodyBytes: bytes,
    preferences: choice ? { ...preferences, timeValue: timeValueOf(choice.weights) } : preferences,
    choice,
    wantsTrace: trace === true || isWanted("x-ai1net-trace") || isWanted("x-openrouter-metadata"),
    appId: appIdOf(req),
  };
}
