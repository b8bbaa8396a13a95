import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AuditEvent, SettledEvent } from "../../../scripts/audit/events.ts";
import { keyOf } from "../../../scripts/audit/state.ts";
import {
  OWNER,
  place,
  replayAll,
  RULES,
  SETTLED_AT,
  SETTLER,
  settledEvents,
  world,
  worldEvents,
} from "../../fakes/auditedWorld.ts";
import { batchVectors, type SettledVector } from "../../vectors/read.ts";

const { settled } = batchVectors();
const DAY = RULES.challengeSec;

function vector(name: string): SettledVector {
  const found = settled.find((candidate) => candidate.name.startsWith(name));
  if (!found) throw new RangeError(`no vector begins with ${name}`);
  return found;
}

const APPS = vector("several apps");
const SHORT = vector("an account that is short");

/** The names of the mismatches of a world in which these events follow. */
function namesOf(...events: readonly AuditEvent[]): string[] {
  return replayAll([...worldEvents(), ...events]).mismatches.map(({ name }) => name);
}

/** The events of APPS with the last one changed. */
function changed(change: (event: SettledEvent) => AuditEvent): AuditEvent[] {
  const events = settledEvents(APPS);
  return events.map((event) => (event.eventName === "BatchSettled" ? change(event) : event));
}

const withArgs = (args: Partial<SettledEvent["args"]>): AuditEvent[] =>
  changed((event) => ({ ...event, args: { ...event.args, ...args } }));

