/** A stream of pseudo-random numbers that a seed decides (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** In [0, 1). */
  real(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** From `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.real() * (max - min + 1));
  }

  /** Around `median`; its logarithm is spread evenly over `[1 / factor, factor]`. */
  around(median: number, factor: number): number {
    return median * factor ** (2 * this.real() - 1);
  }

  wei(min: bigint, max: bigint): bigint {
    const span = max - min + 1n;
    let value = 0n;
    for (let bits = 1n; bits < span; bits <<= 32n) value = (value << 32n) | BigInt(this.int(0, 2 ** 32 - 1));
    return min + (value % span);
  }
}
