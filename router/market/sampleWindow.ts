import type { Percentiles } from "../model/candidate.ts";

const SPAN_MS = 30 * 60_000;
const MOST_SAMPLES = 512;
/** Sorting again for every reader would be waste. */
const FRESH_MS = 1_000;

/** The latest samples of a figure, half an hour of them at most. */
export class SampleWindow {
  readonly #now: () => number;
  readonly #lowIsGood: boolean;
  /** Most listings never get one: room is made with the first sample. */
  #values = new Float64Array(0);
  #timesMs = new Float64Array(0);
  #count = 0;
  #cached: Percentiles | undefined;
  #cachedAtMs = Number.NEGATIVE_INFINITY;

  constructor(now: () => number, lowIsGood: boolean) {
    this.#now = now;
    this.#lowIsGood = lowIsGood;
  }

  add(value: number, atMs = this.#now()): void {
    if (this.#count === 0) {
      this.#values = new Float64Array(MOST_SAMPLES);
      this.#timesMs = new Float64Array(MOST_SAMPLES);
    }
    const at = this.#count++ % MOST_SAMPLES;
    this.#values[at] = value;
    this.#timesMs[at] = atMs;
  }

  /** Each is what that share of the requests did at least as well as; undefined without any. */
  percentiles(): Percentiles | undefined {
    const nowMs = this.#now();
    if (nowMs - this.#cachedAtMs < FRESH_MS) return this.#cached;
    this.#cachedAtMs = nowMs;
    const filled = Math.min(this.#count, MOST_SAMPLES);
    const values = this.#values
      .subarray(0, filled)
      .filter((_, i) => nowMs - (this.#timesMs[i] as number) <= SPAN_MS)
      .toSorted();
    if (!this.#lowIsGood) values.reverse();
    const at = (share: number): number => values[Math.ceil(share * values.length) - 1] as number;
    this.#cached =
      values.length === 0 ? undefined : { p50: at(0.5), p75: at(0.75), p90: at(0.9), p99: at(0.99) };
    return this.#cached;
  }
}
