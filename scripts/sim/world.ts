/** A market drawn from a seed: what providers of different quality sell to strangers, epoch by epoch. */
import type { Reviewed, Shares, Sold, Typical } from "./rewardModel.ts";
import { Random } from "./random.ts";

export const EPOCHS = 52;
const OPERATORS = 3;
const TOKEN = 10n ** 18n;
const BPS = 10_000n;
/** Never the limit: an attacker stakes what it takes. */
const STAKE = 10n ** 9n * TOKEN;
const SLOWEST_TIMING = 255;

export const KINDS = ["good", "average", "slow", "failing"] as const;
export type Kind = (typeof KINDS)[number];

/** How a provider serves. `timing` is against what is typical, in twelfths of a doubling. */
const QUALITIES: Record<
  Kind,
  { timing: number; failureRate: number; ratings: readonly number[]; accuracy: number }
> = {
  good: { timing: -24, failureRate: 0.005, ratings: [4, 5, 5, 5], accuracy: 9_600 },
  average: { timing: 0, failureRate: 0.03, ratings: [2, 3, 4, 5], accuracy: 8_500 },
  slow: { timing: 48, failureRate: 0.03, ratings: [2, 3, 3, 4], accuracy: 8_500 },
  failing: { timing: 0, failureRate: 0.5, ratings: [1, 1, 2, 3], accuracy: 6_000 },
};

/** What strangers bought of one provider through one operator in one epoch, and what they said of it. */
export interface Sales {
  readonly sold: Sold;
  readonly reviewed: Reviewed;
}

export interface Provider {
  readonly kind: Kind;
  readonly timing: bigint;
  readonly accuracyBps: bigint;
  /** By epoch, then operator. */
  readonly sales: readonly (readonly Sales[])[];
}

export interface World {
  readonly seed: number;
  readonly feeBps: bigint;
  readonly shares: Shares;
  readonly typical: Typical;
  readonly stake: bigint;
  readonly reserve: bigint;
  /** Wei that a typical request costs. */
  readonly requestWei: bigint;
  readonly providers: readonly Provider[];
}

/** Parameters from all of the ranges that the contracts allow, and models from the fastest to the slowest. */
export function worldOf(seed: number): World {
  const random = new Random(seed);
  const feeBps = BigInt(random.int(50, 1_000));
  const requestWei = random.wei(TOKEN / 1_000n, TOKEN / 10n);
  const timing = random.int(84, SLOWEST_TIMING);
  const shares = { operatorBps: BigInt(random.int(0, 5_000)), rebateBps: BigInt(random.int(0, 2_000)) };
  const typical = { timing: BigInt(timing), fee: (requestWei * feeBps) / BPS };
  const providers = KINDS.map((kind) => providerOf(random, kind, timing, requestWei, feeBps));
  return { seed, feeBps, shares, typical, stake: STAKE, reserve: STAKE, requestWei, providers };
}

function providerOf(
  random: Random,
  kind: Kind,
  typicalTiming: number,
  requestWei: bigint,
  feeBps: bigint,
): Provider {
  const quality = QUALITIES[kind];
  const timing = Math.min(typicalTiming + quality.timing, SLOWEST_TIMING);
  const sales = Array.from({ length: EPOCHS }, () =>
    Array.from({ length: OPERATORS }, () => salesOf(random, kind, timing, requestWei, feeBps)),
  );
  return { kind, timing: BigInt(timing), accuracyBps: BigInt(quality.accuracy), sales };
}

function salesOf(random: Random, kind: Kind, timing: number, requestWei: bigint, feeBps: bigint): Sales {
  const { failureRate, ratings } = QUALITIES[kind];
  const attempts = Math.round(random.around(1_500, 3));
  const failures = Math.round(attempts * failureRate * random.around(1, 1.2));
  const requests = BigInt(attempts - failures);
  const amount = requests * random.wei(requestWei / 2n, requestWei * 2n);
  const outputUnits = requests * BigInt(random.int(100, 800));
  const meanTiming = BigInt(Math.min(timing + random.int(-6, 6), SLOWEST_TIMING));
  const fee = (amount * feeBps) / BPS;
  // One request in twenty is reviewed.
  const weights = fee / 20n;
  const rating = BigInt(ratings[random.int(0, ratings.length - 1)] ?? 3);
  return {
    sold: {
      fee,
      amount,
      outputAmount: (amount * BigInt(random.int(70, 100))) / 100n,
      outputUnits,
      timedUnits: outputUnits * meanTiming,
      requests,
      failures: BigInt(failures),
    },
    reviewed: { weights, weightedRatings: weights * rating },
  };
}
