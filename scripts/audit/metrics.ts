import type { OfferSum } from "./priceGroup.ts";
import { valueAt, type Metrics, type State } from "./state.ts";

/** Widths of the fields, as in contracts/interfaces/ILedger.sol. */
const METRIC_BITS = {
  feesWei: 88n,
  weightedTiming: 64n,
  outputUnits: 48n,
  requests: 32n,
  failures: 24n,
} as const;
const WEIGHT_SHIFT = 32n;
const SLOWEST = 255n;

/** What rows add to the metrics of their listing. */
type Measured = Pick<
  OfferSum,
  "amountWei" | "outputWei" | "outputUnits" | "timedUnits" | "requests" | "failures"
>;

const noMetrics = (): Metrics => ({
  feesWei: 0n,
  weightedTiming: 0n,
  outputUnits: 0n,
  requests: 0n,
  failures: 0n,
});

/** Units of weight of a fee, rounded up. */
const weightOf = (feeWei: bigint): bigint => (feeWei + (1n << WEIGHT_SHIFT) - 1n) >> WEIGHT_SHIFT;

/** Adds what rows measured, and the protocol fee that they paid; a field that would overflow stays at its maximum. */
export function addFees(state: State, key: string, feeWei: bigint, sum: Measured): void {
  const metrics = valueAt(state.metrics, key, noMetrics);
  const add = (field: keyof typeof METRIC_BITS, amount: bigint): void => {
    const max = 2n ** METRIC_BITS[field] - 1n;
    const total = metrics[field] + amount;
    metrics[field] = total < max ? total : max;
  };
  const outputFeeWei = sum.outputWei === 0n ? 0n : (feeWei * sum.outputWei) / sum.amountWei;
  const meanTiming = outputFeeWei === 0n ? 0n : sum.timedUnits / BigInt(sum.outputUnits);
  add("feesWei", feeWei);
  add("weightedTiming", weightOf(feeWei - outputFeeWei) * SLOWEST + weightOf(outputFeeWei) * meanTiming);
  add("outputUnits", BigInt(sum.outputUnits));
  add("requests", BigInt(sum.requests));
  add("failures", BigInt(sum.failures));
}

/** Takes the fees of refunded rows out again, their weight with them. */
export function reverseFees(state: State, key: string, feeWei: bigint): void {
  const metrics = valueAt(state.metrics, key, noMetrics);
  if (metrics.feesWei === 0n) return;
  const takenWei = feeWei < metrics.feesWei ? feeWei : metrics.feesWei;
  metrics.weightedTiming -= (metrics.weightedTiming * takenWei) / metrics.feesWei;
  metrics.feesWei -= takenWei;
}
