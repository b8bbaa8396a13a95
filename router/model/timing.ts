/**
 * A duration on a log scale, as rows carry it: `ms = floor(2^(timing / 12))`, 1..255. 0 is not a duration: it marks a
 * failed attempt.
 */
export type Timing = number;

export const FAILED: Timing = 0;
export const MAX_TIMING: Timing = 255;

const THRESHOLDS_MS = Array.from({ length: MAX_TIMING + 1 }, (_, timing) => Math.floor(2 ** (timing / 12)));

/** The largest timing whose duration does not exceed `durationMs`; 1 at the least, 255 at the most. */
export function timingOf(durationMs: number): Timing {
  let low = 1;
  let high = MAX_TIMING;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((THRESHOLDS_MS[middle] as number) <= durationMs) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Milliseconds of a timing, rounded down. @throws {RangeError} unless 1..255 */
export function durationMsOf(timing: Timing): number {
  const ms = THRESHOLDS_MS[timing];
  if (ms === undefined || timing === FAILED) throw new RangeError(`timing ${timing} is no duration`);
  return ms;
}
