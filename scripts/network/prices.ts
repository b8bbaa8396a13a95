import { formatTokens, parseTokens } from "../../router/model/money.ts";

const MILLION = 1_000_000n;

/**
 * A price in $AI1NET per million units, as wei per unit.
 * @throws {TypeError} unless it is a decimal that is whole in wei per unit (at most 12 decimals)
 */
export function parsePerMillion(text: string): bigint {
  const wei = parseTokens(text);
  if (wei % MILLION !== 0n) throw new TypeError(`"${text}" has more than 12 decimals`);
  return wei / MILLION;
}

/** Wei per unit as $AI1NET per million units. */
export const formatPerMillion = (weiPerUnit: bigint): string => formatTokens(weiPerUnit * MILLION);
