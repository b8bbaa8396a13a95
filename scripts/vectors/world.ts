/** The participants that the batches of the vectors are settled among; both test suites rebuild it. */

export interface WorldOffer {
  readonly offerId: number;
  /** Listing n belongs to provider n. */
  readonly listingId: number;
  readonly inputPrice: bigint;
  readonly outputPrice: bigint;
  readonly requestPrice: bigint;
}

export interface WorldAccount {
  readonly accountId: number;
  readonly operatorId: number;
  readonly balanceWei: bigint;
  readonly maxAppFeePct: number;
}

const TOKEN = 10n ** 18n;
const MAX_U72 = 2n ** 72n - 1n;
const OFFERS = 255;

const SPECIAL: ReadonlyMap<number, readonly [bigint, bigint, bigint]> = new Map([
  [1, [2_000n, 6_000n, 10_000n]],
  [2, [MAX_U72, MAX_U72, MAX_U72]],
  [3, [0n, 0n, 0n]],
  [4, [10n ** 20n, 0n, 0n]],
  [5, [3n, 7n, 1n]],
]);

function offer(offerId: number): WorldOffer {
  const n = BigInt(offerId);
  const [inputPrice, outputPrice, requestPrice] = SPECIAL.get(offerId) ?? [
    n * 1_000_003n,
    n * n * 7_919n,
    n * 104_729n,
  ];
  return { offerId, listingId: 1 + (offerId % 2), inputPrice, outputPrice, requestPrice };
}

export const WORLD = {
  operatorId: 1,
  protocolFeeBps: 500,
  operatorShareBps: 2_500,
  /** Every batch of the vectors is of this hour; it settles later. */
  servedFromSec: 2_000_000_000,
  providers: 2,
  offers: Array.from({ length: OFFERS }, (_, i) => offer(i + 1)),
  /** Fees in bps of the apps 1, 2, ... */
  appFeesBps: [500, 2_000, 0, 333],
  accounts: [
    { accountId: 1, operatorId: 1, balanceWei: 1_000n * TOKEN, maxAppFeePct: 20 },
    { accountId: 2, operatorId: 1, balanceWei: 1_000n * TOKEN, maxAppFeePct: 4 },
    { accountId: 3, operatorId: 1, balanceWei: 1_000_000n, maxAppFeePct: 20 },
    { accountId: 4, operatorId: 2, balanceWei: 1_000n * TOKEN, maxAppFeePct: 20 },
    { accountId: 5, operatorId: 1, balanceWei: 300_000_000n * TOKEN, maxAppFeePct: 0 },
  ] satisfies WorldAccount[],
};
