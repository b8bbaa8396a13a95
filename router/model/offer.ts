import type { Wei } from "./money.ts";

/** What a unit of a model is; the order is the contract's. */
export const UNITS = ["token", "image", "second"] as const;
export type Unit = (typeof UNITS)[number];

/** An immutable price list of a listing (provider x model), as the Registry has it. Prices in wei per unit. */
export interface Offer {
  readonly offerId: number;
  readonly listingId: number;
  readonly providerId: number;
  readonly modelId: number;
  readonly inputPrice: Wei;
  readonly outputPrice: Wei;
  /** Wei per request, on top. */
  readonly requestPrice: Wei;
  /** Cached input counts as `ceil(cached * cachedBps / 10^4)` units. */
  readonly cachedBps: number;
  readonly createdAtSec: number;
  /** `Number.MAX_SAFE_INTEGER` or a u40 far away while no retirement is announced. */
  readonly retiresAtSec: number;
}

/** Units of one request, as they are billed. */
export interface Units {
  readonly inputUnits: number;
  readonly outputUnits: number;
}

export const MAX_UNITS = 2 ** 24 - 1;

/** The exact price of a successful request, without any app fee. */
export function amountOf(
  offer: Pick<Offer, "inputPrice" | "outputPrice" | "requestPrice">,
  units: Units,
): Wei {
  return (
    BigInt(units.inputUnits) * offer.inputPrice +
    BigInt(units.outputUnits) * offer.outputPrice +
    offer.requestPrice
  );
}

/** Billed input units of a prompt of `inputUnits`, `cachedUnits` of which the provider had cached; rounded up. */
export function billedInputUnitsUp(inputUnits: number, cachedUnits: number, cachedBps: number): number {
  const cached = Math.min(cachedUnits, inputUnits);
  return inputUnits - cached + Math.ceil((cached * cachedBps) / 10_000);
}

/** True if a request served at `servedAtSec` is priced by this offer. */
export function isBillable(offer: Offer, servedAtSec: number, graceSec: number): boolean {
  return offer.createdAtSec <= servedAtSec && servedAtSec <= offer.retiresAtSec + graceSec;
}

/** The app's fee on a group of rows costing `amountWei`: none above what the account's terms allow. */
export function appFeeDown(amountWei: Wei, feeBps: number, maxAppFeePct: number): Wei {
  return feeBps <= maxAppFeePct * 100 ? (amountWei * BigInt(feeBps)) / 10_000n : 0n;
}

/** At least the app's fee on one row: a group's fee is rounded down once, so rows rounded up cover it. */
export function appFeeUp(amountWei: Wei, feeBps: number, maxAppFeePct: number): Wei {
  return feeBps <= maxAppFeePct * 100 ? (amountWei * BigInt(feeBps) + 9_999n) / 10_000n : 0n;
}
