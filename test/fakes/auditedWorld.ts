/** The world of the batch vectors as events, and a chain that stores just what was recomputed. */
import type { ChainState } from "../../scripts/audit/chainState.ts";
import { noEarnings, unclaimedWei } from "../../scripts/audit/earnings.ts";
import type { AuditEvent, Place, SettledEvent } from "../../scripts/audit/events.ts";
import type { Mismatch } from "../../scripts/audit/mismatch.ts";
import { CLAIM, openClaimsWei } from "../../scripts/audit/openClaims.ts";
import { replayEvent } from "../../scripts/audit/replay.ts";
import type { Replay } from "../../scripts/audit/replayBatch.ts";
import { emptyState, keyOf, type Rules, type State } from "../../scripts/audit/state.ts";
import { fromHex, type Hex } from "../../router/model/bytes.ts";
import { batchVectors, type SettledVector } from "../vectors/read.ts";

export const { world } = batchVectors();
export const SETTLER: Hex = `0x${"5e".repeat(20)}`;
export const OWNER: Hex = `0x${"0a".repeat(20)}`;
/** When the vectors' batches settle. */
export const SETTLED_AT = world.servedFromSec + 3_600;
export const RULES: Rules = {
  graceSec: 900,
  challengeSec: 86_400,
  epochSec: 604_800,
  operatorShareBps: world.operatorShareBps,
  penaltyWei: 10n ** 20n,
};

let logs = 0;

export function place(timestampSec: number): Place {
  return { blockNumber: 1, logIndex: logs++, txHash: `0x${"11".repeat(32)}`, timestampSec };
}

/** Everything up to the first batch. */
export function worldEvents(): AuditEvent[] {
  const at = place(world.servedFromSec - 1_000);
  const operators = [1, 2].flatMap((operatorId): AuditEvent[] => [
    { eventName: "OperatorRegistered", args: { operatorId, owner: OWNER, payee: OWNER }, at },
    { eventName: "SettlerSet", args: { operatorId, settler: SETTLER, allowed: true }, at },
  ]);
  const providers = Array.from({ length: world.providers }, (_, i) => i + 1).flatMap((id): AuditEvent[] => [
    { eventName: "ProviderRegistered", args: { providerId: id, owner: OWNER, payee: OWNER }, at },
    { eventName: "ListingCreated", args: { listingId: id, providerId: id, modelId: 1 }, at },
  ]);
  const offers = world.offers.map(
    ({ offerId, listingId, inputPrice, outputPrice, requestPrice }): AuditEvent => ({
      eventName: "OfferCreated",
      args: {
        offerId,
        listingId,
        inputPrice: BigInt(inputPrice),
        outputPrice: BigInt(outputPrice),
        requestPrice: BigInt(requestPrice),
        cachedBps: 0,
      },
      at,
    }),
  );
  const apps = world.appFeesBps.map((feeBps, i): AuditEvent => ({
    eventName: "AppRegistered",
    args: { appId: i + 1, owner: OWNER, feeBps },
    at,
  }));
  const accounts = world.accounts.flatMap(
    ({ accountId, operatorId, balanceWei, maxAppFeePct }): AuditEvent[] => [
      {
        eventName: "AccountOpened",
        args: { accountId, owner: OWNER, operatorId, signer: OWNER, strict: false, maxAppFeePct },
        at,
      },
      { eventName: "Deposited", args: { accountId, from: OWNER, amount: BigInt(balanceWei) }, at },
    ],
  );
  const fee: AuditEvent = {
    eventName: "ProtocolFeeScheduled",
    args: { feeBps: world.protocolFeeBps, effectiveAt: 0 },
    at,
  };
  const rebates: AuditEvent = {
    eventName: "RebateShareScheduled",
    args: { shareBps: 0, fromEpoch: 0n },
    at,
  };
  return [fee, rebates, ...operators, ...providers, ...offers, ...apps, ...accounts];
}

/** What the chain emits when a vector settles. */
export function settledEvents(vector: SettledVector): AuditEvent[] {
  const { batch, bytes, expected } = vector;
  const at = place(SETTLED_AT);
  const { operatorId } = world;
  const { batchNo } = batch;
  const shortfalls = expected.groups.flatMap(({ shortfallWei }, i): AuditEvent[] =>
    shortfallWei === "0"
      ? []
      : [
          {
            eventName: "ShortfallRecorded",
            args: {
              operatorId,
              batchNo,
              accountId: batch.groups[i]?.accountId ?? 0,
              shortfall: BigInt(shortfallWei),
            },
            at,
          },
        ],
  );
  const settled: SettledEvent = {
    eventName: "BatchSettled",
    args: {
      operatorId,
      batchNo,
      commitment: expected.commitment,
      rows: expected.rows,
      amount: BigInt(expected.amountWei),
      appFees: BigInt(expected.appFeesWei),
      protocolFee: BigInt(expected.protocolFeeWei),
      shortfall: BigInt(expected.shortfallWei),
      rebates: 0n,
    },
    call: { caller: SETTLER, operatorId, batch: fromHex(bytes) },
    at,
  };
  return [...shortfalls, settled, ...claimEvents(vector, at)];
}

