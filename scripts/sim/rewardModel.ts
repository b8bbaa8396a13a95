/**
 * Rewards.sol, RewardScore and ListingMetrics once more, in whole numbers: what the simulation pays by and what the
 * contracts are tested against. All amounts in wei, all shares in bps.
 */
const BPS = 10_000n;
const WEIGHT_UNIT = 1n << 32n;
const SLOWEST = 255n;

/** Scores are parts of this. */
export const WHOLE = 10n ** 27n;
const FLOOR = WHOLE / 4n;
const NEUTRAL = WHOLE / 2n;
const SUCCESS_WEIGHT = 3_000n;
const SPEED_WEIGHT = 2_000n;
const RATING_WEIGHT = 2_000n;
const ACCURACY_WEIGHT = 3_000n;
const RATING_LEVERAGE = 2n;
const SPEED_RANGE = 144n;

export const PROVIDER_BPS = 3_500n;
export const APP_BPS = 500n;
export const HALVING_EPOCHS = 52n;
export const STAKE_FEE_BPS = 1_000n;

const MAX = { fees: 88n, weightedTiming: 64n, outputUnits: 48n, requests: 32n, failures: 24n };

export interface Metrics {
  readonly fees: bigint;
  readonly weightedTiming: bigint;
  readonly outputUnits: bigint;
  readonly requests: bigint;
  readonly failures: bigint;
}

/** What one offer sold in one batch. */
export interface Sold {
  readonly fee: bigint;
  readonly amount: bigint;
  /** Of `amount`, for output. */
  readonly outputAmount: bigint;
  readonly outputUnits: bigint;
  /** Each output unit times the timing of its row. */
  readonly timedUnits: bigint;
  readonly requests: bigint;
  readonly failures: bigint;
}

/** What is typical of a model; 0: unknown. */
export interface Typical {
  readonly timing: bigint;
  readonly fee: bigint;
}

export interface Reviewed {
  readonly weights: bigint;
  readonly weightedRatings: bigint;
}

export interface Score {
  readonly success: bigint;
  readonly speed: bigint;
  readonly rating: bigint;
  readonly accuracy: bigint;
  readonly multiplier: bigint;
}

/** What of the protocol fee is somebody else's before rewards. */
export interface Shares {
  readonly operatorBps: bigint;
  readonly rebateBps: bigint;
}

export interface Reward {
  readonly base: bigint;
  readonly boost: bigint;
}

export const NO_METRICS: Metrics = {
  fees: 0n,
  weightedTiming: 0n,
  outputUnits: 0n,
  requests: 0n,
  failures: 0n,
};

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const less = (a: bigint, b: bigint): bigint => (a < b ? 0n : a - b);

// ---------------------------------------------------------------- measuring

export function addSold(metrics: Metrics, sold: Sold): Metrics {
  const outputFee = sold.outputAmount === 0n ? 0n : (sold.fee * sold.outputAmount) / sold.amount;
  let timing = weightOf(sold.fee - outputFee) * SLOWEST;
  if (outputFee !== 0n) timing += weightOf(outputFee) * (sold.timedUnits / sold.outputUnits);
  const sum = (field: keyof Metrics, added: bigint): bigint =>
    min(metrics[field] + added, (1n << MAX[field]) - 1n);
  return {
    fees: sum("fees", sold.fee),
    weightedTiming: sum("weightedTiming", timing),
    outputUnits: sum("outputUnits", sold.outputUnits),
    requests: sum("requests", sold.requests),
    failures: sum("failures", sold.failures),
  };
}

/** In units of 2^32 wei, rounded up. */
function weightOf(fee: bigint): bigint {
  return (fee + WEIGHT_UNIT - 1n) / WEIGHT_UNIT;
}

// ------------------------------------------------------------------ scoring

export function scoreOf(
  metrics: Metrics,
  typical: Typical,
  reviewed: Reviewed,
  accuracyBps: bigint | null,
): Score {
  const success = successOf(metrics, typical);
  const speed = speedOf(metrics, typical);
  const rating = ratingOf(metrics, reviewed);
  const accuracy = accuracyBps === null ? NEUTRAL : (accuracyBps * WHOLE) / BPS;
  const mean =
    (SUCCESS_WEIGHT * success + SPEED_WEIGHT * speed + RATING_WEIGHT * rating + ACCURACY_WEIGHT * accuracy) /
    BPS;
  return { success, speed, rating, accuracy, multiplier: FLOOR + ((WHOLE - FLOOR) * mean) / WHOLE };
}

function successOf({ fees, failures }: Metrics, typical: Typical): bigint {
  if (fees === 0n) return 0n;
  return typical.fee === 0n ? NEUTRAL : (fees * WHOLE) / (fees + failures * typical.fee);
}

function speedOf({ fees, weightedTiming }: Metrics, typical: Typical): bigint {
  if (typical.timing === 0n) return NEUTRAL;
  if (fees === 0n) return 0n;
  const worst = (typical.timing + SPEED_RANGE / 2n) * fees;
  return min((less(worst, weightedTiming * WEIGHT_UNIT) * WHOLE) / (SPEED_RANGE * fees), WHOLE);
}

function ratingOf({ fees }: Metrics, { weights, weightedRatings }: Reviewed): bigint {
  const all = fees + RATING_LEVERAGE * weights;
  if (all === 0n) return NEUTRAL;
  const good = (RATING_LEVERAGE * (weightedRatings - weights) * WHOLE) / 4n;
  return (fees * NEUTRAL + good) / all;
}

// ------------------------------------------------------------------- paying

/** Fees that earn a reward: no more than a part of the provider's stake, less what earned one before. */
export function rewardableFees(fees: bigint, stake: bigint, rewarded: bigint): bigint {
  return min(fees, less((stake * STAKE_FEE_BPS) / BPS, rewarded));
}

export function poolPart(fees: bigint, { operatorBps, rebateBps }: Shares): bigint {
  return (fees * (BPS - operatorBps - rebateBps)) / BPS;
}

export function boostBps(epochsSinceFirst: bigint): bigint {
  return BPS >> (epochsSinceFirst / HALVING_EPOCHS);
}

/** @param fees that may be rewarded */
export function providerReward(
  fees: bigint,
  multiplier: bigint,
  shares: Shares,
  boost: bigint,
  reserve: bigint,
): Reward {
  return split((poolPart(fees, shares) * multiplier) / WHOLE, PROVIDER_BPS, boost, reserve);
}

export function appReward(fees: bigint, shares: Shares, boost: bigint, reserve: bigint): Reward {
  return split(poolPart(fees, shares), APP_BPS, boost, reserve);
}

function split(part: bigint, rateBps: bigint, boost: bigint, reserve: bigint): Reward {
  const base = (part * rateBps) / BPS;
  return { base, boost: min((base * boost) / BPS, reserve) };
}
