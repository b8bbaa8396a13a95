import type { Group } from "../../router/model/batch.ts";
import { amountOf, appFeeDown, type Offer } from "../../router/model/offer.ts";
import { FAILED } from "../../router/model/timing.ts";
import type { Account } from "./state.ts";

/** What a batch sums up for one of its offers. */
export interface OfferSum {
  readonly offer: Offer;
  amountWei: bigint;
  unpaidWei: bigint;
  outputUnits: number;
  /** Output units, each times its row's timing. */
  timedUnits: bigint;
  /** Of `amountWei`: what output units cost. */
  outputWei: bigint;
  requests: number;
  failures: number;
}

/** What one group costs and what of that its account paid. */
export interface PricedGroup {
  readonly startSeq: number;
  readonly rows: number;
  readonly failedRows: number;
  /** What the rows cost. */
  readonly amountWei: bigint;
  /** Paid to the app, on top. */
  readonly appFeeWei: bigint;
  /** Lacked of both. */
  readonly shortfallWei: bigint;
  /** Lacked of `amountWei`. */
  readonly rowsUnpaidWei: bigint;
  /** Taken from the account. */
  readonly paidWei: bigint;
  /** Given back to it, as credits. */
  readonly rebateWei: bigint;
}

/** What a batch gives back of what its groups cost. */
export interface Rebates {
  /** Of 10^8. */
  readonly rate: bigint;
  readonly marginWei: bigint;
}

const MAX_CREDITS_WEI = 2n ** 88n - 1n;
const RATE_SCALE = 10n ** 8n;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Takes a group's cost from `account` and adds its rows to the sums of their offers (every offer has one). */
export function priceGroup(
  group: Group,
  account: Account,
  appFeeBps: number,
  sums: ReadonlyMap<number, OfferSum>,
  rebates: Rebates,
): PricedGroup {
  let amountWei = 0n;
  let failedRows = 0;
  const prices = group.rows.map((row, i) => {
    const sum = sums.get(row.offerId) as OfferSum;
    if (row.timing === FAILED) {
      sum.failures++;
      failedRows++;
      return 0n;
    }
    // Charged when its provider settled it itself.
    if (account.selfSettled.has(account.nextSeq + i)) return 0n;
    const price = amountOf(sum.offer, row);
    sum.amountWei += price;
    sum.outputUnits += row.outputUnits;
    sum.timedUnits += BigInt(row.outputUnits * row.timing);
    sum.outputWei += BigInt(row.outputUnits) * sum.offer.outputPrice;
    sum.requests++;
    amountWei += price;
    return price;
  });

  const appFeeDue = appFeeDown(amountWei, appFeeBps, account.maxAppFeePct);
  const dueWei = amountWei + appFeeDue;
  const paidWei = least(dueWei, account.balanceWei + account.creditsWei);
  const shortfallWei = dueWei - paidWei;
  const appUnpaidWei = least(appFeeDue, shortfallWei);
  const rowsUnpaidWei = shortfallWei - appUnpaidWei;

  // Rows are paid in their order until the money ends.
  let unpaidWei = rowsUnpaidWei;
  for (let i = group.rows.length - 1; i >= 0 && unpaidWei > 0n; i--) {
    const lackedWei = least(prices[i] as bigint, unpaidWei);
    (sums.get(group.rows[i]?.offerId as number) as OfferSum).unpaidWei += lackedWei;
    unpaidWei -= lackedWei;
  }

  const startSeq = account.nextSeq;
  const fromCreditsWei = least(paidWei, account.creditsWei);
  account.creditsWei -= fromCreditsWei;
  account.balanceWei -= paidWei - fromCreditsWei;
  account.nextSeq += group.rows.length;
  const rebateDown = (amountWei * rebates.rate) / RATE_SCALE - rebates.marginWei;
  const isDue = shortfallWei === 0n && rebateDown > 0n;
  const rebateWei = isDue && account.creditsWei + rebateDown <= MAX_CREDITS_WEI ? rebateDown : 0n;
  account.creditsWei += rebateWei;
  return {
    startSeq,
    rows: group.rows.length,
    failedRows,
    amountWei,
    appFeeWei: appFeeDue - appUnpaidWei,
    shortfallWei,
    rowsUnpaidWei,
    paidWei,
    rebateWei,
  };
}
