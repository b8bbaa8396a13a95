import { UpstreamError, type Clock, type Metrics, type Try, type Upstream } from "../ports.ts";
import type { Delivery } from "./delivery.ts";
import type { Reply } from "./reply.ts";
import type { Shipment } from "./shipment.ts";
import { BrokenStream } from "./stream.ts";
import type { BytesWire, Head } from "./wire/wire.ts";

/**
 * Passes bytes on as they come, no faster than the caller reads; the last of them wait for the journal. When the caller
 * leaves, what was received is delivered.
 * @throws {UpstreamError} before the first byte
 * @throws {BrokenStream} after
 */
export async function passBytes(
  world: { readonly upstream: Upstream; readonly clock: Clock; readonly metrics: Metrics },
  wire: BytesWire,
  shipment: Shipment,
  reply: Reply,
  ongoing: Try,
): Promise<Delivery> {
  const { candidate, ceiling, demand } = shipment;
  const startedAtMs = world.clock.nowMs();
  const head: Head = {
    id: shipment.requestId,
    created: Math.floor(startedAtMs / 1000),
    model: shipment.candidate.model.name,
  };
  const answer = wire.collect(demand.body, ceiling.unit);
  let waiting: Uint8Array | undefined;
  let isOpen = false;
  let firstContentMs: number | undefined;
  const delivery = (isWhole: boolean): Delivery => ({
    candidate,
    ceiling,
    usage: undefined,
    usageDetails: {},
    answer,
    isWhole,
    startedAtMs,
    firstContentMs,
    endedAtMs: world.clock.nowMs(),
    body: undefined,
    lastEvents: [],
    lastBytes: waiting,
  });

  try {
    const { contentType, chunks } = await world.upstream.bytes(
      candidate.endpoint,
      wire.path,
      shipment.body,
      reply.signal,
    );
    for await (const chunk of chunks) {
      if (reply.signal.aborted) throw new UpstreamError("aborted", "the caller left");
      answer.take(chunk);
      if (waiting) {
        if (!isOpen) {
          isOpen = true;
          ongoing.firstContent();
          firstContentMs = world.clock.nowMs() - startedAtMs;
          world.metrics.stage("first_content", firstContentMs / 1000);
          reply.openBytes(head, contentType);
        }
        const room = reply.sendBytes(waiting);
        if (room) await room;
      }
      waiting = chunk;
    }
    if (answer.isEmpty) throw new UpstreamError("protocol", "an answer without a byte");
    if (!isOpen) {
      ongoing.firstContent();
      reply.openBytes(head, contentType);
    }
    return delivery(true);
  } catch (error) {
    if (!isOpen) throw error;
    if (reply.signal.aborted) return delivery(false);
    throw error instanceof UpstreamError ? new BrokenStream(error) : error;
  }
}
