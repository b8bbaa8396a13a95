import type { UsageSide } from "../ports.ts";
import { countByBeginning, countPromptByBeginning } from "./countUnits.ts";
import type { Delivery } from "./delivery.ts";
import type { Demand } from "./demand.ts";
import type { World } from "./world.ts";

/** Every answer of a listing is compared until there are so many; then one in so many, and nobody knows which. */
const FIRST_ANSWERS = 16;
const ONE_IN = 16;
/** Comparisons that wait for their turn; more are not worth waiting for. */
const MOST_WAITING = 32;
/** Counting takes a millisecond per 10,000 characters or so, and everybody waits meanwhile; the rest is like the beginning. */
const MOST_CHARACTERS = 16_000;
/** Of less a ratio says little; around prompts there is more that is not ours to see. */
const FEWEST_UNITS: Readonly<Record<UsageSide, number>> = { input: 128, output: 16 };
/** Tokenizers differ by less, on most text. */
const TOLERANCE = 1.5;

type Parts = Pick<World, "market" | "metrics" | "logger" | "random">;

/**
 * Compares what providers report with what was counted here, a sample of it, after the caller has its answer. What was
 * reported stays what is billed, up to the hold; who reports more than others of its model is routed to less.
 */
export class UsageComparison {
  readonly #world: Parts;
  readonly #answers = new Map<number, number>();
  #waiting = 0;

  constructor(world: Parts) {
    this.#world = world;
  }

  /** Takes a delivery into the sample, or not; resolves when that is done. Never throws. */
  async consider(demand: Demand, delivery: Delivery): Promise<void> {
    const { usage, ceiling, candidate } = delivery;
    if (!usage || ceiling.unit !== "token" || !delivery.isWhole) return;
    const { listingId } = candidate.offer;
    const answers = this.#answers.get(listingId) ?? 0;
    if (answers < FIRST_ANSWERS) this.#answers.set(listingId, answers + 1);
    else if (this.#world.random() * ONE_IN >= 1) return;
    if (this.#waiting >= MOST_WAITING) return;
    this.#waiting++;
    try {
      await new Promise((resolve) => setImmediate(resolve));
      const { inputUnits, outputUnits } = usage;
      if (outputUnits !== undefined) {
        const counted = await countByBeginning(delivery.answer.texts(), MOST_CHARACTERS);
        this.#compare(listingId, "output", outputUnits, counted);
      }
      if (inputUnits !== undefined && demand.isTextOnly) {
        const counted = await countPromptByBeginning(demand.body, MOST_CHARACTERS);
        this.#compare(listingId, "input", inputUnits, counted);
      }
    } catch (err) {
      this.#world.logger.warn({ err, listingId }, "usage could not be counted");
    } finally {
      this.#waiting--;
    }
  }

  #compare(listingId: number, side: UsageSide, reportedUnits: number, countedUnits: number): void {
    if (Math.max(countedUnits, reportedUnits) < FEWEST_UNITS[side]) return;
    const counted = Math.max(1, countedUnits);
    const isDrift = reportedUnits > counted * TOLERANCE || reportedUnits * TOLERANCE < counted;
    const { market, metrics, logger } = this.#world;
    market.compared(listingId, side, reportedUnits, counted);
    metrics.compared(listingId, side, reportedUnits, counted, isDrift);
    if (isDrift)
      logger.warn({ listingId, side, reportedUnits, countedUnits }, "usage is not what was counted");
  }
}
