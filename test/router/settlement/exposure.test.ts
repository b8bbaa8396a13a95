import assert from "node:assert/strict";
import { test } from "node:test";

import { AccountBook, isShortage } from "../../../router/model/account.ts";
import { BondExposure } from "../../../router/settlement/exposure.ts";
import { sampleSnapshot } from "../../fakes/world.ts";

const NOW_SEC = 1_900_000_000;

function scene() {
  const accounts = new AccountBook();
  for (const accountId of [1, 2]) accounts.refresh(sampleSnapshot({ accountId }));
  const state = { nowSec: NOW_SEC, silentMs: 0 };
  const exposure = new BondExposure({
    accounts,
    clock: { nowMs: () => state.nowSec * 1000 },
    settleWindowSec: 100,
    silentMs: () => state.silentMs,
  });
  exposure.setBond(1_000n);
  return { accounts, state, exposure };
}

test("what is held and unsettled may reach the bond, and not pass it", () => {
  const { accounts, exposure } = scene();
  accounts.recorded(1, [{ seq: 0, costWei: 700n, servedAtSec: NOW_SEC }]);
  const hold = accounts.hold(2, 300n);
  assert.ok(!isShortage(hold));
  assert.equal(exposure.exceeded(2), undefined);
  hold.resize(301n);
  assert.equal(exposure.exceeded(2), "operator_bond");
  assert.equal(exposure.exceeded(1), "operator_bond", "it is one bond for all");
  hold.release();
  assert.equal(exposure.exceeded(1), undefined);
  exposure.setBond(699n);
  assert.equal(exposure.closed(), "operator_bond", "a slashed bond covers less");
});

test("nobody is served on a bond that was never read", () => {
  const { accounts } = scene();
  accounts.hold(1, 1n);
  const clock = { nowMs: () => NOW_SEC * 1000 };
  const unread = new BondExposure({ accounts, clock, settleWindowSec: 100, silentMs: () => 0 });
  assert.equal(unread.exceeded(1), "operator_bond");
});

test("an account whose oldest row has used half its window waits; others are served", () => {
  const { accounts, state, exposure } = scene();
  accounts.recorded(1, [
    { seq: 0, costWei: 0n, servedAtSec: NOW_SEC - 1_000 },
    { seq: 1, costWei: 7n, servedAtSec: NOW_SEC },
  ]);
  state.nowSec += 50;
  assert.equal(exposure.exceeded(1), undefined);
  assert.equal(exposure.oldestSec(), 50);
  state.nowSec += 1;
  assert.equal(exposure.exceeded(1), "settle_window");
  assert.equal(exposure.exceeded(2), undefined);
  assert.equal(exposure.closed(), undefined);
  accounts.refresh(sampleSnapshot({ accountId: 1, nextSeq: 2, blockNumber: 2n }));
  assert.equal(exposure.exceeded(1), undefined);
  assert.equal(exposure.oldestSec(), 0);
});

test("a chain that was silent for half a window stops it all", () => {
  const { state, exposure } = scene();
  state.silentMs = 50_000;
  assert.equal(exposure.exceeded(1), undefined);
  state.silentMs = 50_001;
  assert.equal(exposure.exceeded(1), "chain");
  assert.equal(exposure.closed(), "chain");
});

test("half the bond is settled at once", () => {
  const { exposure } = scene();
  assert.equal(exposure.urgentWei(), 500n);
});
