import { partsOf, packHeader, type VectorBatch, type VectorRow } from "./batchBytes.ts";
import { commitmentOf, leafOf, rootOf } from "./merkle.ts";
import { WORLD } from "./world.ts";

const BPS = 10_000n;
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

interface SettledGroup {
  readonly startSeq: number;
  /** Paid to the app. */
  readonly appFeeWei: bigint;
  readonly shortfallWei: bigint;
  readonly leaf: string;
}

function priceOf([offerId, inputUnits, outputUnits, timing]: VectorRow): bigint {
  const offer = WORLD.offers.find((candidate) => candidate.offerId === offerId);
  if (offer === undefined) throw new RangeError(`the world has no offer ${offerId}`);
  if (timing === 0) return 0n;
  return BigInt(inputUnits) * offer.inputPrice + BigInt(outputUnits) * offer.outputPrice + offer.requestPrice;
}

/** What settling `batch` as the first of a new world does, written from the specification alone. */
export function settle(batch: VectorBatch): object {
  const accounts = new Map(
    WORLD.accounts.map(({ accountId, balanceWei, maxAppFeePct }) => [
      accountId,
      { accountId, balanceWei, maxAppFeePct, nextSeq: 0 },
    ]),
  );
  const parts = partsOf(batch);
  const paidByOffer = new Map<number, bigint>();
  const unpaidByOffer = new Map<number, bigint>();
  const paidToApp = new Map<number, bigint>();
  const totals = {
    rows: 0,
    failedRows: 0,
    amountWei: 0n,
    appFeesWei: 0n,
    protocolFeeWei: 0n,
    shortfallWei: 0n,
  };
  const groups = batch.groups.map(({ accountId, appId, rows }, index): SettledGroup => {
    const account = accounts.get(accountId);
    if (account === undefined) throw new RangeError(`the world has no account ${accountId}`);
    const amount = rows.reduce((sum, row) => sum + priceOf(row), 0n);
    const feeBps = appId === 0 ? 0 : (WORLD.appFeesBps[appId - 1] as number);
    const appFee = feeBps <= account.maxAppFeePct * 100 ? (amount * BigInt(feeBps)) / BPS : 0n;
    const paid = min(amount + appFee, account.balanceWei);
    let left = min(paid, amount);
    for (const row of rows) {
      const paidForRow = min(priceOf(row), left);
      left -= paidForRow;
      paidByOffer.set(row[0], (paidByOffer.get(row[0]) ?? 0n) + paidForRow);
      unpaidByOffer.set(row[0], (unpaidByOffer.get(row[0]) ?? 0n) + priceOf(row) - paidForRow);
    }
    const appFeeWei = paid - min(paid, amount);
    const startSeq = account.nextSeq;
    const shortfallWei = amount + appFee - paid;
    account.balanceWei -= paid;
    account.nextSeq += rows.length;
    paidToApp.set(appId, (paidToApp.get(appId) ?? 0n) + appFeeWei);
    totals.rows += rows.length;
    totals.failedRows += rows.filter((row) => row[3] === 0).length;
    totals.amountWei += amount;
    totals.appFeesWei += appFeeWei;
    totals.shortfallWei += amount - min(paid, amount);
    return {
      startSeq,
      appFeeWei,
      shortfallWei,
      leaf: leafOf(startSeq, shortfallWei, parts.groups[index] as string),
    };
  });
  const providers = Array.from({ length: WORLD.providers }, () => 0n);
  for (const [offerId, paid] of paidByOffer) {
    const feeDown = (paid * BigInt(WORLD.protocolFeeBps)) / BPS;
    const provider = (WORLD.offers[offerId - 1]?.listingId as number) - 1;
    providers[provider] = (providers[provider] as bigint) + paid - feeDown;
    totals.protocolFeeWei += feeDown;
  }
  // What providers lacked is claimed of the operator's bond, less the fee.
  const claims = Array.from({ length: WORLD.providers }, () => 0n);
  for (const [offerId, unpaid] of unpaidByOffer) {
    const provider = (WORLD.offers[offerId - 1]?.listingId as number) - 1;
    const feeDown = (unpaid * BigInt(WORLD.protocolFeeBps)) / BPS;
    claims[provider] = (claims[provider] as bigint) + unpaid - feeDown;
  }
  const operatorWei = (totals.protocolFeeWei * BigInt(WORLD.operatorShareBps)) / BPS;
  const groupRoot = rootOf(groups.map((group) => group.leaf));
  return {
    ...totals,
    groups,
    groupRoot,
    commitment: commitmentOf(WORLD.operatorId, batch.batchNo, packHeader(parts), groupRoot),
    providersWei: providers,
    claimsWei: claims,
    appsWei: WORLD.appFeesBps.map((_, i) => paidToApp.get(i + 1) ?? 0n),
    operatorWei,
    poolWei: totals.protocolFeeWei - operatorWei,
    accounts: [...accounts.values()].map(({ accountId, balanceWei, nextSeq }) => ({
      accountId,
      balanceWei,
      nextSeq,
    })),
  };
}
