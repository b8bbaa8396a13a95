/** One line of the bench's table. */
export interface Figure<Round extends object = object> {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly target: { readonly atLeast: number } | { readonly atMost: number };
  readonly isMet: boolean;
  readonly rounds: readonly Round[];
}

export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median of `valueOf` over all rounds, judged by its target. */
export function figure<Round extends object>(
  rounds: readonly Round[],
  valueOf: (round: Round) => number,
  target: Figure["target"],
): Figure<Round & { readonly value: number }> {
  const values = rounds.map(valueOf);
  const median = medianOf(values);
  return {
    median,
    min: Math.min(...values),
    max: Math.max(...values),
    target,
    isMet: "atLeast" in target ? median >= target.atLeast : median <= target.atMost,
    rounds: rounds.map((round, i) => ({ ...round, value: values[i] ?? Number.NaN })),
  };
}

export function targetText({ target }: Figure): string {
  return "atLeast" in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
}
