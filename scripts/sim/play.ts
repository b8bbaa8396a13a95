/** What a provider earns in a year, with requests that it buys from itself or without. */
import type { Provider, Sales, World } from "./world.ts";
import {
  addSold,
  appReward,
  boostBps,
  NO_METRICS,
  poolPart,
  providerReward,
  rewardableFees,
  scoreOf,
  type Sold,
} from "./rewardModel.ts";

const BPS = 10_000n;
const MAX_UNITS = (1n << 24n) - 1n;
const BEST_RATING = 5n;

/** What a provider buys from itself, in every epoch. */
export interface Attack {
  /** Wei, against 10,000 of what strangers pay. */
  readonly amountBps: bigint;
  /** Through each operator that it sells through, or the first only. */
  readonly everywhere: boolean;
  /** As fast as there is, and all of it for output, or as it serves strangers. */
  readonly instant: boolean;
  /** Each row from another owner, who rates it 5. */
  readonly reviews: boolean;
  /** Rows of a price list of zeros on top: they cost nothing but gas. */
  readonly freeRows: bigint;
}

/** In wei. */
export interface Year {
  /** Protocol fee that strangers paid. */
  readonly fees: bigint;
  /** What the pools have of all fees, without rebates and operators' shares. */
  readonly pool: bigint;
  readonly reward: bigint;
  /** Mean, weighed by fees. */
  readonly multiplier: bigint;
  /** Protocol fee of the rows bought from oneself. */
  readonly paid: bigint;
  /** Of `paid`: back as credits. */
  readonly rebates: bigint;
  /** To the app of those rows, which is the attacker's own. */
  readonly appRewards: bigint;
  /** To the operators that settled them. */
  readonly operatorShares: bigint;
}

type Totals = { -readonly [field in keyof Year]: Year[field] };

export function playYear(world: World, provider: Provider, attack: Attack | null): Year {
  const year: Totals = {
    fees: 0n,
    pool: 0n,
    reward: 0n,
    multiplier: 0n,
    paid: 0n,
    rebates: 0n,
    appRewards: 0n,
    operatorShares: 0n,
  };
  for (const [epoch, operators] of provider.sales.entries())
    playEpoch(world, provider, BigInt(epoch), operators, attack, year);
  if (year.fees + year.paid !== 0n) year.multiplier /= year.fees + year.paid;
  return year;
}

function playEpoch(
  world: World,
  provider: Provider,
  epoch: bigint,
  operators: readonly Sales[],
  attack: Attack | null,
  year: Totals,
): void {
  const boost = boostBps(epoch);
  let rewarded = 0n;
  for (const [operator, sales] of operators.entries()) {
    let metrics = addSold(NO_METRICS, sales.sold);
    let { weights, weightedRatings } = sales.reviewed;
    if (attack !== null && (operator === 0 || attack.everywhere)) {
      const bought = boughtRows(world, provider, attack, sales.sold);
      metrics = addSold(addSold(metrics, bought), freeRows(attack));
      if (attack.reviews) {
        weights += bought.fee;
        weightedRatings += BEST_RATING * bought.fee;
      }
      payForBought(world, boost, bought, year);
    }
    const { multiplier } = scoreOf(
      metrics,
      world.typical,
      { weights, weightedRatings },
      provider.accuracyBps,
    );
    const fees = rewardableFees(metrics.fees, world.stake, rewarded);
    rewarded += fees;
    const { base, boost: extra } = providerReward(fees, multiplier, world.shares, boost, world.reserve);
    year.fees += sales.sold.fee;
    year.pool += poolPart(metrics.fees, world.shares);
    year.reward += base + extra;
    year.multiplier += multiplier * metrics.fees;
  }
}

/** What comes back of the fee, apart from the provider's own reward. */
function payForBought({ shares, reserve, feeBps }: World, boost: bigint, bought: Sold, year: Totals): void {
  year.paid += bought.fee;
  const rebate = (bought.amount * feeBps * shares.rebateBps) / BPS ** 2n - 1n;
  if (rebate > 0n) year.rebates += rebate;
  year.operatorShares += (bought.fee * shares.operatorBps) / BPS;
  const app = appReward(bought.fee > 0n ? bought.fee - 1n : 0n, shares, boost, reserve);
  year.appRewards += app.base + app.boost;
}

function boughtRows(world: World, provider: Provider, attack: Attack, toStrangers: Sold): Sold {
  const amount = (toStrangers.amount * attack.amountBps) / BPS;
  const requests = amount / world.requestWei + 1n;
  const outputUnits = requests * 1_000n;
  const ofOutput = attack.instant ? amount : (amount * toStrangers.outputAmount) / toStrangers.amount;
  return {
    fee: (amount * world.feeBps) / BPS,
    amount,
    outputAmount: ofOutput,
    outputUnits,
    timedUnits: outputUnits * (attack.instant ? 1n : provider.timing),
    requests,
    failures: 0n,
  };
}

function freeRows({ freeRows: requests }: Attack): Sold {
  const outputUnits = requests * MAX_UNITS;
  return {
    fee: 0n,
    amount: 0n,
    outputAmount: 0n,
    outputUnits,
    timedUnits: outputUnits,
    requests,
    failures: 0n,
  };
}
