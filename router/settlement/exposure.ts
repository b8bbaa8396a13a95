import type { AccountBook } from "../model/account.ts";
import type { Wei } from "../model/money.ts";
import type { Clock, Exposure, ExposureLimit } from "../ports.ts";

export interface BondExposureOptions {
  readonly accounts: AccountBook;
  readonly clock: Clock;
  /** Seconds after its service in which a row has to settle; then its provider may settle it alone. */
  readonly settleWindowSec: number;
  /** How long the chain has been silent. */
  readonly silentMs: () => number;
}

/** Half the window is for serving on, the other half for the chain to come back and take what has gathered. */
const SHARE_OF_WINDOW = 2;

/**
 * Lets the router serve on while its settlements wait, as long as its bond covers what they come to, and they can still
 * be in time. An old view of the bond is a safe one: what an operator asks back stays slashable for longer than any
 * row's window, and a slashing needs evidence that this very router has signed.
 */
export class BondExposure implements Exposure {
  readonly #options: BondExposureOptions;
  #bondWei: Wei = 0n;

  constructor(options: BondExposureOptions) {
    this.#options = options;
  }

  /** What the operator has at stake and owes to nobody. */
  setBond(freeWei: Wei): void {
    this.#bondWei = freeWei;
  }

  bondWei(): Wei {
    return this.#bondWei;
  }

  /** From this much on, what waits is settled at once: serving needs the rest. */
  urgentWei(): Wei {
    return this.#bondWei / 2n;
  }

  /** The age of the oldest row that waits, of any account. */
  oldestSec(): number {
    const { accounts, clock } = this.#options;
    const oldest = accounts.accountIds().reduce((least, id) => {
      return Math.min(least, accounts.oldestUnsettledSec(id) ?? Infinity);
    }, Infinity);
    return oldest === Infinity ? 0 : clock.nowMs() / 1000 - oldest;
  }

  /** Why nobody can be served; undefined when somebody can. */
  closed(): ExposureLimit | undefined {
    const { accounts, settleWindowSec, silentMs } = this.#options;
    if (silentMs() > (settleWindowSec * 1000) / SHARE_OF_WINDOW) return "chain";
    return accounts.exposedWei() > this.#bondWei ? "operator_bond" : undefined;
  }

  exceeded(accountId: number): ExposureLimit | undefined {
    const { accounts, clock, settleWindowSec } = this.#options;
    const oldestSec = accounts.oldestUnsettledSec(accountId);
    const isLate =
      oldestSec !== undefined && clock.nowMs() / 1000 - oldestSec > settleWindowSec / SHARE_OF_WINDOW;
    return this.closed() ?? (isLate ? "settle_window" : undefined);
  }
}
