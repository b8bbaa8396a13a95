import { isObject } from "../model/chat.ts";
import { UpstreamError, type Upstream, type Clock } from "../ports.ts";
import { AnswerParts } from "./answer.ts";
import type { Delivery } from "./delivery.ts";
import type { Shipment } from "./shipment.ts";
import { UPSTREAM_PATH } from "./demand.ts";

function contentOf(shipment: Shipment, body: Readonly<Record<string, unknown>>): Delivery["content"] {
  if (shipment.demand.kind === "embeddings") {
    const { data } = body;
    if (!Array.isArray(data) || data.length === 0 || !data.every(isObject))
      throw new UpstreamError("protocol", "the answer has no `data`");
    return { kind: "embeddings", data };
  }
  const { choices } = body;
  if (!Array.isArray(choices) || choices.length === 0)
    throw new UpstreamError("protocol", "the answer has no `choices`");
  if (!choices.every((choice) => isObject(choice) && isObject(choice["message"])))
    throw new UpstreamError("protocol", "a choice of the answer has no `message`");
  const parts = new AnswerParts();
  parts.take(choices, "message");
  return { kind: "chat", parts };
}

/** Gets a whole answer from a provider. @throws {UpstreamError} */
export async function complete(
  world: { readonly upstream: Upstream; readonly clock: Clock },
  shipment: Shipment,
  signal: AbortSignal,
): Promise<Delivery> {
  const { candidate, ceiling, demand } = shipment;
  const startedAtMs = world.clock.nowMs();
  const path = UPSTREAM_PATH[demand.kind];
  const { body, usage } = await world.upstream.complete(candidate.endpoint, path, shipment.body, signal);
  const content = contentOf(shipment, body);
  return {
    candidate,
    ceiling,
    usage,
    usageDetails: isObject(body["usage"]) ? body["usage"] : {},
    content,
    isWhole: true,
    startedAtMs,
    endedAtMs: world.clock.nowMs(),
    body,
    lastEvents: [],
  };
}
