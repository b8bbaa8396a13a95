import {
  batchCommitment,
  decodeBatch,
  groupLeaf,
  MAX_SPAN_SEC,
  type Batch,
  type EncodedBatch,
  type Group,
} from "../../router/model/batch.ts";
import { merkleRoot, merkleTree } from "../../router/model/merkle.ts";
import { SUPPLY_CAP_WEI } from "../../router/model/money.ts";
import { isBillable } from "../../router/model/offer.ts";
import { addEarnings, noEarnings } from "./earnings.ts";
import type { SettleCall, SettledEvent } from "./events.ts";
import { compare, type Report } from "./mismatch.ts";
import { addFees } from "./metrics.ts";
import { priceGroup, type OfferSum, type PricedGroup } from "./priceGroup.ts";
import {
  keyOf,
  protocolFeeBps,
  rebateShareBps,
  valueAt,
  type Earner,
  type Rules,
  type State,
} from "./state.ts";

/** A group of a settled batch, for who looks for one row. */
export interface SettledGroup {
  readonly operatorId: number;
  readonly batch: Batch;
  readonly group: Group;
  readonly startSeq: number;
  readonly where: string;
}

export interface Replay {
  readonly state: State;
  readonly rules: Rules;
  readonly report: Report;
  /** Told of every group of every batch, with its place in its account's sequence. */
  readonly onGroup?: (settled: SettledGroup) => void;
}

const BPS = 10_000n;

/** Settles a batch over again and compares the event with the outcome. */
export function replayBatch(replay: Replay, event: SettledEvent): void {
  const { state, report } = replay;
  const { operatorId, batchNo } = event.args;
  const where = `operator ${operatorId}, batch ${batchNo}`;
  state.totals.batches++;
  state.commitments.set(keyOf(operatorId, batchNo), event.args.commitment);
  const announced = state.shortfalls;
  state.shortfalls = [];

  const operator = valueAt(state.operators, operatorId, () => ({ settlers: new Set(), nextBatchNo: 0 }));
  compare(report, "batch number (I-03)", where, operator.nextBatchNo, batchNo);
  operator.nextBatchNo = batchNo + 1;

  if ("unreadable" in event.call) {
    report({ name: "unreadable batch", where, expected: "its calldata", actual: event.call.unreadable });
    return;
  }
  compare(report, "settler", where, operator.settlers.has(event.call.caller.toLowerCase()), true);
  const batch = decode(event.call, report, where);
  if (!batch) return;
  compare(report, "operator of the call", where, operatorId, event.call.operatorId);
  compare(report, "batch number of the call", where, batchNo, batch.batchNo);
  checkSpan(batch, event.at.timestampSec, report, where);

  const sums = offerSums(replay, batch, where);
  if (!sums) return;
  const epoch = Math.floor(event.at.timestampSec / replay.rules.epochSec);
  const groups = priceGroups(replay, batch, operatorId, epoch, sums, where);
  if (!groups) return;
  const protocolFeeWei = distribute(replay, event, batch, groups, sums, where);

  const leaves = groups.map(({ startSeq, shortfallWei }, i) =>
    groupLeaf(startSeq, shortfallWei, batch.groupBytes[i] as Uint8Array),
  );
  const commitment = batchCommitment(operatorId, batch.batchNo, batch.header, merkleRoot(merkleTree(leaves)));
  compare(report, "commitment", where, commitment, event.args.commitment);

  const total = (of: (group: PricedGroup) => bigint): bigint =>
    groups.reduce((sum, group) => sum + of(group), 0n);
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  const amountWei = total((group) => group.amountWei);
  const appFeesWei = total((group) => group.appFeeWei);
  const shortfallWei = total((group) => group.rowsUnpaidWei);
  const rebatesWei = total((group) => group.rebateWei);
  compare(report, "rows", where, rows, event.args.rows);
  compare(report, "amount", where, amountWei, event.args.amount);
  compare(report, "app fees", where, appFeesWei, event.args.appFees);
  compare(report, "protocol fee", where, protocolFeeWei, event.args.protocolFee);
  compare(report, "shortfall", where, shortfallWei, event.args.shortfall);
  compare(report, "rebates", where, rebatesWei, event.args.rebates);
  compare(report, "amount within the supply", where, amountWei <= SUPPLY_CAP_WEI, true);
  const short = groups.flatMap((group, i) =>
    group.shortfallWei === 0n ? [] : [`${batch.groups[i]?.accountId}: ${group.shortfallWei}`],
  );
  const told = announced.filter((entry) => entry.operatorId === operatorId && entry.batchNo === batchNo);
  compare(report, "shortfalls recorded", where, short.join(", "), told.map(({ text }) => text).join(", "));
  compare(report, "shortfalls of another batch", where, 0, announced.length - told.length);

  const { totals } = state;
  totals.rows += rows;
  totals.failedRows += groups.reduce((sum, group) => sum + group.failedRows, 0);
  totals.amountWei += amountWei;
  totals.appFeesWei += appFeesWei;
  totals.protocolFeeWei += protocolFeeWei;
  totals.rebatesWei += rebatesWei;
  totals.shortfallWei += shortfallWei;
}

