import { isShortage, type Hold, type Shortage } from "../model/account.ts";
import type { Purse } from "../model/funds.ts";
import { formatTokens, type Wei } from "../model/money.ts";
import { Refusal } from "./refusal.ts";

/** Which purse is short of what. */
export interface PurseShortage extends Shortage {
  readonly purse: Pick<Purse, "source" | "resetsAtMs">;
}

const MOST_REFILLS = 5;

/** Money set aside for a request, or for its part of several. */
export interface MoneyHold {
  /** Holds at least `amountWei`, or says what is missing and leaves everything as it is. */
  cover(amountWei: Wei): Promise<PurseShortage | undefined>;
  /** Gives everything back; what was served is in the books by now. */
  release(): void;
}

/** The money of one request: nothing at first, then enough for the dearest offer it was sent to, in every purse. */
export class RequestHold implements MoneyHold {
  readonly #purses: readonly Purse[];
  readonly #holds = new Map<Purse, Hold>();
  #amountWei: Wei = 0n;
  #ended = false;

  constructor(purses: readonly Purse[]) {
    this.#purses = purses;
  }

  /** Holds at least `amountWei` in every purse, or says what is missing and leaves everything as it is. */
  async cover(amountWei: Wei): Promise<PurseShortage | undefined> {
    if (this.#holds.size > 0 && amountWei <= this.#amountWei) return undefined;
    for (const [done, purse] of this.#purses.entries()) {
      const shortage = await this.#coverIn(purse, amountWei);
      if (!shortage) continue;
      for (const covered of this.#purses.slice(0, done)) this.#undo(covered);
      return { ...shortage, purse };
    }
    this.#amountWei = amountWei;
    return undefined;
  }

  async #coverIn(purse: Purse, amountWei: Wei): Promise<Shortage | undefined> {
    let shortage = this.#take(purse, amountWei);
    // Another request may take what was got for this one.
    for (let tries = 0; shortage && purse.refill && tries < MOST_REFILLS; tries++) {
      const isFilled = await purse.refill(shortage.neededWei);
      shortage = this.#take(purse, amountWei);
      if (!isFilled) break;
    }
    return shortage;
  }

  #take(purse: Purse, amountWei: Wei): Shortage | undefined {
    if (this.#ended) throw new RangeError("the request's hold has ended");
    const hold = this.#holds.get(purse);
    if (hold) return amountWei > hold.amountWei ? hold.resize(amountWei) : undefined;
    const result = purse.hold(amountWei);
    if (isShortage(result)) return result;
    this.#holds.set(purse, result);
    return undefined;
  }

  /** Takes a purse back to where it was before this cover. */
  #undo(purse: Purse): void {
    if (this.#amountWei > 0n) this.#holds.get(purse)?.resize(this.#amountWei);
    else {
      this.#holds.get(purse)?.release();
      this.#holds.delete(purse);
    }
  }

  /** Gives back what is more than `amountWei`. */
  shrink(amountWei: Wei): void {
    if (this.#ended || amountWei >= this.#amountWei) return;
    for (const hold of this.#holds.values()) hold.resize(amountWei);
    this.#amountWei = amountWei;
  }

  /** Gives everything back; what was served is in the books by now. */
  release(): void {
    this.#ended = true;
    for (const hold of this.#holds.values()) hold.release();
  }
}

/** 402. Money held by requests in flight may come back in a moment; then it says when to try again. */
export function shortOf({ availableWei, neededWei, heldWei, purse }: PurseShortage): Refusal {
  const isKey = purse.source === "key_limit";
  const isTransient = availableWei + heldWei >= neededWei;
  const available = availableWei > 0n ? availableWei : 0n;
  const missing = formatTokens(neededWei - available);
  const whole = isKey ? "limit of this key" : "balance";
  const message = isTransient
    ? `requests in flight hold the ${whole}; ${missing} tokens are missing until they end`
    : `the ${whole} does not cover what this request can cost; ${missing} tokens are missing`;
  return new Refusal(402, "payment_required", message, {
    retryAfterSec: isTransient ? 1 : undefined,
    metadata: {
      limit_source: purse.source,
      reason: isTransient ? "in_flight" : "insufficient",
      available: formatTokens(available),
      needed: formatTokens(neededWei),
      missing,
      ...(purse.resetsAtMs !== undefined && { resets_at: new Date(purse.resetsAtMs).toISOString() }),
    },
  });
}
