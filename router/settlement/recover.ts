import { decodeBatch } from "../model/batch.ts";
import { fromHex, type Hex } from "../model/bytes.ts";
import type { BatchSlice, BuiltBatch } from "../model/record.ts";
import type { SettledBatch, StoredBatch } from "../ports.ts";
import { matchCommitment } from "./commitment.ts";
import type { SettlementOptions } from "./settlementOptions.ts";

const OLD = 100;

/**
 * Takes every open batch to the state that the chain says it is in: what crashed, was lost or was reorganized away
 * resumes from there. Below the Ledger's next batch number a batch is mined, and final once deep enough; whatever
 * stands at that number is to be sent, with the very bytes that are stored.
 * @returns the Ledger's next batch number
 */
export async function recover(options: SettlementOptions): Promise<number> {
  const { chain, store, log } = options;
  const nextBatchNo = await chain.nextBatchNo();
  const open = await store.openBatches();
  if (open.length === 0) return nextBatchNo;
  const head = await chain.blockNumber();
  for (const batch of open) {
    if (batch.batchNo < nextBatchNo) {
      await advance(options, batch, head, nextBatchNo - batch.batchNo > OLD);
    } else if (batch.state === "mined") {
      log.warn({ batchNo: batch.batchNo, txHash: batch.txHash }, "settlement: a batch was reorganized away");
      await store.setBatchState(batch.batchNo, "sent");
    }
  }
  return nextBatchNo;
}

/** A batch number that the Ledger has passed: to `mined`, and to `final` once it is deep enough. */
async function advance(
  options: SettlementOptions,
  batch: StoredBatch,
  head: bigint,
  isOld: boolean,
): Promise<void> {
  const { chain, store, log, onFinal, confirmations } = options;
  const { batchNo } = batch;
  const isDeep = (blockNumber: bigint): boolean => head - blockNumber + 1n >= BigInt(confirmations);
  if (batch.state === "mined" && batch.blockNumber !== undefined && !isDeep(batch.blockNumber)) return;
  if (isOld && (await isOldNews(options, batch))) return;
  const settled = await chain.settledBatch(batchNo);
  if (!settled) return;
  // Once mined in a transaction it is ours for good; in another one, who knows.
  const isKnown = batch.state === "mined" && batch.txHash === settled.txHash;
  if (!isKnown && !(await confirm(options, batch, settled))) return;
  if (!isDeep(settled.blockNumber)) return;
  await store.setBatchState(batchNo, "final", settled.txHash, settled.blockNumber);
  for (const { accountId, startSeq, count } of batch.slices) onFinal(accountId, startSeq + count);
  log.debug({ batchNo }, "settlement: a batch is final");
}

/** So many batches later a batch is final, however it was found: after the store was built anew, there are many. */
async function isOldNews({ chain, store }: SettlementOptions, batch: StoredBatch): Promise<boolean> {
  if ((await chain.commitmentOf(batch.batchNo)) !== batch.commitment) return false;
  await store.setBatchState(batch.batchNo, "final");
  return true;
}

/** Settled with the stored bytes, or with others? */
async function confirm(
  options: SettlementOptions,
  batch: StoredBatch,
  { commitment, txHash, blockNumber }: SettledBatch,
): Promise<boolean> {
  const { chain, store, journal, log, operatorId, onMined } = options;
  const { batchNo } = batch;
  const isPaidInFull = batch.commitment.toLowerCase() === commitment.toLowerCase();
  const shortfalls = isPaidInFull ? [] : await chain.shortfalls(batchNo);
  const isOurs = isPaidInFull || matchCommitment(operatorId, batch, shortfalls, commitment) !== undefined;
  if (!isOurs) {
    log.error({ batchNo, txHash }, "settlement: the chain has other bytes for this batch");
    await journal.append({ kind: "batchDropped", batchNo, commitment: batch.commitment });
    await adopt(options, batchNo, commitment);
    return false;
  }
  await store.setBatchState(batchNo, "mined", txHash, blockNumber);
  const rows = batch.slices.reduce((sum, { count }) => sum + count, 0);
  log.info({ batchNo, rows, txHash, blockNumber }, "settlement: settled a batch");
  const shortfallWei = shortfalls.reduce((sum, each) => sum + each.shortfallWei, 0n);
  await onMined([...new Set(batch.slices.map(({ accountId }) => accountId))], shortfallWei);
  return true;
}

/**
 * Takes a batch that the chain has and the journal lacks into the journal, so that its rows can be proven.
 * @returns false if its bytes can't be had, or don't explain the commitment
 */
export async function adopt(options: SettlementOptions, batchNo: number, commitment: Hex): Promise<boolean> {
  const { chain, journal, clock, log, operatorId } = options;
  const bytes = await chain.batchBytes(batchNo);
  const slices = bytes && (await slicesOf(options, batchNo, bytes));
  const found =
    slices &&
    matchCommitment(operatorId, { batchNo, bytes, slices }, await chain.shortfalls(batchNo), commitment);
  if (!found) {
    log.error({ batchNo, commitment }, "settlement: a batch on the chain can't be explained");
    return false;
  }
  const batch: BuiltBatch = { batchNo, bytes, commitment, slices, builtAtMs: clock.nowMs() };
  await journal.append({ kind: "batch", batch });
  log.warn({ batchNo }, "settlement: took a batch from the chain that was not in the journal");
  return true;
}

/** Where the groups of the latest settled batch begin: the accounts' counters stand behind them. */
async function slicesOf(
  { chain }: SettlementOptions,
  batchNo: number,
  bytes: Hex,
): Promise<readonly BatchSlice[] | undefined> {
  const { groups } = decodeBatch(fromHex(bytes));
  if ((await chain.nextBatchNo()) !== batchNo + 1) return undefined;
  const next = new Map<number, number>();
  for (const accountId of new Set(groups.map((group) => group.accountId))) {
    const account = await chain.account(accountId);
    if (!account) return undefined;
    next.set(accountId, account.nextSeq);
  }
  const slices = groups.toReversed().map(({ accountId, rows }): BatchSlice => {
    const startSeq = (next.get(accountId) as number) - rows.length;
    next.set(accountId, startSeq);
    return { accountId, startSeq, count: rows.length };
  });
  return slices.toReversed();
}

/**
 * At the start: a last batch on chain that the journal doesn't know means that the journal lost its end.
 * See {@link SequenceCounters.distrust}.
 */
export async function checkLastBatch(options: SettlementOptions): Promise<void> {
  const { chain, store, journal } = options;
  const batchNo = (await chain.nextBatchNo()) - 1;
  if (batchNo < 0 || (await store.batch(batchNo))) return;
  journal.distrust(
    `unverified tail: the Ledger has ${batchNo + 1} batches, the last of which is not in the journal`,
  );
  const commitment = await chain.commitmentOf(batchNo);
  if (!journal.failure() && commitment) await adopt(options, batchNo, commitment);
}
