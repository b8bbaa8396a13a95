import { decodeBatch } from "../model/batch.ts";
import { fromHex, type Hex } from "../model/bytes.ts";
import type { BatchSlice, BuiltBatch } from "../model/record.ts";
import type { StoredBatch } from "../ports.ts";
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
  const { chain, store, log, confirmations } = options;
  const nextBatchNo = await chain.nextBatchNo();
  const open = await store.openBatches();
  if (open.length === 0) return nextBatchNo;
  const head = await chain.blockNumber();
  for (const batch of open) {
    if (batch.batchNo >= nextBatchNo) {
      if (batch.state === "mined") {
        log.warn(
          { batchNo: batch.batchNo, txHash: batch.txHash },
          "settlement: a batch was reorganized away",
        );
        await store.setBatchState(batch.batchNo, "sent");
      }
      continue;
    }
    if (batch.batchNo < nextBatchNo - OLD && (await isOldNews(options, batch))) continue;
    const { blockNumber } = batch.state === "mined" ? batch : ((await confirm(options, batch)) ?? {});
    if (blockNumber === undefined || !isDeep(blockNumber, head, confirmations)) continue;
    await finish(options, batch);
  }
  return nextBatchNo;
}

/** So many batches later a batch is final, however it was found: after the store was built anew, there are many. */
async function isOldNews({ chain, store }: SettlementOptions, batch: StoredBatch): Promise<boolean> {
  if ((await chain.commitmentOf(batch.batchNo)) !== batch.commitment) return false;
  await store.setBatchState(batch.batchNo, "final");
  return true;
}

/** A batch number that the Ledger has passed: with these bytes, or with others? */
async function confirm(
  options: SettlementOptions,
  batch: StoredBatch,
): Promise<{ blockNumber: bigint } | undefined> {
  const { chain, store, journal, log, operatorId, onMined } = options;
  const settled = await chain.settledBatch(batch.batchNo);
  if (!settled) return undefined;
  const { commitment, txHash, blockNumber } = settled;
  const ours =
    batch.commitment.toLowerCase() === commitment.toLowerCase() ||
    matchCommitment(operatorId, batch, await chain.shortfalls(batch.batchNo), commitment) !== undefined;
  if (!ours) {
    log.error({ batchNo: batch.batchNo, txHash }, "settlement: the chain has other bytes for this batch");
    await journal.append({ kind: "batchDropped", batchNo: batch.batchNo, commitment: batch.commitment });
    await adopt(options, batch.batchNo, commitment);
    return undefined;
  }
  await store.setBatchState(batch.batchNo, "mined", txHash, blockNumber);
  const rows = batch.slices.reduce((sum, { count }) => sum + count, 0);
  log.info({ batchNo: batch.batchNo, rows, txHash, blockNumber }, "settlement: settled a batch");
  await onMined([...new Set(batch.slices.map(({ accountId }) => accountId))]);
  return { blockNumber };
}

function isDeep(blockNumber: bigint, head: bigint, confirmations: number): boolean {
  return head - blockNumber + 1n >= BigInt(confirmations);
}

/** Deep enough; but a shallow reorganization may have mined it again in another block, or not at all. */
async function finish(
  { chain, store, log, onFinal, confirmations }: SettlementOptions,
  batch: StoredBatch,
): Promise<void> {
  const [settled, head] = await Promise.all([chain.settledBatch(batch.batchNo), chain.blockNumber()]);
  if (!settled || !isDeep(settled.blockNumber, head, confirmations)) return;
  await store.setBatchState(batch.batchNo, "final", settled.txHash, settled.blockNumber);
  for (const { accountId, startSeq, count } of batch.slices) onFinal(accountId, startSeq + count);
  log.debug({ batchNo: batch.batchNo }, "settlement: a batch is final");
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
