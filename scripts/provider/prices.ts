import { formatTokens, parseTokens, type Wei } from "../../router/model/money.ts";

const MILLION = 1_000_000n;
const MAX_PRICE: Wei = 2n ** 72n - 1n;

/**
 * Wei per unit of a price given in $AI1NET per million units, as people quote it.
 * @throws {TypeError} for what is no price, or is finer than a wei per unit
 */
export function parsePerMillion(text: string): Wei {
  const wei = parseTokens(text);
  if (wei % MILLION !== 0n) throw new TypeError(`a price has at most 12 decimals: "${text}"`);
  return checked(wei / MILLION, text);
}

/** Wei of a price per request. @throws {TypeError} */
export function parsePerRequest(text: string): Wei {
  return checked(parseTokens(text), text);
}

export function formatPerMillion(priceWei: Wei): string {
  return formatTokens(priceWei * MILLION);
}

function checked(price: Wei, text: string): Wei {
  if (price > MAX_PRICE) throw new TypeError(`the price ${text} is above what an offer can hold`);
  return price;
}
