import type { Hold, Shortage } from "./account.ts";
import type { Wei } from "./money.ts";

/**
 * A part of an account's money, or of a key's limit, that this router alone may spend until it runs out or lapses. What
 * is held is part of it; what is spent leaves it.
 */
export class Lease {
  #amountWei: Wei = 0n;
  #heldWei: Wei = 0n;
  #validUntilMs = 0;
  /** Spent since it was last asked: what it is likely to need soon. */
  #spentWei: Wei = 0n;
  /** What was to be had besides, when it was last filled. */
  #freeWei: Wei = 0n;
  #othersWei: Wei = 0n;

  get amountWei(): Wei {
    return this.#amountWei;
  }

  get heldWei(): Wei {
    return this.#heldWei;
  }

  get validUntilMs(): number {
    return this.#validUntilMs;
  }

  availableWei(nowMs: number): Wei {
    return nowMs < this.#validUntilMs ? this.#amountWei - this.#heldWei : 0n;
  }

  /** More was granted; `freeWei` is left for anybody, `othersWei` is what other routers have. */
  grant(grantedWei: Wei, freeWei: Wei, othersWei: Wei): void {
    this.#amountWei += grantedWei;
    this.#freeWei = freeWei;
    this.#othersWei = othersWei;
  }

  /** It lasts until then. */
  renew(validUntilMs: number): void {
    this.#validUntilMs = validUntilMs;
  }

  /** It has lapsed: others may have it by now. */
  lapse(): void {
    this.#amountWei = 0n;
    this.#validUntilMs = 0;
  }

  spend(costWei: Wei): void {
    this.#amountWei = this.#amountWei > costWei ? this.#amountWei - costWei : 0n;
    this.#spentWei += costWei;
  }

  /** Takes out what is neither held nor likely to be needed soon. */
  giveBack(keepsReserve: boolean): void {
    const reserveWei = keepsReserve ? 4n * this.#spentWei : 0n;
    this.#spentWei = 0n;
    const spareWei = this.#amountWei - this.#heldWei - reserveWei;
    if (spareWei > 0n) this.#amountWei -= spareWei;
  }

  get isIdle(): boolean {
    return this.#amountWei === 0n && this.#heldWei === 0n;
  }

  hold(amountWei: Wei, nowMs: () => number): Hold | Shortage {
    const take = (moreWei: Wei): Shortage | undefined => {
      const availableWei = this.availableWei(nowMs());
      if (moreWei > availableWei)
        return {
          availableWei: availableWei + this.#freeWei,
          neededWei: moreWei,
          heldWei: this.#heldWei + this.#othersWei,
        };
      this.#heldWei += moreWei;
      return undefined;
    };
    const shortage = take(amountWei);
    if (shortage) return shortage;
    let current = amountWei;
    let ended = false;
    return {
      get amountWei() {
        return current;
      },
      resize: (nextWei) => {
        if (ended) throw new RangeError("the hold has ended");
        const problem = take(nextWei - current);
        if (!problem) current = nextWei;
        return problem;
      },
      release: () => {
        if (!ended) this.#heldWei -= current;
        ended = true;
      },
    };
  }
}
