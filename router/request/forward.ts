import { appFeeUp } from "../model/offer.ts";
import { failedAttempt, type Attempt } from "../model/outcome.ts";
import type { Candidate } from "../model/candidate.ts";
import { UpstreamError, type Try, type UpstreamFault } from "../ports.ts";
import { complete } from "./complete.ts";
import type { Delivery } from "./delivery.ts";
import { shortOf, type PurseShortage, type MoneyHold } from "./hold.ts";
import { ceilingAt, type PromptSize } from "./price.ts";
import { CallerLeft, settlementBehind } from "./refusal.ts";
import type { Reply } from "./reply.ts";
import { Retries } from "./retries.ts";
import { BrokenStream, stream } from "./stream.ts";
import { passBytes } from "./passBytes.ts";
import type { Shipment } from "./shipment.ts";
import { brokenStream, nobodyServed, noRoom, type PastTry } from "./unserved.ts";
import { upstreamBody } from "./upstreamBody.ts";
import type { Request, World } from "./world.ts";

/** Faults that are the provider's and become a failed row. A 429 is a matter of load; a refused request, of the caller. */
const PROVIDER_FAULTS: ReadonlySet<UpstreamFault> = new Set([
  "connect",
  "timeout",
  "credentials",
  "server",
  "protocol",
  "oversized",
  "in_band",
]);

const CHARACTERS_PER_UNIT = 4;

/** What the listing's averages learn; a guess will do where the provider does not say. */
function outputUnitsOf({ usage, ceiling, answer }: Delivery): number {
  if (ceiling.unit !== "token") return answer.units();
  const guess = (): number =>
    Math.ceil(answer.texts().reduce((sum, text) => sum + text.length, 0) / CHARACTERS_PER_UNIT);
  return usage?.outputUnits ?? guess();
}

/**
 * Tries offers until one delivers; only before any content has reached the caller. The hold covers every try before it
 * leaves. Failed tries are added to `failures`.
 * @throws {Refusal} when none delivers
 * @throws {CallerLeft}
 */
export async function forward(
  world: World,
  request: Request,
  ranked: readonly Candidate[],
  sizes: ReadonlyMap<number, PromptSize>,
  hold: MoneyHold,
  reply: Reply,
  failures: Attempt[],
): Promise<Delivery> {
  const { demand, app } = request;
  const past: PastTry[] = [];
  let shortage: PurseShortage | undefined;
  const retries = new Retries(ranked, request.startedAtMs + world.deadlineMs, world.random);
  for (;;) {
    const next = retries.next(world.clock.nowMs());
    if (!next) break;
    const { candidate, pauseMs } = next;
    if (pauseMs > 0 && !(await world.pause(pauseMs, reply.signal)))
      throw new CallerLeft("the caller left before another try");
    const size = sizes.get(candidate.model.modelId);
    if (!size || candidate.offer.retiresAtSec * 1000 <= world.clock.nowMs()) continue;
    const ceiling = ceilingAt(demand, size, candidate);
    const feeWei = appFeeUp(ceiling.amountWei, app.feeBps, app.maxAppFeePct);
    const missing = await hold.cover(ceiling.amountWei + feeWei);
    if (missing) {
      shortage ??= missing;
      continue;
    }
    const limit = world.exposure.exceeded(request.key.accountId);
    if (limit !== undefined) {
      world.metrics.overexposed(limit);
      throw settlementBehind(limit);
    }
    const ongoing = world.market.begin(candidate.offer.listingId);
    if (!ongoing) continue;
    const body = upstreamBody(demand, candidate, ceiling);
    const shipment = { requestId: request.requestId, demand, candidate, ceiling, body };
    try {
      const delivery = await send(world, shipment, reply, ongoing);
      world.metrics.attempt("served");
      ongoing.end({ kind: "served", outputUnits: outputUnitsOf(delivery) });
      return delivery;
    } catch (error) {
      const cause = error instanceof BrokenStream ? error.fault : error;
      if (!(cause instanceof UpstreamError)) {
        ongoing.end({ kind: "cancelled" });
        throw error;
      }
      world.metrics.attempt(cause.fault);
      if (reply.signal.aborted || cause.fault === "aborted") {
        ongoing.end({ kind: "cancelled" });
        throw new CallerLeft("the caller left before any content", { cause });
      }
      const { fault, retryAfterMs } = cause;
      ongoing.end(fault === "rejected" ? { kind: "cancelled" } : { kind: "fault", fault, retryAfterMs });
      if (PROVIDER_FAULTS.has(fault)) {
        const endedAtSec = Math.floor(world.clock.nowMs() / 1000);
        failures.push(failedAttempt(candidate.offer.offerId, endedAtSec));
      }
      past.push({ providerId: candidate.offer.providerId, error: cause });
      retries.failed(candidate, cause, world.clock.nowMs());
      world.logger.warn(
        { requestId: request.requestId, listingId: candidate.offer.listingId, fault, status: cause.status },
        "a provider failed",
      );
      if (error instanceof BrokenStream) throw brokenStream(cause);
      const isUnserved = demand.wire.isOptional && (cause.status === 404 || cause.status === 405);
      if (fault === "rejected" && !isUnserved) retries.giveUp(candidate);
    }
  }
  const [first, ...others] = past;
  if (first) throw nobodyServed([first, ...others]);
  throw shortage ? shortOf(shortage) : noRoom();
}

/** One try, in the way that the endpoint answers. @throws {UpstreamError} @throws {BrokenStream} */
async function send(world: World, shipment: Shipment, reply: Reply, ongoing: Try): Promise<Delivery> {
  const { wire, stream: isStreamed } = shipment.demand;
  if (wire.answers === "bytes") return passBytes(world, wire, shipment, reply, ongoing);
  return isStreamed
    ? stream(world, wire, shipment, reply, ongoing)
    : complete(world, wire, shipment, reply.signal);
}
