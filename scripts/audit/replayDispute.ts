import { addEarnings, noEarnings, takePending } from "./earnings.ts";
import type { ContractEvent, Place } from "./events.ts";
import { reverseFees } from "./metrics.ts";
import { compare } from "./mismatch.ts";
import { CLAIM, openClaimsWei } from "./openClaims.ts";
import type { Replay } from "./replayBatch.ts";
import { replaySelfSettled } from "./replaySelfSettled.ts";
import { keyOf, valueAt } from "./state.ts";

const BPS = 10_000n;
/** As in contracts/BondClaims.sol. */
const REWARD_BPS = 5_000n;
const ROW_EVIDENCE = 0;

/** What disputes emit, and what others emit on their behalf. */
export type DisputeEvent = Extract<
  ContractEvent,
  {
    eventName:
      | "EvidencePaid"
      | "ClaimRecorded"
      | "ClaimCollected"
      | "SelfSettled"
      | "Refunded"
      | "Compensated"
      | "Frozen"
      | "Thawed"
      | "Reversed"
      | "FeesReversed";
  }
>;

/** Advances claims, refunds, compensations and frozen credit by one event. */
export function replayDispute(replay: Replay, event: DisputeEvent, at: Place, where: string): void {
  const { state, rules, report } = replay;
  const { announced, totals } = state;
  const bucket = Math.floor(at.timestampSec / rules.challengeSec);
  switch (event.eventName) {
    case "ClaimRecorded": {
      const { operatorId, kind, id, amount } = event.args;
      compare(report, "bucket of a claim", where, bucket, event.args.bucket);
      const key = keyOf(operatorId, kind, id, event.args.bucket);
      state.claims.set(key, (state.claims.get(key) ?? 0n) + amount);
      const ofBatch = kind === CLAIM.compensation ? (announced.shortfalls.get(id) ?? 0n) : 0n;
      if (ofBatch >= amount) {
        announced.shortfalls.set(id, ofBatch - amount);
        if (ofBatch === amount) announced.shortfalls.delete(id);
      } else if (kind === CLAIM.refund) announced.refundClaimWei += amount;
      else announced.compensationClaimWei += amount;
      return;
    }
    case "EvidencePaid": {
      const { operatorId, accountId, seq, kind, evidence, refund, compensation, penalty, reward } =
        event.args;
      compare(report, "refund claimed", where, announced.refundClaimWei, refund);
      compare(report, "compensation claimed", where, announced.compensationClaimWei, compensation);
      announced.refundClaimWei = 0n;
      announced.compensationClaimWei = 0n;
      compare(report, "challenger's reward", where, (penalty * REWARD_BPS) / BPS, reward);
      const sequence = keyOf("seq", operatorId, accountId, seq);
      // Two receipts of one sequence number are shown once, in whatever order.
      const shown = keyOf(kind, kind === ROW_EVIDENCE ? evidence : sequence);
      compare(report, "evidence paid once (I-09)", where, state.evidence.has(shown), false);
      const limitWei = state.evidence.has(sequence) ? 0n : rules.penaltyWei;
      compare(report, "penalty taken once (I-09)", where, penalty <= limitWei, true);
      state.evidence.add(shown).add(sequence);
      announced.slashedWei += penalty;
      return;
    }
    case "ClaimCollected": {
      const { operatorId, kind, id, amount, paid } = event.args;
      const key = keyOf(operatorId, kind, id, event.args.bucket);
      compare(report, "claim on a bond", where, state.claims.get(key) ?? 0n, amount);
      compare(report, "paid of a claim", where, payableWei(replay, operatorId, kind, amount), paid);
      state.claims.delete(key);
      announced.slashedWei += paid;
      if (kind === CLAIM.refund) announced.refundWei += paid;
      else announced.compensationWei += paid;
      return;
    }
    case "SelfSettled":
      replaySelfSettled(replay, event, at, where);
      return;
    case "Refunded": {
      const { accountId, amount } = event.args;
      compare(report, "refund", where, announced.refundWei, amount);
      announced.refundWei = 0n;
      const account = state.accounts.get(accountId);
      compare(report, "refunded account", where, account !== undefined, true);
      if (account) account.balanceWei += amount;
      totals.refundedWei += amount;
      return;
    }
    case "Compensated": {
      const { providerId, amount } = event.args;
      compare(report, "compensation", where, announced.compensationWei, amount);
      announced.compensationWei = 0n;
      addEarnings(valueAt(state.earnings, keyOf("provider", providerId), noEarnings), bucket, amount);
      totals.compensatedWei += amount;
      return;
    }
    case "Frozen": {
      const { providerId, amount } = event.args;
      const earnings = valueAt(state.earnings, keyOf("provider", providerId), noEarnings);
      const taken = takePending(earnings, bucket, amount);
      compare(report, "frozen of what is pending (I-07)", where, taken, amount);
      state.frozen.set(providerId, (state.frozen.get(providerId) ?? 0n) + amount);
      return;
    }
    case "Thawed": {
      const { providerId, amount } = event.args;
      takeFrozen(replay, providerId, amount, where);
      valueAt(state.earnings, keyOf("provider", providerId), noEarnings).mature += amount;
      return;
    }
    case "Reversed": {
      const { providerId, accountId, amount } = event.args;
      takeFrozen(replay, providerId, amount, where);
      const account = state.accounts.get(accountId);
      compare(report, "refunded account", where, account !== undefined, true);
      if (account) account.balanceWei += amount;
      totals.reversedWei += amount;
      return;
    }
    case "FeesReversed": {
      const { operatorId, epoch, listingId, appId, fee } = event.args;
      reverseFees(state, keyOf(Number(epoch), operatorId, listingId), fee);
      const key = keyOf(Number(epoch), operatorId, appId);
      const ofApp = state.appFees.get(key);
      if (ofApp !== undefined) state.appFees.set(key, ofApp > fee ? ofApp - fee : 0n);
      return;
    }
  }
}

/** What a bond has for a claim: refunds share it, compensations what those leave. */
function payableWei({ state }: Replay, operatorId: number, kind: number, claimWei: bigint): bigint {
  const stake = state.stakes.get(keyOf("operator", operatorId));
  const bondWei = (stake?.bondedWei ?? 0n) + (stake?.unbondingWei ?? 0n);
  const { refundsWei, compensationsWei } = openClaimsWei(state, operatorId);
  const leftWei = bondWei > refundsWei ? bondWei - refundsWei : 0n;
  const [availableWei, claimedWei] =
    kind === CLAIM.refund ? [bondWei, refundsWei] : [leftWei, compensationsWei];
  return claimedWei <= availableWei ? claimWei : (claimWei * availableWei) / claimedWei;
}

function takeFrozen({ state, report }: Replay, providerId: number, amountWei: bigint, where: string): void {
  const frozenWei = state.frozen.get(providerId) ?? 0n;
  compare(report, "taken of what is frozen", where, frozenWei >= amountWei, true);
  state.frozen.set(providerId, frozenWei - amountWei);
}
