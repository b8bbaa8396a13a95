import type { Clock, Logger } from "../ports.ts";

/** What one round has dropped. */
export interface Dropped {
  /** Records of the journal. */
  readonly records: number;
  /** Receipts of the store. */
  readonly receipts: number;
}

export interface RetentionOptions {
  /** How long receipts are kept once they are on chain for good. */
  readonly retentionMs: number;
  /** Drops what was recorded earlier and is final. Safe to repeat, and to interrupt. */
  readonly drop: (beforeMs: number) => Promise<Dropped>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly everyMs?: number;
}

const DAY_MS = 86_400_000;
/** A row is open to challenges until the bucket after its batch's ends, and a challenge of the last second for one more. */
const CHALLENGE_WINDOWS = 3;

/** How long a final row may still be asked about, in ms; with a day for clocks that differ. */
export function challengeableMs(challengeWindowSec: number): number {
  return CHALLENGE_WINDOWS * challengeWindowSec * 1000 + DAY_MS;
}

const EVERY_MS = 3_600_000;
/** After a start there is more urgent work. */
const FIRST_MS = 60_000;

/** Keeps journal and store from growing without bound: every hour, what is final and old enough is dropped. */
export class Retention {
  readonly #options: RetentionOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    this.#after(Math.min(FIRST_MS, this.#options.everyMs ?? EVERY_MS));
  }

  #after(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#running = this.run().finally(() => {
        if (this.#timer) this.#after(this.#options.everyMs ?? EVERY_MS);
      });
    }, ms);
    this.#timer.unref();
  }

  /** One round; what fails is tried again in the next. */
  async run(): Promise<void> {
    const { drop, clock, retentionMs, log } = this.#options;
    try {
      const dropped = await drop(clock.nowMs() - retentionMs);
      if (dropped.records > 0 || dropped.receipts > 0) log.info(dropped, "retention: dropped what is old");
    } catch (err) {
      log.warn({ err }, "retention: could not drop what is old; tried again in the next round");
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }
}
