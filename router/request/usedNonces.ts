import type { Hex } from "../model/bytes.ts";
import type { Clock, PaymentNonces } from "../ports.ts";

/** How many reservations go by before what has expired is dropped. */
const SWEEP_EVERY = 1_000;

/**
 * The nonces of payments that have not expired, for the only router of an operator: what the journal has of former
 * processes, and what was reserved since. A reservation that a crash loses has paid for nothing.
 */
export class UsedNonces implements PaymentNonces {
  readonly #clock: Clock;
  /** Until when each must be remembered, unix s. */
  readonly #used = new Map<string, number>();
  #reserved = 0;

  constructor(
    clock: Clock,
    used: Iterable<{ readonly accountId: number; readonly nonce: Hex; readonly validBeforeSec: number }>,
  ) {
    this.#clock = clock;
    for (const { accountId, nonce, validBeforeSec } of used)
      this.#used.set(`${accountId} ${nonce.toLowerCase()}`, validBeforeSec);
  }

  get size(): number {
    return this.#used.size;
  }

  reserve(accountId: number, nonce: Hex, validBeforeSec: number): Promise<boolean> {
    const key = `${accountId} ${nonce.toLowerCase()}`;
    if (this.#used.has(key)) return Promise.resolve(false);
    this.#used.set(key, validBeforeSec);
    if (++this.#reserved % SWEEP_EVERY === 0) this.#sweep();
    return Promise.resolve(true);
  }

  #sweep(): void {
    const nowSec = this.#clock.nowMs() / 1000;
    for (const [key, validBeforeSec] of this.#used) if (validBeforeSec < nowSec) this.#used.delete(key);
  }
}