describe("replay of a batch", () => {
  for (const settledVector of settled)
    it(`finds what the vector says: ${settledVector.name}`, () => {
      const { expected } = settledVector;
      const { state, mismatches } = replayAll([...worldEvents(), ...settledEvents(settledVector)]);
      assert.deepEqual(mismatches, []);
      for (const { accountId, balanceWei, nextSeq } of expected.accounts) {
        const account = state.accounts.get(accountId);
        assert.deepEqual([account?.balanceWei, account?.nextSeq], [BigInt(balanceWei), nextSeq]);
      }
      const earned = (key: string): bigint => state.earnings.get(key)?.current ?? 0n;
      expected.providersWei.forEach((wei, i) => assert.equal(earned(keyOf("provider", i + 1)), BigInt(wei)));
      expected.appsWei.forEach((wei, i) => assert.equal(earned(keyOf("app", i + 1)), BigInt(wei)));
      assert.equal(earned(keyOf("operator", world.operatorId)), BigInt(expected.operatorWei));
      const epoch = Math.floor(SETTLED_AT / RULES.epochSec);
      assert.equal(state.pools.get(keyOf(world.operatorId, epoch)) ?? 0n, BigInt(expected.poolWei));
      assert.equal(state.totals.rows, expected.rows);
      assert.equal(state.totals.failedRows, expected.failedRows);
      const metrics = [...state.metrics.values()];
      assert.equal(
        metrics.reduce((sum, { requests, failures }) => sum + Number(requests + failures), 0),
        expected.rows,
      );
    });

  it("notices a change of any byte, and names the batch", () => {
    for (const { bytes } of [APPS, SHORT].map(({ bytes: hex }) => ({ bytes: hex })))
      for (let at = 2; at < bytes.length; at += 2) {
        const other = (Number.parseInt(bytes.slice(at, at + 2), 16) ^ 1).toString(16).padStart(2, "0");
        const flipped = `${bytes.slice(0, at)}${other}${bytes.slice(at + 2)}` as const;
        const source = bytes === APPS.bytes ? APPS : SHORT;
        const events = settledEvents({ ...source, bytes: flipped as `0x${string}` });
        const { mismatches } = replayAll([...worldEvents(), ...events]);
        assert.ok(mismatches.length > 0, `byte ${at / 2 - 1}`);
        assert.ok(mismatches[0]?.where.startsWith("operator 1, batch 0"), mismatches[0]?.where);
      }
  });

  it("names the figure of the event that is wrong", () => {
    assert.deepEqual(namesOf(...withArgs({ commitment: `0x${"00".repeat(32)}` })), ["commitment"]);
    assert.deepEqual(namesOf(...withArgs({ rows: 8 })), ["rows"]);
    assert.deepEqual(namesOf(...withArgs({ amount: 1n })), ["amount"]);
    assert.deepEqual(namesOf(...withArgs({ appFees: 1n })), ["app fees"]);
    assert.deepEqual(namesOf(...withArgs({ protocolFee: 1n })), ["protocol fee"]);
    assert.deepEqual(namesOf(...withArgs({ rebates: 1n })), ["rebates"]);
    assert.deepEqual(namesOf(...withArgs({ shortfall: 1n })), ["shortfall"]);
  });

  it("finds a gap in the batch numbers", () => {
    assert.deepEqual(namesOf(...withArgs({ batchNo: 1 })), [
      "batch number (I-03)",
      "batch number of the call",
    ]);
  });

  it("finds a batch that settles twice", () => {
    const names = namesOf(...settledEvents(APPS), ...settledEvents(APPS));
    assert.ok(names.includes("batch number (I-03)"));
    assert.ok(names.includes("commitment"), "its rows would begin at other sequence numbers");
  });

  it("tells a batch that cannot be read from one that is malformed", () => {
    assert.deepEqual(namesOf(...changed((event) => ({ ...event, call: { unreadable: "not traced" } }))), [
      "unreadable batch",
    ]);
    const bytes = { caller: SETTLER, operatorId: 1, batch: new Uint8Array([1, 2, 3]) };
    assert.deepEqual(namesOf(...changed((event) => ({ ...event, call: bytes }))), ["malformed batch"]);
  });

  it("finds a caller that was no settler, or is none any more", () => {
    const revoked: AuditEvent = {
      eventName: "SettlerSet",
      args: { operatorId: 1, settler: SETTLER, allowed: false },
      at: place(SETTLED_AT),
    };
    assert.deepEqual(namesOf(revoked, ...settledEvents(APPS)), ["settler"]);
  });

  it("finds an offer that was retired too long ago", () => {
    const retired = (retiresAt: number): AuditEvent => ({
      eventName: "OfferRetired",
      args: { offerId: 9, retiresAt },
      at: place(world.servedFromSec),
    });
    const { servedToSec } = APPS.batch;
    assert.deepEqual(namesOf(retired(servedToSec - RULES.graceSec), ...settledEvents(APPS)), []);
    assert.deepEqual(namesOf(retired(servedToSec - RULES.graceSec - 1), ...settledEvents(APPS)), [
      "offer not billable (I-04)",
    ]);
  });

  it("finds a span that has not ended", () => {
    const at = { ...place(APPS.batch.servedToSec - 1) };
    assert.deepEqual(namesOf(...changed((event) => ({ ...event, at }))), ["span"]);
  });

  it("finds an account that was opened for another operator", () => {
    const events = worldEvents().map((event): AuditEvent =>
      event.eventName === "AccountOpened" && event.args.accountId === 2
        ? { ...event, args: { ...event.args, operatorId: 2 } }
        : event,
    );
    const { mismatches } = replayAll([...events, ...settledEvents(APPS)]);
    assert.ok(mismatches.length > 0);
    assert.ok(mismatches.every(({ name }) => name === "operator of the account (I-05)"));
    assert.ok(mismatches.every(({ where }) => where === "operator 1, batch 0, account 2"));
  });

  it("finds shortfalls that were not announced, announced wrongly, or for another batch", () => {
    const [first, ...rest] = settledEvents(SHORT);
    assert.ok(first?.eventName === "ShortfallRecorded");
    assert.deepEqual(namesOf(...rest), ["shortfalls recorded"]);
    const wrong = { ...first, args: { ...first.args, shortfall: 1n } };
    assert.deepEqual(namesOf(wrong, ...rest), ["shortfalls recorded"]);
    const foreign = { ...first, args: { ...first.args, batchNo: 9 } };
    assert.deepEqual(namesOf(foreign, first, ...rest), ["shortfalls of another batch"]);
  });

  it("charges the protocol fee of the time of service", () => {
    const scheduled = (effectiveAt: number): AuditEvent => ({
      eventName: "ProtocolFeeScheduled",
      args: { feeBps: 0, effectiveAt },
      at: place(world.servedFromSec - 500),
    });
    assert.deepEqual(namesOf(scheduled(world.servedFromSec + 1), ...settledEvents(APPS)), []);
    assert.deepEqual(namesOf(scheduled(world.servedFromSec), ...settledEvents(APPS)), ["protocol fee"]);
  });
});

