import type { AccountBook } from "../model/account.ts";
import type { App } from "../model/market.ts";
import { appFeeUp } from "../model/offer.ts";
import type { Store } from "../ports.ts";

/** What filling the book needs. */
export interface LoadAccountsOptions {
  readonly accounts: AccountBook;
  readonly store: Pick<Store, "lastSeqs" | "openBatches" | "receiptsFrom">;
  /** Accounts to be served, whether they have rows or not. */
  readonly accountIds: Iterable<number>;
  /** Reads an account of this operator's from the chain into the book. */
  readonly load: (accountId: number) => Promise<unknown>;
  readonly app: (appId: number) => App | undefined;
}

/** Rows of an account that are read at once. */
const ROWS_PER_READ = 5_000;

/**
 * Fills the book at the start: of every account what the chain has, and every journaled row that is not final. Rows of
 * a mined batch weigh nothing while it stays mined; should a reorganization undo it, they weigh again.
 */
export async function loadAccounts(options: LoadAccountsOptions): Promise<void> {
  const { accounts, store, load, app } = options;
  const lastSeqs = new Map((await store.lastSeqs()).map(({ accountId, lastSeq }) => [accountId, lastSeq]));
  const openFrom = new Map<number, number>();
  for (const { slices } of await store.openBatches()) {
    for (const { accountId, startSeq } of slices)
      openFrom.set(accountId, Math.min(openFrom.get(accountId) ?? startSeq, startSeq));
  }
  for (const accountId of new Set([...options.accountIds, ...lastSeqs.keys()])) {
    await load(accountId);
    const snapshot = accounts.snapshot(accountId);
    const lastSeq = lastSeqs.get(accountId) ?? -1;
    if (!snapshot) continue;
    for (
      let from = Math.min(snapshot.nextSeq, openFrom.get(accountId) ?? snapshot.nextSeq);
      from <= lastSeq;
    ) {
      const rows = await store.receiptsFrom(accountId, from, ROWS_PER_READ);
      if (rows.length === 0) break;
      const costs = rows.map(({ receipt: { seq, amountWei, appId, servedAtSec } }) => {
        const feeBps = appId === 0 ? 0 : (app(appId)?.feeBps ?? 0);
        const costWei = amountWei + appFeeUp(amountWei, feeBps, snapshot.maxAppFeePct);
        return { seq, costWei, servedAtSec };
      });
      accounts.recorded(accountId, costs);
      from += rows.length;
    }
  }
}
