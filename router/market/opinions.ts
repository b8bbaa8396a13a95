import { MOST_STARS, type Feedback, type Review } from "../model/feedback.ts";
import { receiptId } from "../model/receipt.ts";
import { TASKS, type Task } from "../routing/tasks.ts";
import type { ModelQuality } from "./modelQuality.ts";

/** Reviews kept; the latest. */
const MOST_REVIEWS = 20_000;

export interface OpinionsOptions {
  readonly quality: ModelQuality;
  /** Undefined for a listing that the market does not know yet. */
  readonly modelOf: (listingId: number) => number | undefined;
}

/** What reviews add up to: each counts for the fee that its row paid. */
export interface Rated {
  /** 1 to 5 */
  readonly average: number;
  readonly count: number;
}

/** What payers think: reviews on chain, and feedback on their own requests. Both teach `auto`; one row speaks once. */
export class Opinions {
  readonly #options: OpinionsOptions;
  /** By receipt, in order of the chain. */
  readonly #reviews = new Map<string, Review>();
  readonly #feedback = new Map<string, Feedback>();

  constructor(options: OpinionsOptions) {
    this.#options = options;
  }

  /** Feedback of the router's own callers. What is on chain of the same row counts in its place. */
  heard(feedback: Feedback): void {
    const id = receiptId(feedback);
    this.#feedback.set(id, feedback);
    if (this.#reviews.has(id)) return;
    const { owner, modelId, task, rating } = feedback;
    const known = TASKS.find((each) => each === task);
    this.#learn(id, owner, modelId, known, rating);
  }

  reviewed(reviews: readonly Review[]): void {
    for (const review of reviews) {
      const id = receiptId(review);
      this.#reviews.delete(id);
      this.#reviews.set(id, review);
      const modelId = this.#options.modelOf(review.listingId);
      if (modelId !== undefined) this.#learn(id, review.owner, modelId, undefined, review.rating);
      if (this.#reviews.size <= MOST_REVIEWS) continue;
      const [oldest] = this.#reviews.keys();
      if (oldest !== undefined) this.#reviews.delete(oldest);
    }
  }

  /** The chain took back what it had said. */
  reorganized(): void {
    for (const id of this.#reviews.keys()) this.#options.quality.forget(id);
    const lost = [...this.#reviews.keys()];
    this.#reviews.clear();
    for (const id of lost) {
      const feedback = this.#feedback.get(id);
      if (feedback) this.heard(feedback);
    }
  }

  #learn(id: string, owner: string, modelId: number, task: Task | undefined, rating: number): void {
    const score = (rating - 1) / (MOST_STARS - 1);
    this.#options.quality.learn({ id, voice: owner.toLowerCase(), modelId, task, score });
  }

  /** The review that a row has backed. */
  reviewOf(accountId: number, seq: number): Review | undefined {
    return this.#reviews.get(receiptId({ accountId, seq }));
  }

  /** The latest first, at most `limit`. */
  reviewsOf(listingIds: ReadonlySet<number>, limit: number): readonly Review[] {
    const found: Review[] = [];
    for (const review of [...this.#reviews.values()].toReversed()) {
      if (found.length >= limit) break;
      if (listingIds.has(review.listingId)) found.push(review);
    }
    return found;
  }

  /** Undefined for a listing without reviews. */
  rated(listingId: number): Rated | undefined {
    let weights = 0;
    let sum = 0;
    let count = 0;
    for (const review of this.#reviews.values()) {
      if (review.listingId !== listingId) continue;
      // A row too cheap to pay a fee counts a little.
      const weight = Math.max(1, Number(review.weightWei));
      weights += weight;
      sum += weight * review.rating;
      count++;
    }
    return count === 0 ? undefined : { average: sum / weights, count };
  }
}
