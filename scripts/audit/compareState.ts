import type { ChainState } from "./chainState.ts";
import { noEarnings, unclaimedWei } from "./earnings.ts";
import { compare, type Report } from "./mismatch.ts";
import { openClaimsWei } from "./openClaims.ts";
import { keyOf, type Account, type Earner, type State } from "./state.ts";

/** How many things are asked for at once. */
const CHUNK = 500;

/** What the Escrow owes, and what it has. */
export interface Solvency {
  /** The sum of all balances, credits, earnings and pools, as recomputed. */
  readonly owedWei: bigint;
  readonly escrowBalanceWei: bigint;
}

const idsUpTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const idsOf = (key: string): number[] => key.split("/").map(Number);

/** Asks for `items` by the chunk and hands each to `see` with its answer. */
async function each<Item, Answer>(
  items: readonly Item[],
  ask: (items: readonly Item[]) => Promise<readonly Answer[]>,
  see: (item: Item, answer: Answer) => void,
): Promise<void> {
  for (let start = 0; start < items.length; start += CHUNK) {
    const chunk = items.slice(start, start + CHUNK);
    const answers = await ask(chunk);
    chunk.forEach((item, i) => see(item, answers[i] as Answer));
  }
}

/** Compares everything that was recomputed with what the chain stores. */
export async function compareState(state: State, chain: ChainState, report: Report): Promise<Solvency> {
  if (state.shortfalls.length > 0)
    report({
      name: "shortfalls of no batch",
      where: "end of the events",
      expected: "0",
      actual: String(state.shortfalls.length),
    });
  const pausedUntilSec = await chain.pausedUntilSec();
  compare(report, "end of the pause", "Escrow", state.pausedUntilSec.escrow, pausedUntilSec.escrow);
  compare(report, "end of the pause", "Ledger", state.pausedUntilSec.ledger, pausedUntilSec.ledger);
  const { announced } = state;
  const end = "end of the events";
  compare(report, "announced and not slashed", end, 0n, announced.slashedWei);
  compare(report, "unpaid by a dispute", end, 0n, announced.refundWei + announced.compensationWei);
  const unexplainedWei = announced.refundClaimWei + announced.compensationClaimWei;
  compare(report, "claimed for no evidence", end, 0n, unexplainedWei);
  const shortfallsWei = [...announced.shortfalls.values()].reduce((sum, wei) => sum + wei, 0n);
  compare(report, "shortfalls that nobody claims", end, 0n, shortfallsWei);
  await compareRegistry(state, chain, report);
  await compareStakes(state, chain, report);
  await compareLedger(state, chain, report);
  await compareAccounts(state, chain, report);
  await compareEarnings(state, chain, report);
  return compareSolvency(state, chain, report);
}

async function compareRegistry(state: State, chain: ChainState, report: Report): Promise<void> {
  const counts = await chain.counts();
  compare(report, "number of operators", "Registry", state.operators.size, counts.operators);
  compare(report, "number of providers", "Registry", state.providers, counts.providers);
  compare(report, "number of listings", "Registry", state.listings.size, counts.listings);
  compare(report, "number of offers", "Registry", state.offers.size, counts.offers);
  compare(report, "number of apps", "Registry", state.apps.size - 1, counts.apps);
  const offers = [...state.offers.values()];
  await each(
    offers,
    async (asked) => chain.offers(asked.map(({ offerId }) => offerId)),
    (offer, stored) => {
      const where = `offer ${offer.offerId}`;
      compare(report, "input price", where, offer.inputPrice, stored.inputPrice);
      compare(report, "output price", where, offer.outputPrice, stored.outputPrice);
      compare(report, "request price", where, offer.requestPrice, stored.requestPrice);
      compare(report, "cached share", where, offer.cachedBps, stored.cachedBps);
      compare(report, "listing", where, offer.listingId, stored.listingId);
      compare(report, "provider", where, offer.providerId, stored.providerId);
      compare(report, "creation", where, offer.createdAtSec, stored.createdAt);
      compare(report, "retirement", where, offer.retiresAtSec, stored.retiresAt);
    },
  );
  const apps = [...state.apps].filter(([appId]) => appId !== 0);
  await each(
    apps,
    async (asked) => chain.appFeesBps(asked.map(([appId]) => appId)),
    ([appId, feeBps], stored) => compare(report, "app fee", `app ${appId}`, feeBps, stored),
  );
}

