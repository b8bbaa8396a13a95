import { noEarnings, takeEarnings } from "./earnings.ts";
import type { AuditEvent, Pausable } from "./events.ts";
import { compare } from "./mismatch.ts";
import { replayBatch, type Replay } from "./replayBatch.ts";
import { replayDispute } from "./replayDispute.ts";
import { replayStake } from "./replayStake.ts";
import { EARNERS, keyOf, valueAt, type Account } from "./state.ts";

const NOT_RETIRED = 2 ** 40 - 1;

/** The account of an event, if it was ever opened. */
function accountOf({ state, report }: Replay, accountId: number, where: string): Account | undefined {
  const account = state.accounts.get(accountId);
  if (!account)
    report({ name: "unknown account", where, expected: "an open account", actual: String(accountId) });
  return account;
}

function checkNotPaused({ state, report }: Replay, contract: Pausable, nowSec: number, where: string): void {
  compare(report, "happened in a pause", where, state.pausedUntilSec[contract] > nowSec, false);
}

/** Advances the state by one event. Pure but for the state: no chain is asked. */
export function replayEvent(replay: Replay, event: AuditEvent): void {
  const { state, rules, report } = replay;
  const { at } = event;
  const where = `${event.eventName} in block ${at.blockNumber}, log ${at.logIndex}`;
  switch (event.eventName) {
    case "OperatorRegistered":
      compare(report, "operator id", where, state.operators.size + 1, event.args.operatorId);
      state.operators.set(event.args.operatorId, { settlers: new Set(), nextBatchNo: 0 });
      return;
    case "SettlerSet": {
      const { operatorId, settler, allowed } = event.args;
      const settlers = state.operators.get(operatorId)?.settlers;
      if (allowed) settlers?.add(settler.toLowerCase());
      else settlers?.delete(settler.toLowerCase());
      return;
    }
    case "ProviderRegistered":
      compare(report, "provider id", where, ++state.providers, event.args.providerId);
      return;
    case "ListingCreated": {
      const { listingId, providerId, modelId } = event.args;
      compare(report, "listing id", where, state.listings.size + 1, listingId);
      state.listings.set(listingId, { providerId, modelId });
      return;
    }
    case "OfferCreated": {
      const { offerId, listingId, ...prices } = event.args;
      compare(report, "offer id", where, state.offers.size + 1, offerId);
      const listing = state.listings.get(listingId);
      compare(report, "listing of an offer", where, listing !== undefined, true);
      state.offers.set(offerId, {
        offerId,
        listingId,
        providerId: listing?.providerId ?? 0,
        modelId: listing?.modelId ?? 0,
        ...prices,
        createdAtSec: at.timestampSec,
        retiresAtSec: NOT_RETIRED,
      });
      return;
    }
    case "OfferRetired": {
      const offer = state.offers.get(event.args.offerId);
      if (offer) state.offers.set(offer.offerId, { ...offer, retiresAtSec: event.args.retiresAt });
      return;
    }
    case "AppRegistered":
      compare(report, "app id", where, state.apps.size, event.args.appId);
      state.apps.set(event.args.appId, event.args.feeBps);
      return;
    case "ProtocolFeeScheduled":
      state.protocolFees.push({
        effectiveAtSec: event.args.effectiveAt,
        feeBps: event.args.feeBps,
      });
      return;
    case "RebateShareScheduled": {
      const { shareBps, fromEpoch } = event.args;
      state.rebateShares.push({ fromEpoch: Number(fromEpoch), shareBps });
      return;
    }
    case "AccountOpened": {
      const { accountId, operatorId, strict, maxAppFeePct } = event.args;
      compare(report, "account id", where, state.accounts.size + 1, accountId);
      const empty = {
        balanceWei: 0n,
        creditsWei: 0n,
        nextSeq: 0,
        exit: undefined,
        selfSettled: new Set<number>(),
      };
      state.accounts.set(accountId, { operatorId, strict, maxAppFeePct, ...empty });
      return;
    }
    case "Deposited": {
      const account = accountOf(replay, event.args.accountId, where);
      if (account) account.balanceWei += event.args.amount;
      checkNotPaused(replay, "escrow", at.timestampSec, where);
      state.totals.depositedWei += event.args.amount;
      return;
    }
    case "CreditsGranted": {
      const account = accountOf(replay, event.args.accountId, where);
      if (account) account.creditsWei += event.args.amount;
      checkNotPaused(replay, "escrow", at.timestampSec, where);
      state.totals.grantedWei += event.args.amount;
      return;
    }
    case "Paused":
      compare(report, "paused until", where, event.args.until > at.timestampSec, true);
      state.pausedUntilSec[event.contract] = event.args.until;
      return;
    case "PauseEnded":
      compare(report, "ended pause", where, state.pausedUntilSec[event.contract] > at.timestampSec, true);
      state.pausedUntilSec[event.contract] = at.timestampSec;
      return;
    case "ExitRequested": {
      const account = accountOf(replay, event.args.accountId, where);
      if (account) account.exit = { amountWei: event.args.amount, readyAtSec: event.args.readyAt };
      return;
    }
    case "ExitCanceled": {
      const account = accountOf(replay, event.args.accountId, where);
      if (account) account.exit = undefined;
      return;
    }
    case "Withdrawn": {
      const account = accountOf(replay, event.args.accountId, where);
      state.totals.withdrawnWei += event.args.amount;
      if (!account) return;
      const asked = account.exit?.amountWei ?? 0n;
      const due = asked < account.balanceWei ? asked : account.balanceWei;
      compare(report, "withdrawal", where, due, event.args.amount);
      compare(report, "exit notice", where, (account.exit?.readyAtSec ?? Infinity) <= at.timestampSec, true);
      account.balanceWei -= event.args.amount;
      account.exit = undefined;
      return;
    }
    case "Claimed": {
      const { earner, id, amount } = event.args;
      const earnings = valueAt(state.earnings, keyOf(EARNERS[earner] ?? earner, id), noEarnings);
      const mature = takeEarnings(earnings, Math.floor(at.timestampSec / rules.challengeSec));
      compare(report, "claim", where, mature, amount);
      state.totals.claimedWei += amount;
      return;
    }
    case "ShortfallRecorded": {
      const { operatorId, batchNo, accountId, shortfall } = event.args;
      state.shortfalls.push({ operatorId, batchNo, text: `${accountId}: ${shortfall}` });
      return;
    }
    case "BatchSettled":
      checkNotPaused(replay, "ledger", at.timestampSec, where);
      replayBatch(replay, event);
      return;
    case "Unknown":
      report({
        name: "unknown event",
        where: `${event.contract} in block ${at.blockNumber}, log ${at.logIndex}`,
        expected: "an event of this version of the contracts",
        actual: event.topic,
      });
      return;
    case "PoolPaid": {
      const { operatorId, epoch, amount } = event.args;
      const key = keyOf(operatorId, Number(epoch));
      const leftWei = (state.pools.get(key) ?? 0n) - amount;
      compare(report, "paid of a pool", where, leftWei >= 0n, true);
      state.pools.set(key, leftWei);
      state.totals.poolPaidWei += amount;
      return;
    }
    case "Bonded":
    case "UnbondingRequested":
    case "Unbonded":
    case "Slashed":
      replayStake(replay, event, at, where);
      return;
    case "EvidencePaid":
    case "ClaimRecorded":
    case "ClaimCollected":
    case "SelfSettled":
    case "Refunded":
    case "Compensated":
    case "Frozen":
    case "Thawed":
    case "Reversed":
    case "FeesReversed":
      replayDispute(replay, event, at, where);
      return;
    // What bears on no amount.
    case "ChallengeOpened":
    case "ChallengeAnswered":
    case "ReceiptShown":
    case "ReceiptKeyAdded":
    case "PayeeSet":
    case "ModelRegistered":
    case "MinimumsSet":
    case "OwnershipTransferStarted":
    case "OwnershipTransferred":
      return;
  }
}
