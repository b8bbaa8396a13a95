import { timingOf } from "../model/timing.ts";
import { amountOf, billedInputUnitsUp, type Unit } from "../model/offer.ts";
import { failedAttempt, type Attempt } from "../model/outcome.ts";
import { countPrompt, countUnits } from "./countUnits.ts";
import type { Delivery } from "./delivery.ts";
import type { Demand } from "./demand.ts";
import type { World } from "./world.ts";

/** A delivery as it is billed. */
export interface Metered {
  readonly attempt: Attempt;
  readonly unit: Unit;
  /** Before any discount for cached input; what the caller reads as its usage. */
  readonly promptUnits: number;
  readonly completionUnits: number;
}

/** True when nothing was generated, by our own eyes and by the provider's word. */
function isEmpty({ answer, usage }: Delivery): boolean {
  return answer.isEmpty && (usage?.outputUnits ?? 0) === 0;
}

/** What was generated, in the model's unit. A provider counts tokens; whatever else there is to count is before us. */
async function outputUnitsOf({ answer, usage, ceiling }: Delivery): Promise<number> {
  if (ceiling.unit !== "token") return answer.units();
  return usage?.outputUnits ?? countUnits(answer.texts());
}

/**
 * Turns a delivery into what it costs. The provider's own figures count where it gives any, and a reported zero is a
 * value; what it reports beyond the ceiling was never held and is never billed.
 */
export async function meter(world: World, demand: Demand, delivery: Delivery): Promise<Metered> {
  const { candidate, ceiling, usage } = delivery;
  const { offer } = candidate;
  const { unit } = ceiling;
  const promptUnits = unit === "token" ? (usage?.inputUnits ?? (await countPrompt(demand.body))) : 0;
  const completionUnits = await outputUnitsOf(delivery);
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
    return {
      attempt: failedAttempt(offerId, servedAtSec),
      unit,
      promptUnits: shownInput,
      completionUnits: 0,
    };
  const units = {
    inputUnits: billedInputUnitsUp(
      shownInput,
      (unit === "token" && usage?.cachedUnits) || 0,
      offer.cachedBps,
    ),
    outputUnits: Math.min(completionUnits, ceiling.outputUnits),
  };
  const attempt: Attempt = {
    offerId,
    ...units,
    timing: timingOf(delivery.endedAtMs - delivery.startedAtMs),
    amountWei: amountOf(offer, units),
    responseHash: delivery.answer.hash(),
    servedAtSec,
  };
  return { attempt, unit, promptUnits: shownInput, completionUnits: units.outputUnits };
}
