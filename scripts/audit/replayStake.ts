import type { ContractEvent, Place } from "./events.ts";
import { compare } from "./mismatch.ts";
import type { Replay } from "./replayBatch.ts";
import { openClaimsWei } from "./openClaims.ts";
import { keyOf, valueAt, type Stake } from "./state.ts";

/** What bonds and stakes emit. */
export type StakeEvent = Extract<
  ContractEvent,
  { eventName: "Bonded" | "UnbondingRequested" | "Unbonded" | "Slashed" }
>;

const noStake = (): Stake => ({ bondedWei: 0n, unbondingWei: 0n, readyAtSec: 0 });

function stakeOf({ state }: Replay, isOperator: boolean, id: number): Stake {
  return valueAt(state.stakes, keyOf(isOperator ? "operator" : "provider", id), noStake);
}

/** Advances bonds and stakes by one event. */
export function replayStake(replay: Replay, event: StakeEvent, at: Place, where: string): void {
  const { state, report } = replay;
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
      // What is claimed of a bond stays in it.
      const claimedWei = isOperator ? openClaimsWei(state, id).totalWei : 0n;
      const freeWei = stake.bondedWei + stake.unbondingWei - claimedWei;
      const dueWei = freeWei < stake.unbondingWei ? freeWei : stake.unbondingWei;
      compare(report, "unbonded (I-12)", where, dueWei, amount);
      compare(report, "unbonding period (I-12)", where, stake.readyAtSec <= at.timestampSec, true);
      stake.unbondingWei -= amount;
      if (stake.unbondingWei === 0n) stake.readyAtSec = 0;
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
      compare(report, "slashed amount", where, state.announced.slashedWei, slashed);
      state.announced.slashedWei = 0n;
      state.totals.slashedWei += slashed;
      return;
    }
  }
}
