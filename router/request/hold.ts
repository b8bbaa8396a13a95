import { isShortage, type AccountBook, type Hold, type Shortage } from "../model/account.ts";
import { formatTokens, type Wei } from "../model/money.ts";
import { Refusal } from "./refusal.ts";

/** The money of one request: nothing at first, then enough for the dearest offer it was sent to. */
export class RequestHold {
  readonly #accounts: AccountBook;
  readonly #accountId: number;
  #hold: Hold | undefined;

  constructor(accounts: AccountBook, accountId: number) {
    this.#accounts = accounts;
    this.#accountId = accountId;
  }

  /** Holds at least `amountWei`, or says what is missing and leaves everything as it is. */
  cover(amountWei: Wei): Shortage | undefined {
    if (this.#hold) return amountWei > this.#hold.amountWei ? this.#hold.resize(amountWei) : undefined;
    const result = this.#accounts.hold(this.#accountId, amountWei);
    if (isShortage(result)) return result;
    this.#hold = result;
    return undefined;
  }

  /** Gives everything back; what was served is in the book by now. */
  release(): void {
    this.#hold?.release();
  }
}

/** 402. Money held by requests in flight may come back in a moment; then it says when to try again. */
export function shortOf({ availableWei, neededWei, heldWei }: Shortage): Refusal {
  const isTransient = availableWei + heldWei >= neededWei;
  const available = availableWei > 0n ? availableWei : 0n;
  const missing = formatTokens(neededWei - available);
  const message = isTransient
    ? `requests in flight hold the balance; ${missing} tokens are missing until they end`
    : `the balance does not cover what this request can cost; ${missing} tokens are missing`;
  return new Refusal(402, "payment_required", message, {
    retryAfterSec: isTransient ? 1 : undefined,
    metadata: {
      limit_source: "account_balance",
      reason: isTransient ? "in_flight" : "insufficient",
      available: formatTokens(available),
      needed: formatTokens(neededWei),
      missing,
    },
  });
}