function decode(call: SettleCall, report: Report, where: string): (Batch & EncodedBatch) | undefined {
  try {
    return decodeBatch(call.batch);
  } catch (error) {
    const actual = error instanceof Error ? error.message : String(error);
    report({ name: "malformed batch", where, expected: "a batch", actual });
    return undefined;
  }
}

function checkSpan(batch: Batch, timestampSec: number, report: Report, where: string): void {
  const { servedFromSec: from, servedToSec: to } = batch;
  if (from > to || to - from > MAX_SPAN_SEC || to > timestampSec)
    report({
      name: "span",
      where,
      expected: `at most ${MAX_SPAN_SEC} s that end by ${timestampSec}`,
      actual: `${from} to ${to}`,
    });
}

/** A sum to begin with for every offer of the batch; undefined when one is unknown, so that nothing can be priced. */
function offerSums(
  { state, rules, report }: Replay,
  batch: Batch,
  where: string,
): Map<number, OfferSum> | undefined {
  const sums = new Map<number, OfferSum>();
  let known = true;
  for (const { offerId } of batch.groups.flatMap((group) => group.rows)) {
    if (sums.has(offerId)) continue;
    const offer = state.offers.get(offerId);
    if (!offer) {
      if (known)
        report({ name: "unknown offer (I-04)", where, expected: "an offer", actual: String(offerId) });
      known = false;
      continue;
    }
    if (![batch.servedFromSec, batch.servedToSec].every((at) => isBillable(offer, at, rules.graceSec)))
      report({
        name: "offer not billable (I-04)",
        where: `${where}, offer ${offerId}`,
        expected: `${offer.createdAtSec} to ${offer.retiresAtSec} + ${rules.graceSec}`,
        actual: `${batch.servedFromSec} to ${batch.servedToSec}`,
      });
    sums.set(offerId, {
      offer,
      amountWei: 0n,
      unpaidWei: 0n,
      outputUnits: 0,
      timedUnits: 0n,
      outputWei: 0n,
      requests: 0,
      failures: 0,
    });
  }
  return known ? sums : undefined;
}

/** Debits every group; undefined when an account is unknown. */
function priceGroups(
  { state, report, onGroup }: Replay,
  batch: Batch & EncodedBatch,
  operatorId: number,
  epoch: number,
  sums: ReadonlyMap<number, OfferSum>,
  where: string,
): PricedGroup[] | undefined {
  const unknown = batch.groups.find((group) => !state.accounts.has(group.accountId));
  if (unknown) {
    report({
      name: "unknown account",
      where,
      expected: "an open account",
      actual: String(unknown.accountId),
    });
    return undefined;
  }
  const rate = protocolFeeBps(state, batch.servedFromSec) * rebateShareBps(state, epoch);
  const rebates = { rate, marginWei: rate === 0n ? 0n : offerCountOf(batch) };
  return batch.groups.map((group) => {
    const account = state.accounts.get(group.accountId);
    if (!account) throw new Error(`account ${group.accountId} has just been there`);
    const place = `${where}, account ${group.accountId}`;
    compare(report, "operator of the account (I-05)", place, operatorId, account.operatorId);
    const appFeeBps = state.apps.get(group.appId);
    if (appFeeBps === undefined)
      report({ name: "unknown app", where, expected: "an app", actual: String(group.appId) });
    const priced = priceGroup(group, account, appFeeBps ?? 0, sums, rebates);
    onGroup?.({ operatorId, batch, group, startSeq: priced.startSeq, where });
    return priced;
  });
}

