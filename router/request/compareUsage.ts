import { countUnits } from "./countUnits.ts";
import type { Delivery } from "./delivery.ts";
import type { World } from "./world.ts";

/** Every answer of a listing is compared until there are so many; then one in so many. */
const FIRST_ANSWERS = 16;
const ONE_IN = 16;
/** Comparisons that wait for their turn; more are not worth waiting for. */
const MOST_WAITING = 32;
/** Counting takes a millisecond per 10,000 characters or so, and everybody waits meanwhile; the rest is like the beginning. */
const MOST_CHARACTERS = 16_000;
/** Of shorter answers a ratio says little. */
const FEWEST_UNITS = 16;
/** Tokenizers differ by less, on most text. */
const TOLERANCE = 1.5;

/**
 * Compares what providers report with what was counted here, a sample of it, after the caller has its answer. The output
 * alone: of the prompt, providers see what templates and hidden prompts add. What was reported stays what is billed, up
 * to the hold; who reports much more than others of its model for the same text is routed to less.
 */
export class UsageComparison {
  readonly #world: Pick<World, "market" | "metrics" | "logger">;
  readonly #answers = new Map<number, number>();
  #waiting = 0;

  constructor(world: Pick<World, "market" | "metrics" | "logger">) {
    this.#world = world;
  }

  /** Takes a delivery into the sample, or not; resolves when that is done. Never throws. */
  async consider(delivery: Delivery): Promise<void> {
    const { usage, ceiling, candidate } = delivery;
    const reportedUnits = usage?.outputUnits;
    if (reportedUnits === undefined || ceiling.unit !== "token" || !delivery.isWhole) return;
    const { listingId } = candidate.offer;
    const answers = this.#answers.get(listingId) ?? 0;
    this.#answers.set(listingId, answers + 1);
    if (answers >= FIRST_ANSWERS && answers % ONE_IN !== 0) return;
    if (this.#waiting >= MOST_WAITING) return;
    this.#waiting++;
    try {
      await new Promise((resolve) => setImmediate(resolve));
      await this.#compare(listingId, reportedUnits, delivery.answer.texts());
    } catch (err) {
      this.#world.logger.warn({ err, listingId }, "an answer could not be counted");
    } finally {
      this.#waiting--;
    }
  }

  async #compare(listingId: number, reportedUnits: number, texts: readonly string[]): Promise<void> {
    const text = texts.filter((piece) => piece !== "").join("\n");
    const part = text.slice(0, MOST_CHARACTERS);
    const partUnits = await countUnits([part]);
    const countedUnits = part.length === 0 ? 0 : Math.round((partUnits * text.length) / part.length);
    if (countedUnits < FEWEST_UNITS && reportedUnits < FEWEST_UNITS) return;
    const counted = Math.max(1, countedUnits);
    const isDrift = reportedUnits > counted * TOLERANCE || reportedUnits * TOLERANCE < counted;
    const { market, metrics, logger } = this.#world;
    market.compared(listingId, reportedUnits, counted);
    metrics.compared(listingId, reportedUnits, counted, isDrift);
    if (isDrift) logger.warn({ listingId, reportedUnits, countedUnits }, "usage is not what was generated");
  }
}
