/** A difference between what the chain says and what follows from the rules. */
export interface Mismatch {
  /** What differs; always the same words for the same check. */
  readonly name: string;
  /** The batch, account, earner... that it was found at. */
  readonly where: string;
  /** As recomputed. */
  readonly expected: string;
  /** As found on the chain. */
  readonly actual: string;
}

export type Report = (mismatch: Mismatch) => void;

type Value = bigint | number | string | boolean;

/** Reports `name` unless both values are the same. */
export function compare(report: Report, name: string, where: string, expected: Value, actual: Value): void {
  // viem gives small integers as numbers and large ones as bigints: compared, and shown, by their digits.
  if (String(expected) !== String(actual))
    report({ name, where, expected: String(expected), actual: String(actual) });
}
