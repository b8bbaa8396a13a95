import type { Hex } from "../model/bytes.ts";
import { timingOf } from "../model/timing.ts";
import { amountOf, billedInputUnitsUp } from "../model/offer.ts";
import { contentHash } from "../model/commitment.ts";
import { failedAttempt, type Attempt } from "../model/outcome.ts";
import { answerHash } from "./answer.ts";
import { countPrompt, countUnits } from "./countUnits.ts";
import type { Delivery } from "./delivery.ts";
import type { Demand } from "./demand.ts";
import type { World } from "./world.ts";

/** A delivery as it is billed. */
export interface Metered {
  readonly attempt: Attempt;
  /** Before any discount for cached input; what the caller reads as its usage. */
  readonly promptUnits: number;
  readonly completionUnits: number;
}

/** Counts what was generated. */
async function countOutput(delivery: Delivery): Promise<number> {
  return delivery.content.kind === "chat" ? countUnits(delivery.content.parts.texts()) : 0;
}

function hashOf(delivery: Delivery): Hex {
  const { content } = delivery;
  return content.kind === "chat" ? answerHash(content.parts.choices()) : contentHash({ data: content.data });
}

/** True when nothing was generated, by our own eyes and by the provider's word. */
function isEmpty({ content, usage }: Delivery): boolean {
  return content.kind === "chat" && content.parts.isEmpty && (usage?.outputUnits ?? 0) === 0;
}

/**
 * Turns a delivery into what it costs. The provider's own figures count where it gives any, and a reported zero is a
 * value; what it reports beyond the ceiling was never held and is never billed.
 */
export async function meter(world: World, demand: Demand, delivery: Delivery): Promise<Metered> {
  const { candidate, ceiling, usage } = delivery;
  const { offer } = candidate;
  const promptUnits = usage?.inputUnits ?? (await countPrompt(demand.body));
  const completionUnits = usage?.outputUnits ?? (await countOutput(delivery));
  const over =
    Math.max(0, promptUnits - ceiling.inputUnits) + Math.max(0, completionUnits - ceiling.outputUnits);
  if (over > 0) {
    world.metrics.overreported(offer.listingId, over);
    world.logger.warn({ listingId: offer.listingId, units: over }, "more units reported than were held");
  }
  const shownInput = Math.min(promptUnits, ceiling.inputUnits);
  const { offerId } = offer;
  const servedAtSec = Math.floor(delivery.endedAtMs / 1000);
  if (isEmpty(delivery))
    return { attempt: failedAttempt(offerId, servedAtSec), promptUnits: shownInput, completionUnits: 0 };
  const units = {
    inputUnits: billedInputUnitsUp(shownInput, usage?.cachedUnits ?? 0, offer.cachedBps),
    outputUnits: Math.min(completionUnits, ceiling.outputUnits),
  };
  const attempt: Attempt = {
    offerId,
    ...units,
    timing: timingOf(delivery.endedAtMs - delivery.startedAtMs),
    amountWei: amountOf(offer, units),
    responseHash: hashOf(delivery),
    servedAtSec,
  };
  return { attempt, promptUnits: shownInput, completionUnits: units.outputUnits };
}