/** What providers lacked of a batch is claimed right after it. */
function claimEvents({ expected }: SettledVector, at: Place): AuditEvent[] {
  const bucket = Math.floor(at.timestampSec / RULES.challengeSec);
  return expected.claimsWei.flatMap((wei, i): AuditEvent[] => {
    if (wei === "0") return [];
    const claim = { operatorId: world.operatorId, kind: CLAIM.compensation, id: i + 1, bucket };
    return [{ eventName: "ClaimRecorded", args: { ...claim, amount: BigInt(wei) }, at }];
  });
}

export interface Replayed {
  readonly state: State;
  readonly mismatches: Mismatch[];
}

export function replayAll(events: readonly AuditEvent[], onGroup?: Replay["onGroup"]): Replayed {
  const state = emptyState();
  const mismatches: Mismatch[] = [];
  const report = (mismatch: Mismatch): void => void mismatches.push(mismatch);
  for (const event of events)
    replayEvent({ state, rules: RULES, report, ...(onGroup ? { onGroup } : {}) }, event);
  return { state, mismatches };
}

/** A chain whose views say exactly what `state` says. */
export function honestChain(state: State): ChainState {
  const owed = (): bigint =>
    [...state.accounts.values()].reduce(
      (sum, { balanceWei, creditsWei }) => sum + balanceWei + creditsWei,
      0n,
    ) +
    [...state.earnings.values()].reduce((sum, earnings) => sum + unclaimedWei(earnings), 0n) +
    [...state.pools.values()].reduce((sum, poolWei) => sum + poolWei, 0n) +
    [...state.frozen.values()].reduce((sum, frozenWei) => sum + frozenWei, 0n);
  return {
    counts: async () => ({
      operators: state.operators.size,
      providers: state.providers,
      listings: state.listings.size,
      offers: state.offers.size,
      apps: state.apps.size - 1,
    }),
    offers: async (ids) =>
      ids.map((id) => {
        const offer = state.offers.get(id)!;
        return { ...offer, retiresAt: offer.retiresAtSec, createdAt: offer.createdAtSec };
      }),
    appFeesBps: async (ids) => ids.map((id) => state.apps.get(id)!),
    accountCount: async () => state.accounts.size,
    accounts: async (ids) =>
      ids.map((id) => {
        const { balanceWei, creditsWei, strict, maxAppFeePct, ...account } = state.accounts.get(id)!;
        const flags = (strict ? 1 : 0) + (account.selfSettled.size > 0 ? 2 : 0) + 4 * maxAppFeePct;
        return { ...account, balance: balanceWei, credits: creditsWei, flags };
      }),
    exits: async (ids) =>
      ids.map((id) => {
        const exit = state.accounts.get(id)?.exit;
        return { amount: exit?.amountWei ?? 0n, readyAt: exit?.readyAtSec ?? 0 };
      }),
    earnings: async (earners) =>
      earners.map((earner) => state.earnings.get(keyOf(...earner)) ?? noEarnings()),
    stakes: async (holders) =>
      holders.map((holder) => {
        const stake = state.stakes.get(keyOf(...holder));
        return {
          bonded: stake?.bondedWei ?? 0n,
          unbonding: stake?.unbondingWei ?? 0n,
          readyAt: stake?.readyAtSec ?? 0,
        };
      }),
    openClaims: async (ids) =>
      ids.map((id) => {
        const { refundsWei, compensationsWei } = openClaimsWei(state, id);
        return { refunds: refundsWei, compensations: compensationsWei };
      }),
    claims: async (keys) => keys.map((key) => state.claims.get(keyOf(...key)) ?? 0n),
    frozenWei: async (ids) => ids.map((id) => state.frozen.get(id) ?? 0n),
    appFeesWei: async (keys) => keys.map((key) => state.appFees.get(keyOf(...key)) ?? 0n),
    pools: async (keys) => keys.map((key) => state.pools.get(keyOf(...key)) ?? 0n),
    metrics: async (keys) =>
      keys.map((key) => {
        const { feesWei, weightedTiming, ...counts } = state.metrics.get(keyOf(...key))!;
        return {
          fees: feesWei,
          weightedTiming,
          outputUnits: Number(counts.outputUnits),
          requests: Number(counts.requests),
          failures: Number(counts.failures),
        };
      }),
    nextBatchNos: async (ids) => ids.map((id) => state.operators.get(id)!.nextBatchNo),
    commitments: async (keys) => keys.map((key) => state.commitments.get(keyOf(...key))!),
    protocolFeesBps: async (times) =>
      times.map((time) => state.protocolFees.findLast((fee) => fee.effectiveAtSec <= time)?.feeBps ?? 0),
    pausedUntilSec: async () => state.pausedUntilSec,
    owedWei: async () => owed(),
    escrowBalanceWei: async () => owed(),
  };
}
