/** What one earner has: see `IEscrow.Earnings`. All amounts in wei. */
export interface Earnings {
  current: bigint;
  previous: bigint;
  /** Number of the bucket that `current` belongs to. */
  bucket: number;
  mature: bigint;
  claimed: bigint;
}

export const noEarnings = (): Earnings => ({
  current: 0n,
  previous: 0n,
  bucket: 0,
  mature: 0n,
  claimed: 0n,
});

/** Moves to `bucket`: credit matures once the bucket after its own has ended. */
function roll(earnings: Earnings, bucket: number): void {
  if (bucket === earnings.bucket) return;
  const next = bucket === earnings.bucket + 1;
  earnings.mature += next ? earnings.previous : earnings.previous + earnings.current;
  earnings.previous = next ? earnings.current : 0n;
  earnings.current = 0n;
  earnings.bucket = bucket;
}

export function addEarnings(earnings: Earnings, bucket: number, amountWei: bigint): void {
  roll(earnings, bucket);
  earnings.current += amountWei;
}

/** Takes up to `amountWei` of what is pending out, the older bucket's first, and gives what that was. */
export function takePending(earnings: Earnings, bucket: number, amountWei: bigint): bigint {
  roll(earnings, bucket);
  const fromPrevious = amountWei < earnings.previous ? amountWei : earnings.previous;
  const rest = amountWei - fromPrevious;
  const fromCurrent = rest < earnings.current ? rest : earnings.current;
  earnings.previous -= fromPrevious;
  earnings.current -= fromCurrent;
  return fromPrevious + fromCurrent;
}

/** Takes everything mature out. */
export function takeEarnings(earnings: Earnings, bucket: number): bigint {
  roll(earnings, bucket);
  const amountWei = earnings.mature;
  earnings.mature = 0n;
  earnings.claimed += amountWei;
  return amountWei;
}

/** Not claimed yet, mature or not. */
export function unclaimedWei(earnings: Earnings): bigint {
  return earnings.current + earnings.previous + earnings.mature;
}
