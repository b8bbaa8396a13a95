import type { Receipt } from "../../router/model/receipt.ts";
import { amountOf, isBillable } from "../../router/model/offer.ts";
import { FAILED } from "../../router/model/timing.ts";
import { compare, type Report } from "./mismatch.ts";
import type { SettledGroup } from "./replayBatch.ts";
import type { Rules, State } from "./state.ts";

/** True if `settled` has the row of this receipt. */
export function hasRow({ group, startSeq }: SettledGroup, { accountId, seq }: Receipt): boolean {
  return group.accountId === accountId && startSeq <= seq && seq < startSeq + group.rows.length;
}

/**
 * Compares a receipt with the row that was settled for it: every difference is what `Disputes` calls evidence D1. Here
 * the receipt is what was expected.
 */
export function compareReceipt(
  receipt: Receipt,
  settled: SettledGroup,
  state: State,
  rules: Rules,
  report: Report,
): void {
  const { batch, group, operatorId, startSeq, where } = settled;
  const row = group.rows[receipt.seq - startSeq];
  if (!row) throw new RangeError(`${where} has no row for sequence number ${receipt.seq}`);
  compare(report, "operator", where, receipt.operatorId, operatorId);
  compare(report, "offer", where, receipt.offerId, row.offerId);
  compare(report, "app", where, receipt.appId, group.appId);
  compare(report, "input units", where, receipt.inputUnits, row.inputUnits);
  compare(report, "output units", where, receipt.outputUnits, row.outputUnits);
  compare(report, "timing", where, receipt.timing, row.timing);
  const offer = state.offers.get(row.offerId);
  if (offer) {
    const amountWei = row.timing === FAILED ? 0n : amountOf(offer, row);
    compare(report, "amount", where, receipt.amountWei, amountWei);
    const billable = isBillable(offer, receipt.servedAtSec, rules.graceSec);
    compare(report, "offer billable when served", where, true, billable);
  }
  const { servedFromSec, servedToSec } = batch;
  if (receipt.servedAtSec < servedFromSec || servedToSec < receipt.servedAtSec)
    report({
      name: "time of service",
      where,
      expected: String(receipt.servedAtSec),
      actual: `${servedFromSec} to ${servedToSec}`,
    });
}
