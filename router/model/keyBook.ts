import type { Hold, Shortage } from "./account.ts";
import type { KeySpend } from "./funds.ts";
import type { KeyDay } from "./keyDay.ts";
import type { Wei } from "./money.ts";
import { endMsOf, PERIODS, startDayOf, type Period } from "./period.ts";
import type { ApiKey } from "./record.ts";

interface PeriodSpend {
  startDay: number;
  spentWei: Wei;
}

interface Entry {
  heldWei: Wei;
  totalWei: Wei;
  readonly periods: Record<Period, PeriodSpend>;
}

const DAY_MS = 86_400_000;

const nothing = (): PeriodSpend => ({ startDay: 0, spentWei: 0n });

/**
 * What every key has spent and holds, so that a limit is checked and taken in one step: no two requests can both see
 * the last of it.
 */
export class KeyBook {
  readonly #entries = new Map<string, Entry>();

  /** Takes in what the store has, once, before anything is held. */
  constructor(days: Iterable<KeyDay> = []) {
    for (const { keyId, day, spentWei } of days) this.recorded(keyId, spentWei, day * DAY_MS);
  }

  #entry(keyId: string): Entry {
    let entry = this.#entries.get(keyId);
    if (!entry) {
      const periods = { daily: nothing(), weekly: nothing(), monthly: nothing() };
      this.#entries.set(keyId, (entry = { heldWei: 0n, totalWei: 0n, periods }));
    }
    return entry;
  }

  /** Counts what was journaled at `atMs`. */
  recorded(keyId: string, costWei: Wei, atMs: number): void {
    if (costWei === 0n) return;
    const entry = this.#entry(keyId);
    entry.totalWei += costWei;
    for (const period of PERIODS) {
      const spend = entry.periods[period];
      const startDay = startDayOf(period, atMs);
      if (startDay > spend.startDay) Object.assign(spend, { startDay, spentWei: costWei });
      else if (startDay === spend.startDay) spend.spentWei += costWei;
    }
  }

  spend(keyId: string, nowMs: number): KeySpend {
    const entry = this.#entries.get(keyId);
    const within = (period: Period): Wei => {
      const spend = entry?.periods[period];
      return spend && spend.startDay === startDayOf(period, nowMs) ? spend.spentWei : 0n;
    };
    return {
      totalWei: entry?.totalWei ?? 0n,
      dailyWei: within("daily"),
      weeklyWei: within("weekly"),
      monthlyWei: within("monthly"),
      heldWei: entry?.heldWei ?? 0n,
    };
  }

  /** Sets part of a key's limit aside, or says what is missing; a key without a limit holds without bounds. */
  hold(key: ApiKey, amountWei: Wei, nowMs: number): Hold | Shortage {
    const entry = this.#entry(key.keyId);
    const take = (moreWei: Wei): Shortage | undefined => {
      const remainingWei = remainingOf(key, this.spend(key.keyId, nowMs));
      if (remainingWei !== undefined && moreWei > remainingWei)
        return { availableWei: remainingWei, neededWei: moreWei, heldWei: entry.heldWei };
      entry.heldWei += moreWei;
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
        if (!ended) entry.heldWei -= current;
        ended = true;
      },
    };
  }
}

/** What counts against a key's limit: everything, or what was spent in the running period. */
export function countedWei(
  { limitReset }: Pick<ApiKey, "limitReset">,
  spend: Omit<KeySpend, "heldWei">,
): Wei {
  if (limitReset === "daily") return spend.dailyWei;
  if (limitReset === "weekly") return spend.weeklyWei;
  if (limitReset === "monthly") return spend.monthlyWei;
  return spend.totalWei;
}

/** What is left of a key's limit; undefined for a key without one. Below zero when the limit was lowered. */
export function remainingOf(key: ApiKey, spend: KeySpend): Wei | undefined {
  if (key.limitWei === undefined) return undefined;
  return key.limitWei - countedWei(key, spend) - spend.heldWei;
}

/** When a key's limit begins anew, unix ms. */
export function resetsAtMs({ limitReset }: ApiKey, nowMs: number): number | undefined {
  return limitReset && endMsOf(limitReset, nowMs);
}