describe("replay of accounts and earnings", () => {
  const exit = (amount: bigint, readyAt: number): AuditEvent => ({
    eventName: "ExitRequested",
    args: { accountId: 1, amount, readyAt },
    at: place(SETTLED_AT),
  });
  const withdrawn = (amount: bigint, timestampSec: number): AuditEvent => ({
    eventName: "Withdrawn",
    args: { accountId: 1, to: OWNER, amount },
    at: place(timestampSec),
  });

  it("lets an owner withdraw what was announced, once its notice is over", () => {
    assert.deepEqual(namesOf(exit(5n, SETTLED_AT + 9), withdrawn(5n, SETTLED_AT + 9)), []);
    assert.deepEqual(namesOf(exit(5n, SETTLED_AT + 9), withdrawn(6n, SETTLED_AT + 9)), ["withdrawal"]);
    assert.deepEqual(namesOf(exit(5n, SETTLED_AT + 9), withdrawn(5n, SETTLED_AT + 8)), ["exit notice"]);
    assert.deepEqual(namesOf(withdrawn(5n, SETTLED_AT)), ["withdrawal", "exit notice"]);
  });

  it("takes a cancelled exit back", () => {
    const canceled: AuditEvent = { eventName: "ExitCanceled", args: { accountId: 1 }, at: place(SETTLED_AT) };
    assert.deepEqual(namesOf(exit(5n, 0), canceled, withdrawn(5n, SETTLED_AT)), [
      "withdrawal",
      "exit notice",
    ]);
  });

  it("adds granted credits, and lets none of them be withdrawn", () => {
    const granted: AuditEvent = {
      eventName: "CreditsGranted",
      args: { accountId: 1, from: OWNER, amount: 9n },
      at: place(SETTLED_AT),
    };
    const { state, mismatches } = replayAll([...worldEvents(), granted]);
    assert.deepEqual(mismatches, []);
    assert.equal(state.accounts.get(1)?.creditsWei, 9n);
    assert.equal(state.totals.grantedWei, 9n);
    const balance = state.accounts.get(1)?.balanceWei ?? 0n;
    assert.deepEqual(namesOf(granted, exit(balance + 9n, SETTLED_AT), withdrawn(balance + 9n, SETTLED_AT)), [
      "withdrawal",
    ]);
  });

  describe("of pauses", () => {
    const paused = (contract: "escrow" | "ledger"): AuditEvent => ({
      eventName: "Paused",
      args: { until: SETTLED_AT + 9 },
      contract,
      at: place(SETTLED_AT - 9),
    });
    const ended = (contract: "escrow" | "ledger", timestampSec: number): AuditEvent => ({
      eventName: "PauseEnded",
      args: { nextPauseAt: 0 },
      contract,
      at: place(timestampSec),
    });
    const deposited = (timestampSec: number): AuditEvent => ({
      eventName: "Deposited",
      args: { accountId: 1, from: OWNER, amount: 1n },
      at: place(timestampSec),
    });

    it("finds a deposit or a batch in a pause of its contract", () => {
      assert.deepEqual(namesOf(paused("escrow"), deposited(SETTLED_AT + 8)), ["happened in a pause"]);
      assert.deepEqual(namesOf(paused("ledger"), ...settledEvents(APPS)), ["happened in a pause"]);
    });

    it("finds nothing wrong after it, in the other contract, or with an exit", () => {
      assert.deepEqual(namesOf(paused("escrow"), deposited(SETTLED_AT + 9)), []);
      assert.deepEqual(namesOf(paused("ledger"), deposited(SETTLED_AT)), []);
      assert.deepEqual(namesOf(paused("escrow"), ended("escrow", SETTLED_AT), deposited(SETTLED_AT)), []);
      assert.deepEqual(
        namesOf(paused("escrow"), exit(5n, SETTLED_AT + 1), withdrawn(5n, SETTLED_AT + 1)),
        [],
      );
    });

    it("finds the end of a pause that was none", () => {
      assert.deepEqual(namesOf(ended("ledger", SETTLED_AT)), ["ended pause"]);
    });
  });

  const claimed = (amount: bigint, timestampSec: number): AuditEvent => ({
    eventName: "Claimed",
    args: { earner: 0, id: 2, to: OWNER, amount },
    at: place(timestampSec),
  });

  it("lets earnings be claimed once the bucket after theirs has ended", () => {
    const earned = BigInt(APPS.expected.providersWei[1] ?? 0);
    const bucketStart = Math.floor(SETTLED_AT / DAY) * DAY;
    const mature = bucketStart + 2 * DAY;
    const { state, mismatches } = replayAll([
      ...worldEvents(),
      ...settledEvents(APPS),
      claimed(earned, mature),
    ]);
    assert.deepEqual(mismatches, []);
    assert.equal(state.earnings.get("provider/2")?.claimed, earned);
    assert.equal(state.totals.claimedWei, earned);
    assert.deepEqual(namesOf(...settledEvents(APPS), claimed(earned, mature - 1)), ["claim"]);
    assert.deepEqual(namesOf(...settledEvents(APPS), claimed(earned + 1n, mature)), ["claim"]);
  });

  it("finds ids that were left out", () => {
    const opened: AuditEvent = {
      eventName: "AccountOpened",
      args: { accountId: 7, owner: OWNER, operatorId: 1, signer: OWNER, strict: true, maxAppFeePct: 0 },
      at: place(SETTLED_AT),
    };
    assert.deepEqual(namesOf(opened), ["account id"]);
  });

  it("finds money of accounts that nobody opened", () => {
    const deposited: AuditEvent = {
      eventName: "Deposited",
      args: { accountId: 99, from: OWNER, amount: 1n },
      at: place(SETTLED_AT),
    };
    assert.deepEqual(namesOf(deposited), ["unknown account"]);
  });

  it("vouches for nothing once a contract emits what it does not know", () => {
    const unknown: AuditEvent = { eventName: "Unknown", contract: OWNER, topic: "0x01", at: place(1) };
    assert.deepEqual(namesOf(unknown), ["unknown event"]);
  });
});
