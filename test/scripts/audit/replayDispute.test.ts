import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AuditEvent } from "../../../scripts/audit/events.ts";
import type { ChainState } from "../../../scripts/audit/chainState.ts";
import { compareState } from "../../../scripts/audit/compareState.ts";
import type { Mismatch } from "../../../scripts/audit/mismatch.ts";
import { CLAIM } from "../../../scripts/audit/openClaims.ts";
import {
  honestChain,
  OWNER,
  place,
  replayAll,
  RULES,
  SETTLED_AT,
  worldEvents,
} from "../../fakes/auditedWorld.ts";

const BOND = 10n ** 21n;
const REFUND = 5_000n;
const COMPENSATION = 700n;
const PENALTY = RULES.penaltyWei;
const UNBONDING = 14 * 86_400;
const at = place(SETTLED_AT);
const later = place(SETTLED_AT + UNBONDING + 2 * RULES.challengeSec);
const bucket = Math.floor(SETTLED_AT / RULES.challengeSec);

const bonded: AuditEvent = {
  eventName: "Bonded",
  args: { isOperator: true, id: 1, amount: BOND, bonded: BOND },
  at,
};

const slashedBy = (slashed: bigint, bond: bigint, when = at): AuditEvent => ({
  eventName: "Slashed",
  args: { operatorId: 1, slashed, bonded: bond - slashed, unbonding: 0n, readyAt: 0 },
  at: when,
});

interface Told {
  readonly penalty?: bigint;
  readonly slashed?: bigint;
  readonly reward?: bigint;
  readonly claimed?: bigint;
  readonly digest?: `0x${string}`;
  readonly bond?: bigint;
}

/** One dispute as the contracts tell it, or with a lie in it. */
function dispute(told: Told = {}): AuditEvent[] {
  const { penalty = PENALTY, digest = `0x${"d1".repeat(32)}`, claimed = REFUND, bond = BOND } = told;
  const { slashed = penalty, reward = penalty / 2n } = told;
  const claim = { operatorId: 1, id: 1, bucket };
  return [
    { eventName: "ClaimRecorded", args: { ...claim, kind: CLAIM.refund, amount: claimed }, at },
    { eventName: "ClaimRecorded", args: { ...claim, kind: CLAIM.compensation, amount: COMPENSATION }, at },
    {
      eventName: "EvidencePaid",
      args: {
        operatorId: 1,
        accountId: 1,
        challenger: OWNER,
        kind: 0,
        seq: 0,
        evidence: digest,
        providerId: 1,
        refund: REFUND,
        compensation: COMPENSATION,
        penalty,
        reward,
      },
      at,
    },
    ...(slashed === 0n ? [] : [slashedBy(slashed, bond)]),
  ];
}

/** The refund's claim paid, as the contracts tell it, or with a lie in it. */
function collection(told: { paid?: bigint; amount?: bigint } = {}): AuditEvent[] {
  const { paid = REFUND, amount = REFUND } = told;
  return [
    {
      eventName: "ClaimCollected",
      args: { operatorId: 1, kind: CLAIM.refund, id: 1, bucket, amount, paid },
      at: later,
    },
    slashedBy(paid, BOND - PENALTY, later),
    { eventName: "Refunded", args: { accountId: 1, amount: paid }, at: later },
  ];
}

const namesOf = (...events: AuditEvent[]): string[] =>
  replayAll([...worldEvents(), bonded, ...events]).mismatches.map(({ name }) => name);

async function comparedOf(...events: AuditEvent[]): Promise<string[]> {
  const { state, mismatches } = replayAll([...worldEvents(), bonded, ...events]);
  await compareState(state, honestChain(state), (mismatch) => mismatches.push(mismatch));
  return mismatches.map(({ name }) => name);
}