async function compareStakes(state: State, chain: ChainState, report: Report): Promise<void> {
  const operatorIds = [...state.operators.keys()];
  const holders = [
    ...operatorIds.map((id) => ["operator", id] as const),
    ...idsUpTo(state.providers).map((id) => ["provider", id] as const),
  ];
  await each(
    holders,
    async (asked) => chain.stakes(asked),
    ([kind, id], stored) => {
      const where = `${kind} ${id}`;
      const stake = state.stakes.get(keyOf(kind, id));
      compare(report, "bonded", where, stake?.bondedWei ?? 0n, stored.bonded);
      compare(report, "unbonding", where, stake?.unbondingWei ?? 0n, stored.unbonding);
      compare(report, "unbonding's time (I-12)", where, stake?.readyAtSec ?? 0, stored.readyAt);
    },
  );
  await each(
    operatorIds,
    async (asked) => chain.openClaims(asked),
    (id, stored) => {
      const { refundsWei, compensationsWei } = openClaimsWei(state, id);
      compare(report, "refunds claimed of the bond", `operator ${id}`, refundsWei, stored.refunds);
      compare(
        report,
        "compensations claimed of the bond",
        `operator ${id}`,
        compensationsWei,
        stored.compensations,
      );
    },
  );
  await each(
    [...state.claims],
    async (asked) => chain.claims(asked.map(([key]) => idsOf(key) as [number, number, number, number])),
    ([key, wei], stored) => compare(report, "claim on a bond", `claim ${key}`, wei, stored),
  );
}

async function compareLedger(state: State, chain: ChainState, report: Report): Promise<void> {
  await each(
    [...state.operators],
    async (asked) => chain.nextBatchNos(asked.map(([operatorId]) => operatorId)),
    ([operatorId, { nextBatchNo }], stored) =>
      compare(report, "next batch number (I-03)", `operator ${operatorId}`, nextBatchNo, stored),
  );
  await each(
    [...state.commitments],
    async (asked) => chain.commitments(asked.map(([key]) => idsOf(key) as [number, number])),
    ([key, commitment], stored) => {
      const [operatorId, batchNo] = idsOf(key);
      compare(
        report,
        "stored commitment (I-13)",
        `operator ${operatorId}, batch ${batchNo}`,
        commitment,
        stored,
      );
    },
  );
  await each(
    [...state.metrics],
    async (asked) => chain.metrics(asked.map(([key]) => idsOf(key) as [number, number, number])),
    ([key, metrics], stored) => {
      const [epoch, operatorId, listingId] = idsOf(key);
      const where = `epoch ${epoch}, operator ${operatorId}, listing ${listingId}`;
      compare(report, "fees", where, metrics.feesWei, stored.fees);
      compare(report, "weighted timing", where, metrics.weightedTiming, stored.weightedTiming);
      compare(report, "output units", where, metrics.outputUnits, stored.outputUnits);
      compare(report, "requests", where, metrics.requests, stored.requests);
      compare(report, "failures", where, metrics.failures, stored.failures);
    },
  );
  await each(
    [...state.appFees],
    async (asked) => chain.appFeesWei(asked.map(([key]) => idsOf(key) as [number, number, number])),
    ([key, wei], stored) => compare(report, "fees of an app", `epoch/operator/app ${key}`, wei, stored),
  );
  await each(
    state.protocolFees,
    async (asked) => chain.protocolFeesBps(asked.map(({ effectiveAtSec }) => effectiveAtSec)),
    ({ effectiveAtSec }, stored) => {
      const fee = state.protocolFees.findLast((candidate) => candidate.effectiveAtSec <= effectiveAtSec);
      compare(report, "protocol fee", `served at ${effectiveAtSec}`, fee?.feeBps ?? 0, stored);
    },
  );
}

/** Bit 0 strict, bit 1 has self-settled rows, bits 2 to 6 `maxAppFeePct`. */
const flagsOf = ({ strict, selfSettled, maxAppFeePct }: Account): number =>
  (strict ? 1 : 0) | (selfSettled.size > 0 ? 2 : 0) | (maxAppFeePct << 2);

