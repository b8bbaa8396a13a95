import type { Candidate } from "../model/candidate.ts";
import type { Demand } from "./demand.ts";
import type { Ceiling } from "./price.ts";

/** Fields between the caller and the router, and those that are set anew. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  "model",
  "models",
  "stream",
  "stream_options",
  "provider",
  "session_id",
  "task",
  "preferences",
  "usage",
  "trace",
  "debug",
]);

/** What is asked of every model. */
const CONTENT_FIELDS: ReadonlySet<string> = new Set(["messages", "prompt", "input", "user"]);

/** The parameters that a request sets, by the names that endpoints give them. */
export function parametersOf({ body, wire }: Demand): string[] {
  const names = Object.keys(body).filter(
    (field) =>
      !OWN_FIELDS.has(field) &&
      !CONTENT_FIELDS.has(field) &&
      body[field] !== null &&
      body[field] !== undefined,
  );
  const limits: ReadonlySet<string | undefined> = new Set([...wire.ownFields, wire.limitField]);
  return [...new Set(names.map((name) => (limits.has(name) ? "max_tokens" : name)))];
}

/** What a provider is sent: the caller's body in the provider's terms, never asking for more than what is held. */
export function upstreamBody(demand: Demand, candidate: Candidate, ceiling: Ceiling): object {
  const { wire } = demand;
  const body: Record<string, unknown> = { model: candidate.endpoint.upstreamModel };
  for (const field of Object.keys(demand.body))
    if (!OWN_FIELDS.has(field) && !wire.ownFields.includes(field) && field !== "__proto__")
      body[field] = demand.body[field];
  if (wire.limitField !== undefined) body[wire.limitField] = ceiling.outputUnitsEach;
  Object.assign(body, wire.fixedFields);
  return demand.stream && wire.answers === "json" ? { ...body, stream: true, ...wire.streamFields } : body;
}