describe("replay of disputes", () => {
  it("follows the bond, the claims, and the refund that is paid in the end", async () => {
    const { state, mismatches } = replayAll([...worldEvents(), bonded, ...dispute(), ...collection()]);
    assert.deepEqual(mismatches, []);
    assert.equal(state.stakes.get("operator/1")?.bondedWei, BOND - PENALTY - REFUND);
    assert.deepEqual([...state.claims.values()], [COMPENSATION]);
    assert.equal(state.totals.refundedWei, REFUND);
    const compared: Mismatch[] = [];
    await compareState(state, honestChain(state), (mismatch) => compared.push(mismatch));
    assert.deepEqual(compared, []);
  });

  it("names a slashing that was not announced", () => {
    assert.deepEqual(namesOf(...dispute({ slashed: 1n })), ["slashed amount"]);
  });

  it("names a claim that is not the evidence's", () => {
    assert.deepEqual(namesOf(...dispute({ claimed: REFUND + 1n })), ["refund claimed"]);
  });

  it("names a claim that no evidence follows", async () => {
    assert.deepEqual(await comparedOf(...dispute().slice(0, 1)), ["claimed for no evidence"]);
  });

  it("names a reward that is not the challenger's part", () => {
    assert.deepEqual(namesOf(...dispute({ reward: PENALTY })), ["challenger's reward"]);
  });

  it("names evidence that was paid twice, and a second penalty", () => {
    assert.deepEqual(namesOf(...dispute(), ...dispute({ bond: BOND - PENALTY })), [
      "evidence paid once (I-09)",
      "penalty taken once (I-09)",
    ]);
    const other = `0x${"d2".repeat(32)}` as const;
    assert.deepEqual(namesOf(...dispute(), ...dispute({ digest: other, penalty: 0n })), []);
  });

  it("names a penalty that was never taken", async () => {
    assert.deepEqual(await comparedOf(...dispute({ slashed: 0n })), ["announced and not slashed"]);
  });

  it("names a claim that was paid in part though the bond had all of it", () => {
    assert.deepEqual(namesOf(...dispute(), ...collection({ paid: REFUND - 1n })), ["paid of a claim"]);
  });

  it("names a claim that was another", () => {
    assert.deepEqual(namesOf(...dispute(), ...collection({ amount: REFUND + 1n, paid: REFUND + 1n })), [
      "claim on a bond",
    ]);
  });

  it("names a bond that left although it was claimed", () => {
    const asked: AuditEvent = {
      eventName: "UnbondingRequested",
      args: { isOperator: true, id: 1, amount: BOND - PENALTY, readyAt: SETTLED_AT + UNBONDING },
      at,
    };
    const left = (amount: bigint): AuditEvent => ({
      eventName: "Unbonded",
      args: { isOperator: true, id: 1, amount, to: OWNER },
      at: later,
    });
    const free = BOND - PENALTY - REFUND - COMPENSATION;
    assert.deepEqual(namesOf(...dispute(), asked, left(free)), []);
    assert.deepEqual(namesOf(...dispute(), asked, left(free + 1n)), ["unbonded (I-12)"]);
  });

  it("names a bond that the chain has otherwise", async () => {
    const { state, mismatches } = replayAll([...worldEvents(), bonded]);
    const chain = honestChain(state);
    const stakes: ChainState["stakes"] = async (holders) =>
      (await chain.stakes(holders)).map((stake, i) => (i === 0 ? { ...stake, bonded: 1n } : stake));
    await compareState(state, { ...chain, stakes }, (mismatch) => mismatches.push(mismatch));
    assert.deepEqual(
      mismatches.map(({ name, where }) => `${where}: ${name}`),
      ["operator 1: bonded"],
    );
  });
});

const SELF = {
  operatorId: 1,
  accountId: 1,
  providerId: 2,
  digest: `0x${"d3".repeat(32)}`,
  offerId: 1,
  appId: 0,
  outputUnits: 3,
  timing: 100,
  servedAt: SETTLED_AT - 3_600,
} as const;

const selfSettled = (changes: Partial<{ seq: number; taken: bigint; paid: bigint }> = {}): AuditEvent => ({
  eventName: "SelfSettled",
  args: { ...SELF, seq: 0, amount: 1_000n, taken: 1_000n, paid: 1_000n, ...changes },
  at,
});

describe("replay of self-settled receipts", () => {
  it("debits the account, credits the provider and the pool, and measures", async () => {
    const { state, mismatches } = replayAll([...worldEvents(), selfSettled()]);
    assert.deepEqual(mismatches, []);
    const feeDown = (1_000n * BigInt(state.protocolFees[0]?.feeBps ?? 0)) / 10_000n;
    assert.equal(state.earnings.get("provider/2")?.current, 1_000n - feeDown);
    assert.equal([...state.pools.values()][0], feeDown);
    assert.equal([...state.metrics.values()][0]?.requests, 1n);
    const compared: Mismatch[] = [];
    await compareState(state, honestChain(state), (mismatch) => compared.push(mismatch));
    assert.deepEqual(compared, []);
  });

  it("names one that took another amount than the account had for it", () => {
    assert.deepEqual(namesOf(selfSettled({ taken: 999n })), ["taken from the account"]);
  });

  it("names one that was self-settled before", () => {
    assert.deepEqual(namesOf(selfSettled(), selfSettled()), ["self-settled once (I-09)"]);
  });
});
