/** The largest whole number whose 12th power is at most 2^timing: floor(2^(timing / 12)) in integers alone. */
function durationMs(timing: number): number {
  const limit = 2n ** BigInt(timing);
  let low = 1n;
  let high = limit;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** 12n <= limit) low = middle;
    else high = middle - 1n;
  }
  return Number(low);
}

/** Every timing and its duration. */
export function timingVectors(): object {
  return {
    durationsMs: Array.from({ length: 256 }, (_, timing) => (timing === 0 ? null : durationMs(timing))),
  };
}
