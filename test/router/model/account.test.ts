import assert from "node:assert/strict";
import { test } from "node:test";
import { AccountBook, isShortage, type AccountSnapshot, type Hold } from "../../../router/model/account.ts";

const ACCOUNT = 7;

function snapshot(changes: Partial<AccountSnapshot> = {}): AccountSnapshot {
  return {
    accountId: ACCOUNT,
    operatorId: 1,
    owner: "0x1",
    signer: "0x1",
    strict: false,
    maxAppFeePct: 0,
    balanceWei: 100n,
    creditsWei: 20n,
    nextSeq: 0,
    exitWei: 0n,
    blockNumber: 1n,
    ...changes,
  };
}

function book(changes: Partial<AccountSnapshot> = {}): AccountBook {
  const accounts = new AccountBook();
  accounts.refresh(snapshot(changes));
  return accounts;
}

function held(accounts: AccountBook, amountWei: bigint): Hold {
  const hold = accounts.hold(ACCOUNT, amountWei);
  assert.ok(!isShortage(hold), "expected a hold");
  return hold;
}

test("balance and credits are spendable to the wei, and not one more", () => {
  const accounts = book();
  assert.ok(isShortage(accounts.hold(ACCOUNT, 121n)));
  held(accounts, 120n);
  assert.equal(accounts.availableWei(ACCOUNT), 0n);
  assert.deepEqual(accounts.hold(ACCOUNT, 1n), { availableWei: 0n, neededWei: 1n, heldWei: 120n });
});

test("an unknown account has nothing", () => {
  assert.ok(isShortage(new AccountBook().hold(ACCOUNT, 0n)));
});

test("a hold ends once, however often it is released", () => {
  const accounts = book();
  const hold = held(accounts, 50n);
  hold.release();
  hold.release();
  assert.equal(accounts.availableWei(ACCOUNT), 120n);
  assert.throws(() => hold.resize(1n), RangeError);
});

test("a hold grows for a dearer offer, or stays as it was", () => {
  const accounts = book();
  const hold = held(accounts, 50n);
  assert.equal(hold.resize(120n), undefined);
  assert.deepEqual(hold.resize(121n), { availableWei: 0n, neededWei: 1n, heldWei: 120n });
  assert.equal(hold.amountWei, 120n);
  assert.equal(hold.resize(10n), undefined);
  assert.equal(accounts.availableWei(ACCOUNT), 110n);
});

test("money asked back is no longer spendable here", () => {
  assert.equal(book({ exitWei: 70n }).availableWei(ACCOUNT), 50n);
  assert.equal(book({ exitWei: 1_000n }).availableWei(ACCOUNT), 20n, "credits stay");
});

test("a served row is counted once: here until it settles, then in the balance", () => {
  const accounts = book();
  accounts.recorded(ACCOUNT, [
    { seq: 0, costWei: 30n, servedAtSec: 100 },
    { seq: 1, costWei: 5n, servedAtSec: 101 },
  ]);
  assert.equal(accounts.availableWei(ACCOUNT), 85n);
  accounts.refresh(snapshot({ balanceWei: 90n, creditsWei: 0n, nextSeq: 1, blockNumber: 2n }));
  assert.equal(accounts.availableWei(ACCOUNT), 85n, "row 0 settled, row 1 not");
  accounts.refresh(snapshot({ balanceWei: 85n, creditsWei: 0n, nextSeq: 2, blockNumber: 3n }));
  assert.equal(accounts.availableWei(ACCOUNT), 85n);
});

test("an older block's view is ignored", () => {
  const accounts = book({ blockNumber: 5n, balanceWei: 1n });
  accounts.refresh(snapshot({ blockNumber: 4n }));
  assert.equal(accounts.availableWei(ACCOUNT), 21n);
});

test("when the chain goes back, rows that were settled weigh again", () => {
  const accounts = book();
  accounts.recorded(ACCOUNT, [{ seq: 0, costWei: 30n, servedAtSec: 100 }]);
  accounts.refresh(snapshot({ balanceWei: 90n, creditsWei: 0n, nextSeq: 1, blockNumber: 9n }));
  accounts.refresh(snapshot({ blockNumber: 8n }), true);
  assert.equal(accounts.availableWei(ACCOUNT), 90n);
});

test("final rows are forgotten", () => {
  const accounts = book();
  accounts.recorded(ACCOUNT, [{ seq: 0, costWei: 30n, servedAtSec: 100 }]);
  accounts.refresh(snapshot({ balanceWei: 90n, creditsWei: 0n, nextSeq: 1, blockNumber: 9n }));
  accounts.forget(ACCOUNT, 1);
  accounts.refresh(snapshot({ balanceWei: 90n, creditsWei: 0n, nextSeq: 0, blockNumber: 10n }));
  assert.equal(accounts.unsettledWei(ACCOUNT), 0n);
});

test("what is held and what is unsettled add up over all accounts, whatever becomes of it", () => {
  const accounts = book();
  accounts.refresh(snapshot({ accountId: 12 }));
  const hold = accounts.hold(ACCOUNT, 40n);
  assert.ok(!isShortage(hold));
  accounts.recorded(12, [
    { seq: 0, costWei: 0n, servedAtSec: 100 },
    { seq: 1, costWei: 30n, servedAtSec: 101 },
    { seq: 2, costWei: 5n, servedAtSec: 102 },
  ]);
  assert.equal(accounts.exposedWei(), 75n);
  assert.equal(accounts.oldestUnsettledSec(12), 101, "a row that costs nothing can wait");
  assert.equal(accounts.oldestUnsettledSec(ACCOUNT), undefined);
  hold.resize(50n);
  assert.equal(accounts.exposedWei(), 85n);
  accounts.refresh(snapshot({ accountId: 12, nextSeq: 2, blockNumber: 9n }));
  assert.equal(accounts.exposedWei(), 55n);
  assert.equal(accounts.oldestUnsettledSec(12), 102);
  accounts.refresh(snapshot({ accountId: 12, nextSeq: 0, blockNumber: 8n }), true);
  assert.equal(accounts.exposedWei(), 85n, "a reorganization brings it back");
  hold.release();
  hold.release();
  accounts.refresh(snapshot({ accountId: 12, nextSeq: 3, blockNumber: 10n }));
  assert.equal(accounts.exposedWei(), 0n);
  assert.equal(accounts.oldestUnsettledSec(12), undefined);
});

test("a row that its provider has settled is paid for, and weighs no more", () => {
  const accounts = book();
  accounts.recorded(ACCOUNT, [
    { seq: 0, costWei: 30n, servedAtSec: 100 },
    { seq: 1, costWei: 5n, servedAtSec: 101 },
  ]);
  accounts.refresh(snapshot({ balanceWei: 70n, selfSettled: new Set([0]), blockNumber: 2n }));
  assert.equal(accounts.unsettledWei(ACCOUNT), 5n);
  assert.equal(accounts.availableWei(ACCOUNT), 85n, "charged once");
  assert.equal(accounts.oldestUnsettledSec(ACCOUNT), 101);
  accounts.recorded(ACCOUNT, [{ seq: 2, costWei: 7n, servedAtSec: 102 }]);
  assert.equal(accounts.exposedWei(), 12n);
  accounts.refresh(snapshot({ balanceWei: 58n, nextSeq: 3, blockNumber: 3n }));
  assert.equal(accounts.availableWei(ACCOUNT), 78n);
  assert.equal(accounts.exposedWei(), 0n);
  accounts.refresh(snapshot({ blockNumber: 1n }), true);
  assert.equal(accounts.unsettledWei(ACCOUNT), 42n, "a reorganization takes the self-settlement back, too");
});
