import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  ChainAccount,
  ChainEarnings,
  ChainMetrics,
  ChainOffer,
  ChainState,
} from "../../../scripts/audit/chainState.ts";
import { compareState } from "../../../scripts/audit/compareState.ts";
import type { Mismatch } from "../../../scripts/audit/mismatch.ts";
import type { State } from "../../../scripts/audit/state.ts";
import { honestChain, replayAll, settledEvents, worldEvents } from "../../fakes/auditedWorld.ts";
import { batchVectors } from "../../vectors/read.ts";

const vector = batchVectors().settled.find(({ name }) => name.startsWith("several apps"));
if (!vector) throw new RangeError("the vector is gone");
const EVENTS = [...worldEvents(), ...settledEvents(vector)];

async function compared(change: (chain: ChainState, state: State) => ChainState): Promise<Mismatch[]> {
  const { state, mismatches } = replayAll(EVENTS);
  await compareState(state, change(honestChain(state), state), (mismatch) => mismatches.push(mismatch));
  return mismatches;
}

/** A change of the first thing in a list. */
const first =
  <Item>(change: Partial<Item>) =>
  ([head, ...rest]: readonly Item[]): Item[] => [{ ...(head as Item), ...change }, ...rest];

describe("comparison with the chain's state", () => {
  it("finds nothing where there is nothing", async () => {
    assert.deepEqual(await compared((chain) => chain), []);
  });

  it("says what is owed and held", async () => {
    const { state } = replayAll(EVENTS);
    const { owedWei, escrowBalanceWei } = await compareState(state, honestChain(state), () => undefined);
    assert.equal(owedWei, state.totals.depositedWei);
    assert.equal(escrowBalanceWei, owedWei);
  });

  const cases: readonly [string, string, (chain: ChainState) => Partial<ChainState>][] = [
    [
      "balance",
      "account 1",
      (chain) => ({
        accounts: async (ids) => first<ChainAccount>({ balance: 1n })(await chain.accounts(ids)),
      }),
    ],
    [
      "credits",
      "account 1",
      (chain) => ({
        accounts: async (ids) => first<ChainAccount>({ credits: 1n })(await chain.accounts(ids)),
      }),
    ],
    [
      "next sequence number (I-03)",
      "account 1",
      (chain) => ({
        accounts: async (ids) => first<ChainAccount>({ nextSeq: 9 })(await chain.accounts(ids)),
      }),
    ],
    [
      "operator of the account (I-05)",
      "account 1",
      (chain) => ({
        accounts: async (ids) => first<ChainAccount>({ operatorId: 9 })(await chain.accounts(ids)),
      }),
    ],
    [
      "flags",
      "account 1",
      (chain) => ({ accounts: async (ids) => first<ChainAccount>({ flags: 2 })(await chain.accounts(ids)) }),
    ],
    ["end of the pause", "Ledger", () => ({ pausedUntilSec: async () => ({ escrow: 0, ledger: 5 }) })],
    ["number of accounts", "Escrow", () => ({ accountCount: async () => 6 })],
    [
      "exit",
      "account 1",
      (chain) => ({
        exits: async (ids) =>
          first<{ amount: bigint; readyAt: number }>({ amount: 1n })(await chain.exits(ids)),
      }),
    ],
    [
      "earnings of this bucket",
      "provider 1",
      (chain) => ({
        earnings: async (ids) => first<ChainEarnings>({ current: 1n })(await chain.earnings(ids)),
      }),
    ],
    [
      "claimed earnings",
      "provider 1",
      (chain) => ({
        earnings: async (ids) => first<ChainEarnings>({ claimed: 1n })(await chain.earnings(ids)),
      }),
    ],
    [
      "fees",
      "epoch 3306, operator 1, listing 2",
      (chain) => ({ metrics: async (ids) => first<ChainMetrics>({ fees: 1n })(await chain.metrics(ids)) }),
    ],
    [
      "weighted timing",
      "epoch 3306, operator 1, listing 2",
      (chain) => ({
        metrics: async (ids) => first<ChainMetrics>({ weightedTiming: 1n })(await chain.metrics(ids)),
      }),
    ],
    [
      "failures",
      "epoch 3306, operator 1, listing 2",
      (chain) => ({ metrics: async (ids) => first<ChainMetrics>({ failures: 7 })(await chain.metrics(ids)) }),
    ],
    ["pool", "operator 1, epoch 3306", () => ({ pools: async () => [1n] })],
    ["stored commitment (I-13)", "operator 1, batch 0", () => ({ commitments: async () => ["0x00"] })],
    ["next batch number (I-03)", "operator 2", () => ({ nextBatchNos: async () => [1, 1] })],
    [
      "input price",
      "offer 1",
      (chain) => ({ offers: async (ids) => first<ChainOffer>({ inputPrice: 1n })(await chain.offers(ids)) }),
    ],
    ["app fee", "app 1", () => ({ appFeesBps: async () => [501, 2_000, 0, 333] })],
    ["protocol fee", "served at 0", () => ({ protocolFeesBps: async () => [1] })],
    ["owed", "Escrow", () => ({ owedWei: async () => 1n })],
    [
      "insolvent (I-01)",
      "Escrow",
      (chain) => ({ escrowBalanceWei: async () => (await chain.owedWei()) - 1n }),
    ],
  ];
  for (const [name, where, change] of cases)
    it(`names what differs: ${name} of ${where}`, async () => {
      const mismatches = await compared((chain) => ({ ...chain, ...change(chain) }));
      assert.deepEqual(
        mismatches.map((mismatch) => [mismatch.name, mismatch.where]),
        [[name, where]],
      );
    });

  it("finds money that came or went without a trace", async () => {
    const { state, mismatches } = replayAll(EVENTS);
    state.totals.depositedWei += 1n;
    await compareState(state, honestChain(state), (mismatch) => mismatches.push(mismatch));
    assert.deepEqual(
      mismatches.map(({ name }) => name),
      ["every wei accounted for (I-14)"],
    );
  });

  it("accepts gifts to the Escrow", async () => {
    const gift = (chain: ChainState) => ({
      ...chain,
      escrowBalanceWei: async () => (await chain.owedWei()) + 1n,
    });
    assert.deepEqual(await compared(gift), []);
  });
});