/** Credits everybody, counts the metrics and returns the protocol fee. */
function distribute(
  { state, rules, report }: Replay,
  { args: { operatorId }, at: { timestampSec } }: SettledEvent,
  batch: Batch & EncodedBatch,
  groups: readonly PricedGroup[],
  sums: ReadonlyMap<number, OfferSum>,
  where: string,
): bigint {
  const epoch = Math.floor(timestampSec / rules.epochSec);
  const bucket = Math.floor(timestampSec / rules.challengeSec);
  const feeBps = protocolFeeBps(state, batch.servedFromSec);
  let creditedWei = 0n;
  const credit = (earner: Earner, id: number, amountWei: bigint): void => {
    if (amountWei === 0n) return;
    addEarnings(valueAt(state.earnings, keyOf(earner, id), noEarnings), bucket, amountWei);
    creditedWei += amountWei;
  };

  let protocolFeeWei = 0n;
  for (const sum of sums.values()) {
    const paidWei = sum.amountWei - sum.unpaidWei;
    const feeDown = (paidWei * feeBps) / BPS;
    protocolFeeWei += feeDown;
    credit("provider", sum.offer.providerId, paidWei - feeDown);
    addFees(state, keyOf(epoch, operatorId, sum.offer.listingId), feeDown, sum);
    const claimDown = sum.unpaidWei - (sum.unpaidWei * feeBps) / BPS;
    const { shortfalls } = state.announced;
    if (claimDown > 0n)
      shortfalls.set(sum.offer.providerId, (shortfalls.get(sum.offer.providerId) ?? 0n) + claimDown);
  }
  const paidByApp = new Map<number, bigint>();
  groups.forEach((group, i) => {
    const appId = batch.groups[i]?.appId ?? 0;
    if (appId === 0) return;
    credit("app", appId, group.appFeeWei);
    paidByApp.set(appId, (paidByApp.get(appId) ?? 0n) + group.amountWei - group.rowsUnpaidWei);
  });
  for (const [appId, paidWei] of paidByApp) {
    const feeDown = (paidWei * feeBps) / BPS - offerCountOf(batch);
    const key = keyOf(epoch, operatorId, appId);
    if (feeDown > 0n) state.appFees.set(key, (state.appFees.get(key) ?? 0n) + feeDown);
  }
  const operatorShareDown = (protocolFeeWei * BigInt(rules.operatorShareBps)) / BPS;
  credit("operator", operatorId, operatorShareDown);
  const rebatesWei = groups.reduce((sum, group) => sum + group.rebateWei, 0n);
  const poolWei = protocolFeeWei - operatorShareDown - rebatesWei;
  const poolKey = keyOf(operatorId, epoch);
  if (poolWei > 0n) state.pools.set(poolKey, (state.pools.get(poolKey) ?? 0n) + poolWei);

  const debitedWei = groups.reduce((sum, group) => sum + group.paidWei, 0n);
  compare(report, "debits = credits (I-02)", where, debitedWei, creditedWei + poolWei + rebatesWei);
  return protocolFeeWei;
}

/** How many offers stand in a batch's table: a byte of its header. */
const OFFER_COUNT_AT = 15;
const offerCountOf = ({ header }: EncodedBatch): bigint => BigInt(header[OFFER_COUNT_AT] ?? 0);
