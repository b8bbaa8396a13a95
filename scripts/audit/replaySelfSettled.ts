import { appFeeDown, isBillable } from "../../router/model/offer.ts";
import { addEarnings, noEarnings } from "./earnings.ts";
import type { ContractEvent, Place } from "./events.ts";
import { addFees } from "./metrics.ts";
import { compare } from "./mismatch.ts";
import type { Replay } from "./replayBatch.ts";
import { keyOf, protocolFeeBps, valueAt } from "./state.ts";

const BPS = 10_000n;

type SelfSettled = Extract<ContractEvent, { eventName: "SelfSettled" }>;

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Settles one receipt as its provider did, and compares the event with the outcome. */
export function replaySelfSettled(
  { state, rules, report }: Replay,
  { args }: SelfSettled,
  at: Place,
  where: string,
): void {
  const { operatorId, accountId, providerId, seq, offerId, appId, servedAt, amount } = args;
  const account = state.accounts.get(accountId);
  const offer = state.offers.get(offerId);
  if (!account || !offer) {
    const actual = `account ${accountId}, offer ${offerId}`;
    report({ name: "self-settled for nobody", where, expected: "an account and an offer", actual });
    return;
  }
  compare(report, "operator of the account (I-05)", where, account.operatorId, operatorId);
  compare(report, "provider of the offer", where, offer.providerId, providerId);
  compare(report, "billable offer (I-04)", where, isBillable(offer, servedAt, rules.graceSec), true);
  compare(report, "number still to come (I-03)", where, seq >= account.nextSeq, true);
  compare(report, "self-settled once (I-09)", where, account.selfSettled.has(seq), false);
  account.selfSettled.add(seq);

  const appFeeWei = appId === 0 ? 0n : appFeeDown(amount, state.apps.get(appId) ?? 0, account.maxAppFeePct);
  const takenWei = least(amount + appFeeWei, account.balanceWei + account.creditsWei);
  const paidWei = least(takenWei, amount);
  compare(report, "taken from the account", where, takenWei, args.taken);
  compare(report, "paid of the receipt", where, paidWei, args.paid);
  const fromCreditsWei = least(takenWei, account.creditsWei);
  account.creditsWei -= fromCreditsWei;
  account.balanceWei -= takenWei - fromCreditsWei;

  const bps = protocolFeeBps(state, servedAt);
  const feeDown = (paidWei * bps) / BPS;
  const bucket = Math.floor(at.timestampSec / rules.challengeSec);
  const credit = (key: string, wei: bigint): void => {
    if (wei > 0n) addEarnings(valueAt(state.earnings, key, noEarnings), bucket, wei);
  };
  credit(keyOf("provider", providerId), paidWei - feeDown);
  credit(keyOf("app", appId), takenWei - paidWei);
  const epoch = Math.floor(at.timestampSec / rules.epochSec);
  const poolKey = keyOf(operatorId, epoch);
  state.pools.set(poolKey, (state.pools.get(poolKey) ?? 0n) + feeDown);

  const outputWei = BigInt(args.outputUnits) * offer.outputPrice;
  addFees(state, keyOf(epoch, operatorId, offer.listingId), feeDown, {
    amountWei: paidWei,
    outputWei: least(paidWei, outputWei),
    outputUnits: args.outputUnits,
    timedUnits: BigInt(args.outputUnits * args.timing),
    requests: 1,
    failures: 0,
  });
  const appKey = keyOf(epoch, operatorId, appId);
  if (appId !== 0) state.appFees.set(appKey, (state.appFees.get(appKey) ?? 0n) + feeDown);

  const unpaidWei = amount - paidWei;
  const claimWei = unpaidWei - (unpaidWei * bps) / BPS;
  compare(report, "claimed for the rest", where, state.announced.compensationClaimWei, claimWei);
  state.announced.compensationClaimWei = 0n;
  state.totals.selfSettled++;
  state.totals.selfSettledWei += paidWei;
}
