import { isObject } from "../model/chat.ts";
import {
  UpstreamError,
  type Clock,
  type Metrics,
  type ReportedUsage,
  type Try,
  type Upstream,
} from "../ports.ts";
import type { Delivery } from "./delivery.ts";
import type { Shipment } from "./shipment.ts";
import type { Reply } from "./reply.ts";
import type { Fields, Head, JsonWire } from "./wire/wire.ts";

/** A provider broke off after content had reached the caller: too late for another one. */
export class BrokenStream extends Error {
  override readonly name = "BrokenStream";
  readonly fault: UpstreamError;

  constructor(fault: UpstreamError) {
    super(fault.message, { cause: fault });
    this.fault = fault;
  }
}

/** The provider's `usage`, wherever the event has it. */
function usageFields({ usage, response }: Fields): Fields {
  const found = usage ?? (isObject(response) ? response["usage"] : undefined);
  return isObject(found) ? found : {};
}

/** Events that a provider may send before it begins, and characters of their JSON; events after it has ended. */
const MOST_EVENTS_HELD = 1_024;
const MOST_CHARACTERS_HELD = 256 * 1024;

/**
 * Passes a provider's stream on, as it comes. Events without content are held back, so that an early error can still go
 * to another provider; the event that ends the answer is kept for after the journal. When the caller leaves after
 * content, what was received is delivered.
 * @throws {UpstreamError} before content
 * @throws {BrokenStream} after
 */
export async function stream(
  world: { readonly upstream: Upstream; readonly clock: Clock; readonly metrics: Metrics },
  wire: JsonWire,
  shipment: Shipment,
  reply: Reply,
  ongoing: Try,
): Promise<Delivery> {
  const { candidate, ceiling, demand } = shipment;
  const startedAtMs = world.clock.nowMs();
  const head: Head = {
    id: shipment.requestId,
    created: Math.floor(startedAtMs / 1000),
    model: candidate.model.name,
  };
  const answer = wire.collect();
  const held: object[] = [];
  const lastEvents: Fields[] = [];
  let charactersHeld = 0;
  let usage: ReportedUsage | undefined;
  let usageDetails: Fields = {};
  let isOpen = false;
  let firstContentMs: number | undefined;
  let finished = 0;

  const keep = (events: object[], event: object): void => {
    if (!isOpen) charactersHeld += JSON.stringify(event).length;
    if (events.push(event) > MOST_EVENTS_HELD || charactersHeld > MOST_CHARACTERS_HELD)
      throw new UpstreamError("protocol", "the stream goes on without any content");
  };
  const open = async (): Promise<void> => {
    isOpen = true;
    ongoing.firstContent();
    firstContentMs = world.clock.nowMs() - startedAtMs;
    world.metrics.stage("first_content", firstContentMs / 1000);
    reply.open(head, wire);
    for (const event of held) await reply.send(event);
  };
  const delivery = (isWhole: boolean): Delivery => ({
    candidate,
    ceiling,
    usage,
    usageDetails,
    answer,
    isWhole,
    startedAtMs,
    firstContentMs,
    endedAtMs: world.clock.nowMs(),
    body: undefined,
    lastEvents,
    lastBytes: undefined,
  });

  try {
    const shape = { ...wire.shape, answers: demand.choices };
    const chunks = await world.upstream.stream(
      candidate.endpoint,
      wire.path,
      shipment.body,
      reply.signal,
      shape,
    );
    for await (const { body, usage: reported } of chunks) {
      if (reply.signal.aborted) throw new UpstreamError("aborted", "the caller left");
      if (reported) {
        usage = reported;
        usageDetails = usageFields(body);
      }
      const event = wire.event(body, head);
      if (!event) continue;
      answer.take(body);
      finished += shape.ends(body);
      if (!isOpen && shape.hasContent(body)) await open();
      if (finished >= demand.choices) keep(lastEvents, event);
      else if (isOpen) {
        const room = reply.send(event);
        if (room) await room;
      } else keep(held, event);
    }
    // The provider ended properly with nothing generated: the caller still gets that answer, for nothing.
    if (!isOpen) await open();
    return delivery(true);
  } catch (error) {
    if (!isOpen) throw error;
    if (reply.signal.aborted) return delivery(false);
    throw error instanceof UpstreamError ? new BrokenStream(error) : error;
  }
}
