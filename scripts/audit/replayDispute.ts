import { addEarnings, noEarnings } from "./earnings.ts";
import type { ContractEvent, Place } from "./events.ts";
import { compare } from "./mismatch.ts";
import type { Replay } from "./replayBatch.ts";
import { keyOf, valueAt, type Stake } from "./state.ts";

const BPS = 10_000n;
/** As in contracts/Disputes.sol. */
const REWARD_BPS = 5_000n;

/** What bonds, stakes and disputes emit. */
export type StakeEvent = Extract<
  ContractEvent,
  {
    eventName:
      | "Bonded"
      | "UnbondingRequested"
      | "Unbonded"
      | "Slashed"
      | "Refunded"
      | "Compensated"
      | "EvidencePaid"
      | "DebtRecorded";
  }
>;

const noStake = (): Stake => ({ bondedWei: 0n, unbondingWei: 0n, readyAtSec: 0 });

function stakeOf({ state }: Replay, isOperator: boolean, id: number): Stake {
  return valueAt(state.stakes, keyOf(isOperator ? "operator" : "provider", id), noStake);
}

/** Advances bonds, stakes, refunds and debts by one event. */
export function replayDispute(replay: Replay, event: StakeEvent, at: Place, where: string): void {
  const { state, rules, report } = replay;
  switch (event.eventName) {
    case "Bonded": {
      const { isOperator, id, amount, bonded } = event.args;
      const stake = stakeOf(replay, isOperator, id);
      stake.bondedWei += amount;
      compare(report, "bonded", where, stake.bondedWei, bonded);
      return;
    }
    case "UnbondingRequested": {
      const { isOperator, id, amount, readyAt } = event.args;
      const stake = stakeOf(replay, isOperator, id);
      stake.bondedWei -= amount;
      stake.unbondingWei = amount;
      stake.readyAtSec = readyAt;
      return;
    }
    case "Unbonded": {
      const { isOperator, id, amount } = event.args;
      const stake = stakeOf(replay, isOperator, id);
      compare(report, "unbonded", where, stake.unbondingWei, amount);
      compare(report, "unbonding period (I-12)", where, stake.readyAtSec <= at.timestampSec, true);
      stake.unbondingWei = 0n;
      stake.readyAtSec = 0;
      return;
    }
    case "Slashed": {
      const { operatorId, slashed, bonded, unbonding, readyAt } = event.args;
      const stake = stakeOf(replay, true, operatorId);
      const left = stake.bondedWei + stake.unbondingWei - slashed;
      compare(report, "bond after slashing", where, left, bonded + unbonding);
      compare(
        report,
        "unbonding brought forward (I-12)",
        where,
        unbonding > 0n && readyAt < stake.readyAtSec,
        false,
      );
      stake.bondedWei = bonded;
      stake.unbondingWei = unbonding;
      stake.readyAtSec = readyAt;
      state.dispute.slashedWei += slashed;
      state.totals.slashedWei += slashed;
      return;
    }
    case "EvidencePaid": {
      const { operatorId, accountId, seq, kind, evidence, refund, compensation, penalty, reward } =
        event.args;
      compare(report, "slashed amount", where, state.dispute.slashedWei, refund + compensation + penalty);
      compare(report, "challenger's reward", where, (penalty * REWARD_BPS) / BPS, reward);
      const sequence = keyOf("seq", operatorId, accountId, seq);
      // Two receipts of one sequence number are shown once, in whatever order.
      const shown = keyOf(kind, kind === 0 ? evidence : sequence);
      compare(report, "evidence paid once (I-09)", where, state.evidence.has(shown), false);
      const limitWei = state.evidence.has(sequence) ? 0n : rules.penaltyWei;
      compare(report, "penalty taken once (I-09)", where, penalty <= limitWei, true);
      state.evidence.add(shown).add(sequence);
      state.dispute.slashedWei = 0n;
      state.dispute.refundWei += refund;
      state.dispute.compensationWei += compensation;
      return;
    }
    case "DebtRecorded": {
      const { operatorId, refund, compensation } = event.args;
      state.debts.set(operatorId, (state.debts.get(operatorId) ?? 0n) + refund + compensation);
      return;
    }
    case "Refunded": {
      const { accountId, amount } = event.args;
      compare(report, "refund", where, state.dispute.refundWei, amount);
      state.dispute.refundWei = 0n;
      const account = state.accounts.get(accountId);
      compare(report, "refunded account", where, account !== undefined, true);
      if (account) account.balanceWei += amount;
      state.totals.refundedWei += amount;
      return;
    }
    case "Compensated": {
      const { providerId, amount } = event.args;
      compare(report, "compensation", where, state.dispute.compensationWei, amount);
      state.dispute.compensationWei = 0n;
      const earnings = valueAt(state.earnings, keyOf("provider", providerId), noEarnings);
      addEarnings(earnings, Math.floor(at.timestampSec / rules.challengeSec), amount);
      state.totals.compensatedWei += amount;
      return;
    }
  }
}
