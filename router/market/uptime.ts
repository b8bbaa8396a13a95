const MINUTE_MS = 60_000;
const MINUTES = 24 * 60;

/** Successes and failures by the minute, for a day. */
export class Uptime {
  readonly #now: () => number;
  /** Room is made with the first try. */
  #good = new Uint32Array(0);
  #bad = new Uint32Array(0);
  /** The minute that was counted last. */
  #minute: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#minute = Math.floor(now() / MINUTE_MS);
  }

  add(hasSucceeded: boolean, atMs = this.#now()): void {
    if (this.#good.length === 0) {
      this.#good = new Uint32Array(MINUTES);
      this.#bad = new Uint32Array(MINUTES);
    }
    const minute = Math.min(this.#advance(), Math.floor(atMs / MINUTE_MS));
    if (minute <= this.#minute - MINUTES) return;
    const at = minute % MINUTES;
    const counts = hasSucceeded ? this.#good : this.#bad;
    counts[at] = (counts[at] as number) + 1;
  }

  /** The share of the last `minutes` that succeeded; undefined when there was nothing. */
  share(minutes: number): number | undefined {
    if (this.#good.length === 0) return undefined;
    const last = this.#advance();
    let good = 0;
    let bad = 0;
    for (let minute = last; minute > last - Math.min(minutes, MINUTES); minute--) {
      good += this.#good[minute % MINUTES] as number;
      bad += this.#bad[minute % MINUTES] as number;
    }
    return good + bad === 0 ? undefined : good / (good + bad);
  }

  /** Forgets the minutes of a day ago; the minute it is. */
  #advance(): number {
    const minute = Math.max(this.#minute, Math.floor(this.#now() / MINUTE_MS));
    for (let next = Math.max(this.#minute + 1, minute - MINUTES + 1); next <= minute; next++) {
      this.#good[next % MINUTES] = 0;
      this.#bad[next % MINUTES] = 0;
    }
    this.#minute = minute;
    return minute;
  }
}