async function compareAccounts(state: State, chain: ChainState, report: Report): Promise<void> {
  const count = await chain.accountCount();
  compare(report, "number of accounts", "Escrow", state.accounts.size, count);
  const accounts = [...state.accounts];
  const idsAsked = (asked: typeof accounts): number[] => asked.map(([accountId]) => accountId);
  await each(
    accounts,
    async (asked) => chain.accounts(idsAsked([...asked])),
    ([accountId, account], stored) => {
      const where = `account ${accountId}`;
      compare(report, "balance", where, account.balanceWei, stored.balance);
      compare(report, "credits", where, account.creditsWei, stored.credits);
      compare(report, "next sequence number (I-03)", where, account.nextSeq, stored.nextSeq);
      compare(report, "operator of the account (I-05)", where, account.operatorId, stored.operatorId);
      compare(report, "flags", where, flagsOf(account), stored.flags);
    },
  );
  await each(
    accounts,
    async (asked) => chain.exits(idsAsked([...asked])),
    ([accountId, { exit }], stored) => {
      compare(report, "exit", `account ${accountId}`, exit?.amountWei ?? 0n, stored.amount);
      compare(report, "exit's time", `account ${accountId}`, exit?.readyAtSec ?? 0, stored.readyAt);
    },
  );
}

async function compareEarnings(state: State, chain: ChainState, report: Report): Promise<void> {
  // Everybody who can earn is looked at, not only those who did.
  const earners = [
    ...idsUpTo(state.providers).map((id) => ["provider", id] as const),
    ...[...state.apps.keys()].map((id) => ["app", id] as const),
    ...[...state.operators.keys()].map((id) => ["operator", id] as const),
  ] satisfies (readonly [Earner, number])[];
  await each(
    earners,
    async (asked) => chain.earnings(asked),
    ([earner, id], stored) => {
      const where = `${earner} ${id}`;
      const earnings = state.earnings.get(keyOf(earner, id)) ?? noEarnings();
      compare(report, "earnings of this bucket", where, earnings.current, stored.current);
      compare(report, "earnings of the bucket before", where, earnings.previous, stored.previous);
      compare(report, "bucket", where, earnings.bucket, stored.bucket);
      compare(report, "mature earnings", where, earnings.mature, stored.mature);
      compare(report, "claimed earnings", where, earnings.claimed, stored.claimed);
    },
  );
  await each(
    idsUpTo(state.providers),
    async (asked) => chain.frozenWei(asked),
    (id, stored) => compare(report, "frozen credit", `provider ${id}`, state.frozen.get(id) ?? 0n, stored),
  );
  await each(
    [...state.pools],
    async (asked) => chain.pools(asked.map(([key]) => idsOf(key) as [number, number])),
    ([key, poolWei], stored) => {
      const [operatorId, epoch] = idsOf(key);
      compare(report, "pool", `operator ${operatorId}, epoch ${epoch}`, poolWei, stored);
    },
  );
}

async function compareSolvency(state: State, chain: ChainState, report: Report): Promise<Solvency> {
  let owedWei = 0n;
  for (const account of state.accounts.values()) owedWei += account.balanceWei + account.creditsWei;
  for (const earnings of state.earnings.values()) owedWei += unclaimedWei(earnings);
  for (const poolWei of state.pools.values()) owedWei += poolWei;
  for (const frozenWei of state.frozen.values()) owedWei += frozenWei;
  const { depositedWei, grantedWei, refundedWei, compensatedWei } = state.totals;
  const { withdrawnWei, claimedWei, poolPaidWei } = state.totals;
  const flowedWei =
    depositedWei + grantedWei + refundedWei + compensatedWei - withdrawnWei - claimedWei - poolPaidWei;
  const flow = "deposits + credits + refunds + compensations - withdrawals - claims - rewards";
  compare(report, "every wei accounted for (I-14)", flow, flowedWei, owedWei);
  compare(report, "owed", "Escrow", owedWei, await chain.owedWei());
  const escrowBalanceWei = await chain.escrowBalanceWei();
  if (escrowBalanceWei < owedWei)
    report({
      name: "insolvent (I-01)",
      where: "Escrow",
      expected: `at least ${owedWei}`,
      actual: String(escrowBalanceWei),
    });
  return { owedWei, escrowBalanceWei };
}
