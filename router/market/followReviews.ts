import type { Logger, ReviewDesk } from "../ports.ts";
import type { Opinions } from "./opinions.ts";

export interface FollowReviewsOptions {
  readonly desk: Pick<ReviewDesk, "look">;
  readonly opinions: Opinions;
  readonly log: Logger;
  readonly pollMs: number;
}

const MOST_FAILURES_APART = 3;

/** Keeps what is known of reviews as the chain has it. Survives the chain being away. */
export class FollowReviews {
  readonly #options: FollowReviewsOptions;
  #running: Promise<void> | undefined;
  #stopping = false;
  #wake: () => void = () => {};

  constructor(options: FollowReviewsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running;
  }

  /** Takes in what is new. */
  async look(): Promise<void> {
    const { desk, opinions } = this.#options;
    const { reviews, reorganized } = await desk.look();
    if (reorganized) opinions.reorganized();
    opinions.reviewed(reviews);
  }

  async #loop(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        await this.look();
        failures = 0;
      } catch (err) {
        failures++;
        if (failures === 1 || failures % 30 === 0)
          this.#options.log.warn({ err, failures }, "reviews: the chain does not answer");
      }
      const pauseMs = this.#options.pollMs * 2 ** Math.min(failures, MOST_FAILURES_APART);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
