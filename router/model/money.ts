/** Wei of $AI1NET: the only unit of money inside. 10^18 wei are one token. */
export type Wei = bigint;

const DECIMALS = 18;
const ONE = 10n ** BigInt(DECIMALS);

/** The hard cap of the token, in wei: no amount in the protocol exceeds it. */
export const SUPPLY_CAP_WEI: Wei = 1_000_000_000n * ONE;

/** Wei as a plain decimal number of tokens, exact, without an exponent or trailing zeros: `1500000000000000n` is `"0.0015"`. */
export function formatTokens(amountWei: Wei): string {
  const sign = amountWei < 0n ? "-" : "";
  const digits = (amountWei < 0n ? -amountWei : amountWei).toString().padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return `${sign}${digits.slice(0, -DECIMALS)}${fraction === "" ? "" : `.${fraction}`}`;
}

/**
 * A decimal number of tokens, as people write it, in wei.
 * @throws {TypeError} for anything else than digits with at most 18 decimals
 */
export function parseTokens(text: string): Wei {
  const match = /^(\d{1,10})(?:\.(\d{1,18}))?$/.exec(text);
  if (!match) throw new TypeError(`not an amount of tokens: "${text}" (digits, at most 18 decimals)`);
  return BigInt(match[1] as string) * ONE + BigInt((match[2] ?? "").padEnd(DECIMALS, "0"));
}

/** The least of some amounts; those that are not set don't count. */
export function minWei(first: Wei, ...others: readonly (Wei | undefined)[]): Wei {
  return others.reduce<Wei>((least, wei) => (wei !== undefined && wei < least ? wei : least), first);
}
