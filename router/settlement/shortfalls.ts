import type { BuiltBatch } from "../model/record.ts";
import type { Store } from "../ports.ts";

/**
 * Which group of a batch each recorded shortfall belongs to. The Ledger names the account; an account with several groups
 * runs dry once, so the ones it recorded are its last groups that cost anything.
 * @returns one amount per group, in order
 */
export async function assignShortfalls(
  batch: BuiltBatch,
  recorded: readonly { readonly accountId: number; readonly shortfallWei: bigint }[],
  store: Pick<Store, "receiptsFrom">,
): Promise<bigint[]> {
  const amounts = batch.slices.map(() => 0n);
  const byAccount = Map.groupBy(recorded, (shortfall) => shortfall.accountId);
  for (const [accountId, own] of byAccount) {
    const waiting = own.map(({ shortfallWei }) => shortfallWei);
    for (let i = batch.slices.length - 1; i >= 0 && waiting.length > 0; i--) {
      const slice = batch.slices[i];
      if (slice?.accountId !== accountId) continue;
      const rows = await store.receiptsFrom(accountId, slice.startSeq, slice.count);
      if (rows.some(({ receipt }) => receipt.amountWei > 0n)) amounts[i] = waiting.pop() as bigint;
    }
  }
  return amounts;
}
