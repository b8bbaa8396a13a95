const MAX_U72 = 2n ** 72n - 1n;
const MAX_U24 = 2 ** 24 - 1;

const AMOUNTS = [
  { inputPrice: 2_000n, outputPrice: 6_000n, requestPrice: 10_000n, inputUnits: 1_200, outputUnits: 345 },
  { inputPrice: 1n, outputPrice: 0n, requestPrice: 0n, inputUnits: 0, outputUnits: MAX_U24 },
  { inputPrice: 0n, outputPrice: 0n, requestPrice: MAX_U72, inputUnits: MAX_U24, outputUnits: MAX_U24 },
  {
    inputPrice: MAX_U72,
    outputPrice: MAX_U72,
    requestPrice: MAX_U72,
    inputUnits: MAX_U24,
    outputUnits: MAX_U24,
  },
];

const APP_FEES = [
  { amountWei: 19_999n, feeBps: 500, maxAppFeePct: 20 },
  { amountWei: 19_999n, feeBps: 500, maxAppFeePct: 5 },
  { amountWei: 19_999n, feeBps: 501, maxAppFeePct: 5 },
  { amountWei: 19n, feeBps: 500, maxAppFeePct: 20 },
  { amountWei: 10n ** 27n, feeBps: 2_000, maxAppFeePct: 20 },
  { amountWei: 10n ** 27n, feeBps: 0, maxAppFeePct: 0 },
];

const CACHED = [
  { inputUnits: 100, cachedUnits: 0, cachedBps: 2_500 },
  { inputUnits: 100, cachedUnits: 100, cachedBps: 2_500 },
  { inputUnits: 100, cachedUnits: 33, cachedBps: 2_500 },
  { inputUnits: 100, cachedUnits: 1, cachedBps: 1 },
  { inputUnits: 100, cachedUnits: 40, cachedBps: 0 },
  { inputUnits: 100, cachedUnits: 40, cachedBps: 10_000 },
  { inputUnits: MAX_U24, cachedUnits: MAX_U24, cachedBps: 9_999 },
];

/** Amounts, app fees and billed input units, in exact integers. */
export function priceVectors(): object {
  return {
    amounts: AMOUNTS.map((c) => ({
      ...c,
      amountWei: BigInt(c.inputUnits) * c.inputPrice + BigInt(c.outputUnits) * c.outputPrice + c.requestPrice,
    })),
    appFees: APP_FEES.map((c) => ({
      ...c,
      appFeeWei: c.feeBps > 100 * c.maxAppFeePct ? 0n : (c.amountWei * BigInt(c.feeBps)) / 10_000n,
    })),
    billedInput: CACHED.map((c) => ({
      ...c,
      billedUnits:
        c.inputUnits -
        c.cachedUnits +
        Number((BigInt(c.cachedUnits) * BigInt(c.cachedBps) + 9_999n) / 10_000n),
    })),
  };
}
