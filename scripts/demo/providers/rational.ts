/** An exact fraction: `denominator` is positive and shares no factor with `numerator`. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Nothing with more digits is computed: a few characters could ask for a number that fills the memory. */
const MAX_DIGITS = 2_000;
const LIMIT = 10n ** BigInt(MAX_DIGITS);
const MAX_EXPONENT = 10_000n;

/** The arithmetic has no answer, or one too big to write. */
export class MathError extends Error {
  override readonly name = "MathError";
}

const abs = (value: bigint): bigint => (value < 0n ? -value : value);

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [abs(a), abs(b)];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/** @throws {MathError} for a denominator of 0 or too many digits */
export function rational(numerator: bigint, denominator = 1n): Rational {
  if (denominator === 0n) throw new MathError("division by zero has no result");
  const divisor = gcd(numerator, denominator) * (denominator < 0n ? -1n : 1n);
  const value = { numerator: numerator / divisor, denominator: denominator / divisor };
  if (abs(value.numerator) >= LIMIT || value.denominator >= LIMIT)
    throw new MathError(`the result has more than ${MAX_DIGITS} digits`);
  return value;
}

export const add = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);

export const negate = (a: Rational): Rational => ({ ...a, numerator: -a.numerator });

export const multiply = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.numerator, a.denominator * b.denominator);

export const divide = (a: Rational, b: Rational): Rational =>
  rational(a.numerator * b.denominator, a.denominator * b.numerator);

/** @throws {MathError} unless the exponent is a whole number and the result fits */
export function power(base: Rational, exponent: Rational): Rational {
  if (exponent.denominator !== 1n) throw new MathError("only whole exponents have exact results");
  const times = abs(exponent.numerator);
  const digits = Math.max(abs(base.numerator).toString().length, base.denominator.toString().length);
  const isUnit = abs(base.numerator) <= 1n && base.denominator === 1n;
  if (!isUnit && (times > MAX_EXPONENT || BigInt(digits - 1) * times > BigInt(MAX_DIGITS)))
    throw new MathError(`the result has more than ${MAX_DIGITS} digits`);
  const small = isUnit ? times % 2n : times;
  const result = rational(base.numerator ** small, base.denominator ** small);
  if (isUnit && times > 0n && small === 0n) return rational(base.numerator * base.numerator);
  return exponent.numerator < 0n ? divide(rational(1n), result) : result;
}

/** A decimal as people write it: "1,234.50". */
export function parseDecimal(text: string): Rational {
  const [whole = "", fraction = ""] = text.replaceAll(",", "").split(".");
  if (whole.length + fraction.length > MAX_DIGITS)
    throw new MathError(`a number has more than ${MAX_DIGITS} digits`);
  return rational(BigInt(`${whole}${fraction}` || "0"), 10n ** BigInt(fraction.length));
}

const PLACES = 10;

/** Exact where decimals can say it in 20 places, else a fraction with its value rounded: "1/3 ≈ 0.3333333333". */
export function formatRational(value: Rational): string {
  const { numerator, denominator } = value;
  if (denominator === 1n) return numerator.toString();
  const sign = numerator < 0n ? "-" : "";
  const decimals = (scaled: bigint, places: number): string => {
    const digits = scaled.toString().padStart(places + 1, "0");
    const fraction = digits.slice(-places).replace(/0+$/u, "");
    return `${sign}${digits.slice(0, -places)}${fraction === "" ? "" : `.${fraction}`}`;
  };
  const exactPlaces = 20;
  const scaled = abs(numerator) * 10n ** BigInt(exactPlaces);
  if (scaled % denominator === 0n) return decimals(scaled / denominator, exactPlaces);
  const rounded = (abs(numerator) * 10n ** BigInt(PLACES) * 2n + denominator) / (denominator * 2n);
  return `${numerator}/${denominator} ≈ ${decimals(rounded, PLACES)}`;
}
