/** Looks for the best that somebody who buys from itself can do. */
import { playYear, type Attack, type Year } from "./play.ts";
import type { Provider, World } from "./world.ts";

/** From one wei in ten thousand of what strangers pay to ten times that. */
const AMOUNTS_BPS = [1n, 10n, 100n, 300n, 1_000n, 3_000n, 10_000n, 30_000n, 100_000n];
const REFINEMENTS = 3;
const FREE_ROWS = 100_000n;

export interface Outcome {
  readonly attack: Attack;
  readonly year: Year;
  /** With the operators in the plot, which then give their share back. */
  readonly withOperators: boolean;
  /** Wei more than the same provider earns without the attack; gas would come on top. */
  readonly profit: bigint;
}

/** The most profitable attack of those that review, or of those that do not. */
export function bestAttack(world: World, provider: Provider, reviews: boolean): Outcome {
  const honest = playYear(world, provider, null);
  let best: Outcome | undefined;
  for (const everywhere of [false, true])
    for (const instant of [false, true])
      for (const freeRows of [0n, FREE_ROWS]) {
        const plan = { everywhere, instant, reviews, freeRows };
        const found = bestAmount(world, provider, honest, plan);
        if (best === undefined || found.profit > best.profit) best = found;
      }
  if (best === undefined) throw new Error("there is no attack to choose from");
  return best;
}

function bestAmount(
  world: World,
  provider: Provider,
  honest: Year,
  plan: Omit<Attack, "amountBps">,
): Outcome {
  const tried = new Map<bigint, Outcome>();
  const attempt = (amountBps: bigint): void => {
    if (amountBps > 0n && !tried.has(amountBps))
      tried.set(amountBps, outcomeOf(world, provider, honest, { ...plan, amountBps }));
  };
  for (const amountBps of AMOUNTS_BPS) attempt(amountBps);
  for (let i = 0; i < REFINEMENTS; i++) {
    const amounts = [...tried.keys()].toSorted((a, b) => (a < b ? -1 : 1));
    const at = amounts.indexOf(mostProfitable(tried).attack.amountBps);
    const [before, here, after] = [amounts[at - 1] ?? 0n, amounts[at] ?? 1n, amounts[at + 1]];
    attempt((before + here) / 2n);
    if (after !== undefined) attempt((here + after) / 2n);
  }
  return mostProfitable(tried);
}

function mostProfitable(tried: ReadonlyMap<bigint, Outcome>): Outcome {
  return [...tried.values()].reduce((best, next) => (next.profit > best.profit ? next : best));
}

export function outcomeOf(world: World, provider: Provider, honest: Year, attack: Attack): Outcome {
  const year = playYear(world, provider, attack);
  const alone = year.reward - honest.reward + year.appRewards + year.rebates - year.paid;
  // An operator that has no share to give back is of no use to anybody.
  const withOperators = year.operatorShares > 0n;
  return { attack, year, withOperators, profit: alone + year.operatorShares };
}
