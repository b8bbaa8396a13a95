import assert from "node:assert/strict";
import { test } from "node:test";
import { loadAccounts } from "../../../router/market/loadAccounts.ts";
import { AccountBook, type AccountSnapshot } from "../../../router/model/account.ts";
import type { StoredBatch, StoredReceipt } from "../../../router/ports.ts";

const ACCOUNT = 5;
const COST = 10n;

function snapshot(changes: Partial<AccountSnapshot>): AccountSnapshot {
  return {
    accountId: ACCOUNT,
    operatorId: 1,
    owner: "0x1",
    signer: "0x1",
    strict: false,
    maxAppFeePct: 20,
    balanceWei: 1_000n,
    creditsWei: 0n,
    nextSeq: 0,
    exitWei: 0n,
    blockNumber: 1n,
    ...changes,
  };
}

/** A book filled from `rows` journaled rows of `COST` each, all of one app of 5 %. */
async function filled(
  rows: number,
  onChain: Partial<AccountSnapshot>,
  openFrom?: number,
): Promise<AccountBook> {
  const accounts = new AccountBook();
  const receipts = Array.from(
    { length: rows },
    (_, seq) =>
      ({ receipt: { accountId: ACCOUNT, seq, appId: 1, amountWei: COST } }) as unknown as StoredReceipt,
  );
  const slices = openFrom === undefined ? [] : [{ accountId: ACCOUNT, startSeq: openFrom, count: 1 }];
  await loadAccounts({
    accounts,
    store: {
      lastSeqs: () => Promise.resolve(rows > 0 ? [{ accountId: ACCOUNT, lastSeq: rows - 1 }] : []),
      openBatches: () => Promise.resolve([{ slices } as unknown as StoredBatch]),
      receiptsFrom: (_, seq, limit) => Promise.resolve(receipts.slice(seq, seq + limit)),
    },
    accountIds: [ACCOUNT],
    load: (accountId) => Promise.resolve(accountId === ACCOUNT && accounts.refresh(snapshot(onChain))),
    app: () => ({ appId: 1, owner: "0x2", feeBps: 500 }),
  });
  return accounts;
}

test("an account without rows has what the chain says", async () => {
  assert.equal((await filled(0, {})).availableWei(ACCOUNT), 1_000n);
});

test("rows past the chain's nextSeq weigh with their app's fee, rounded up", async () => {
  const accounts = await filled(3, { nextSeq: 1 });
  assert.equal(accounts.unsettledWei(ACCOUNT), 2n * (COST + 1n));
});

test("rows of a mined batch that is not final weigh again when the chain goes back", async () => {
  const accounts = await filled(3, { nextSeq: 3, blockNumber: 9n, balanceWei: 970n }, 1);
  assert.equal(accounts.unsettledWei(ACCOUNT), 0n);
  accounts.refresh(snapshot({ nextSeq: 1, blockNumber: 8n, balanceWei: 990n }), true);
  assert.equal(accounts.unsettledWei(ACCOUNT), 2n * (COST + 1n));
});

test("an account that is not this operator's is left out", async () => {
  const accounts = new AccountBook();
  await loadAccounts({
    accounts,
    store: {
      lastSeqs: () => Promise.resolve([{ accountId: 9, lastSeq: 4 }]),
      openBatches: () => Promise.resolve([]),
      receiptsFrom: () => Promise.reject(new Error("not to be read")),
    },
    accountIds: [],
    load: () => Promise.resolve(),
    app: () => undefined,
  });
  assert.deepEqual(accounts.accountIds(), []);
});
