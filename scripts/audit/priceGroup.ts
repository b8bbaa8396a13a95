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
  timingSum: number;
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
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Takes a group's cost from `account` and adds its rows to the sums of their offers (every offer has one). */
export function priceGroup(
  group: Group,
  account: Account,
  appFeeBps: number,
  sums: ReadonlyMap<number, OfferSum>,
): PricedGroup {
  let amountWei = 0n;
  let failedRows = 0;
  const prices = group.rows.map((row) => {
    const sum = sums.get(row.offerId) as OfferSum;
    if (row.timing === FAILED) {
      sum.failures++;
      failedRows++;
      return 0n;
    }
    const price = amountOf(sum.offer, row);
    sum.amountWei += price;
    sum.outputUnits += row.outputUnits;
    sum.timingSum += row.timing;
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
  return {
    startSeq,
    rows: group.rows.length,
    failedRows,
    amountWei,
    appFeeWei: appFeeDue - appUnpaidWei,
    shortfallWei,
    rowsUnpaidWei,
    paidWei,
  };
}
