import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AuditEvent } from "../../../scripts/audit/events.ts";
import type { ChainState } from "../../../scripts/audit/chainState.ts";
import { compareState } from "../../../scripts/audit/compareState.ts";
import type { Mismatch } from "../../../scripts/audit/mismatch.ts";
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
const at = place(SETTLED_AT);
const PENALTY = RULES.penaltyWei;

const bonded: AuditEvent = {
  eventName: "Bonded",
  args: { isOperator: true, id: 1, amount: BOND, bonded: BOND },
  at,
};

interface Told {
  readonly slashed?: bigint;
  readonly penalty?: bigint;
  readonly reward?: bigint;
  readonly refunded?: bigint;
  readonly digest?: `0x${string}`;
  readonly bond?: bigint;
}

/** One dispute as the contracts tell it, or with a lie in it. */
function dispute(told: Told = {}): AuditEvent[] {
  const { penalty = PENALTY, digest = `0x${"d1".repeat(32)}`, refunded = REFUND, bond = BOND } = told;
  const { slashed = REFUND + COMPENSATION + penalty, reward = penalty / 2n } = told;
  return [
    {
      eventName: "Slashed",
      args: { operatorId: 1, slashed, bonded: bond - slashed, unbonding: 0n, readyAt: 0 },
      at,
    },
    {
      eventName: "DebtRecorded",
      args: { operatorId: 1, accountId: 1, providerId: 1, refund: 3n, compensation: 4n },
      at,
    },
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
    { eventName: "Refunded", args: { accountId: 1, amount: refunded }, at },
    { eventName: "Compensated", args: { providerId: 1, amount: COMPENSATION }, at },
  ];
}

const namesOf = (...events: AuditEvent[]): string[] =>
  replayAll([...worldEvents(), bonded, ...events]).mismatches.map(({ name }) => name);

describe("replay of disputes", () => {
  it("follows the bond, the refund, the compensation and the debt", async () => {
    const { state, mismatches } = replayAll([...worldEvents(), bonded, ...dispute()]);
    assert.deepEqual(mismatches, []);
    assert.equal(state.debts.get(1), 7n);
    assert.equal(state.stakes.get("operator/1")?.bondedWei, BOND - REFUND - COMPENSATION - PENALTY);
    assert.equal(state.earnings.get("provider/1")?.current, COMPENSATION);
    const compared: Mismatch[] = [];
    await compareState(state, honestChain(state), (mismatch) => compared.push(mismatch));
    assert.deepEqual(compared, []);
  });

  it("names a slashing that is not what was paid out", () => {
    assert.deepEqual(namesOf(...dispute({ slashed: 1n })), ["slashed amount"]);
  });

  it("names a refund that is not the one announced", () => {
    assert.deepEqual(namesOf(...dispute({ refunded: REFUND + 1n })), ["refund"]);
  });

  it("names a reward that is not the challenger's part", () => {
    assert.deepEqual(namesOf(...dispute({ reward: PENALTY })), ["challenger's reward"]);
  });

  it("names evidence that was paid twice, and a second penalty", () => {
    const bond = BOND - REFUND - COMPENSATION - PENALTY;
    assert.deepEqual(namesOf(...dispute(), ...dispute({ bond })), [
      "evidence paid once (I-09)",
      "penalty taken once (I-09)",
    ]);
    const other = `0x${"d2".repeat(32)}` as const;
    assert.deepEqual(namesOf(...dispute(), ...dispute({ bond, digest: other, penalty: 0n })), []);
  });

  it("names a slashing that no evidence follows", async () => {
    const [slashed] = dispute();
    const { state, mismatches } = replayAll([...worldEvents(), bonded, ...(slashed ? [slashed] : [])]);
    await compareState(state, honestChain(state), (mismatch) => mismatches.push(mismatch));
    assert.deepEqual(
      mismatches.map(({ name }) => name),
      ["slashed for no evidence"],
    );
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
