import { isObject } from "../model/chat.ts";
import type { Upstream, Clock } from "../ports.ts";
import type { Delivery } from "./delivery.ts";
import type { Shipment } from "./shipment.ts";
import type { JsonWire } from "./wire/wire.ts";

/** Gets a whole answer from a provider. @throws {UpstreamError} */
export async function complete(
  world: { readonly upstream: Upstream; readonly clock: Clock },
  wire: JsonWire,
  shipment: Shipment,
  signal: AbortSignal,
): Promise<Delivery> {
  const { candidate, ceiling } = shipment;
  const startedAtMs = world.clock.nowMs();
  const { body, usage } = await world.upstream.complete(candidate.endpoint, wire.path, shipment.body, signal);
  const answer = wire.collect();
  answer.takeWhole(body);
  return {
    candidate,
    ceiling,
    usage,
    usageDetails: isObject(body["usage"]) ? body["usage"] : {},
    answer,
    isWhole: true,
    startedAtMs,
    firstContentMs: undefined,
    endedAtMs: world.clock.nowMs(),
    body,
    lastEvents: [],
    lastBytes: undefined,
  };
}
