/** Two RPC endpoints in front of a real chain, of which one fails, hangs, lags or is of another chain. */
import assert from "node:assert/strict";
import { after, before, describe, it, type TestContext } from "node:test";

import type { OpenedChain } from "../../../router/adapters/chain/openChain.ts";
import { encodeBatch } from "../../../router/model/batch.ts";
import { toHex, type Hex } from "../../../router/model/bytes.ts";
import { startRpcProxy, type RpcProxy } from "../../e2e/fixtures/rpcProxy.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";
import { listeningLog } from "../../fakes/samples.ts";

let anvil: TestChain;
before(async () => {
  anvil = await startTestChain();
});
after(() => anvil.stop());

/** What an endpoint does. */
interface Manners {
  mode: "well" | "down" | "hangs";
  /** Results of methods that it makes up. */
  readonly lies: Map<string, unknown>;
  readonly asked: string[];
}

async function endpoint(t: TestContext): Promise<RpcProxy & Manners> {
  const manners: Manners = { mode: "well", lies: new Map(), asked: [] };
  const proxy = await startRpcProxy(
    anvil.rpcUrl,
    ({ method }, result) => (manners.lies.has(method) ? manners.lies.get(method) : result),
    async ({ method }) => {
      manners.asked.push(method);
      if (manners.mode === "down") throw new Error("down");
      if (manners.mode === "hangs") await new Promise((resolve) => void setTimeout(resolve, 3_000).unref());
    },
  );
  t.after(() => proxy.stop());
  return Object.assign(manners, proxy);
}

const QUICK = { timeoutMs: 300, checkEveryMs: 100, penaltyMs: 50 };

function open(endpoints: readonly RpcProxy[], log = listeningLog()): Promise<OpenedChain> {
  return anvil.open({ rpcUrls: endpoints.map(({ url }) => url), rpc: QUICK, log, bumpAfterMs: 500 });
}

/** Asks until `isTrue`, as a router's polls would. */
async function until(chain: OpenedChain, isTrue: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + 5_000; !isTrue();) {
    assert.ok(Date.now() < deadlineMs, "it never became true");
    await chain.blockNumber();
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

const current = (chain: OpenedChain): number => chain.rpcStatus().findIndex(({ isCurrent }) => isCurrent);

async function oneRow(chain: OpenedChain): Promise<Hex> {
  const batchNo = await chain.nextBatchNo();
  const servedAt = await chain.blockTimeSec();
  const row = { offerId: anvil.economy.providers[0]!.offerId, inputUnits: 10, outputUnits: 5, timing: 100 };
  const groups = [{ accountId: anvil.economy.accountId, appId: 0, rows: [row] }];
  return toHex(encodeBatch({ batchNo, servedFromSec: servedAt, servedToSec: servedAt, groups }).bytes);
}

describe("several RPC endpoints", () => {
  it("asks the next one when the first fails or hangs, and goes back when it is well", async (t) => {
    const [first, second] = [await endpoint(t), await endpoint(t)];
    const chain = await open([first, second]);
    for (const mode of ["down", "hangs"] as const) {
      await until(chain, () => current(chain) === 0);
      first.mode = mode;
      assert.ok((await chain.blockNumber()) > 0n, mode);
      assert.equal(current(chain), 1, mode);
      assert.equal(chain.rpcStatus()[0]?.state, "down");
      const startedAtMs = performance.now();
      await chain.account(anvil.economy.accountId);
      assert.ok(
        performance.now() - startedAtMs < 250,
        "nobody waits for an endpoint that is known to be down",
      );
      first.mode = "well";
      await until(chain, () => current(chain) === 0);
    }
    first.mode = "down";
    second.mode = "down";
    await assert.rejects(chain.blockNumber());
    second.mode = "well";
    assert.ok((await chain.blockNumber()) > 0n);
  });

  it("settles while the first endpoint is away, and when it goes away on the way", async (t) => {
    const [first, second] = [await endpoint(t), await endpoint(t)];
    const chain = await open([first, second]);
    first.mode = "hangs";
    assert.equal((await chain.settle(await oneRow(chain))).status, "mined");
    first.mode = "well";
    await until(chain, () => current(chain) === 0);

    const bytes = await oneRow(chain);
    await anvil.call("evm_setAutomine", false);
    const settling = chain.settle(bytes);
    for (const deadlineMs = Date.now() + 5_000; !first.asked.includes("eth_sendRawTransaction");) {
      assert.ok(Date.now() < deadlineMs, "it was sent to the first");
      await new Promise((resolve) => void setTimeout(resolve, 20));
    }
    first.mode = "down";
    await new Promise((resolve) => void setTimeout(resolve, 200));
    await anvil.call("evm_setAutomine", true);
    await anvil.call("evm_mine");
    assert.equal((await settling).status, "mined");
  });

  it("starts while one of them is away, but not while all are", async (t) => {
    const [first, second] = [await endpoint(t), await endpoint(t)];
    first.mode = "down";
    const chain = await open([first, second]);
    assert.equal(current(chain), 1);
    first.mode = "well";
    await until(chain, () => current(chain) === 0);
    first.mode = "down";
    second.mode = "down";
    await assert.rejects(open([first, second]));
  });

  const LIES = [
    ["eth_chainId", "0x5", /is of chain 5, expected 31337/],
    ["eth_getCode", "0x", /has no contract/],
    ["eth_getCode", "0x6001", /another chain than the others/],
    ["eth_getBlockByNumber", { hash: `0x${"77".repeat(32)}` }, /another chain than the others/],
  ] as const;
  for (const [method, lie, message] of LIES) {
    it(`never mixes chains: ${method} says ${JSON.stringify(lie).slice(0, 20)}`, async (t) => {
      const [first, second] = [await endpoint(t), await endpoint(t)];
      second.lies.set(method, lie);
      await assert.rejects(open([first, second]), { name: "WrongChain", message });

      // It goes away, comes back as another chain, and goes on being asked nothing but who it is.
      second.lies.clear();
      const log = listeningLog();
      const chain = await open([second, first], log);
      second.mode = "down";
      await chain.blockNumber();
      second.lies.set(method, lie);
      second.mode = "well";
      await until(chain, () => chain.rpcStatus()[0]?.state === "foreign");
      assert.ok(log.lines.some((line) => line.includes("it is not used")));
      second.asked.length = 0;
      await chain.account(anvil.economy.accountId);
      assert.deepEqual(second.asked, []);
      first.mode = "down";
      await assert.rejects(chain.blockNumber());
      const asked: readonly string[] = second.asked;
      assert.ok(!asked.includes("eth_blockNumber"), "rather no answer than another chain's");
    });
  }

  it("passes over one that stays behind, until it has caught up", async (t) => {
    const [first, second] = [await endpoint(t), await endpoint(t)];
    const chain = await open([first, second]);
    await until(chain, () => current(chain) === 0);
    first.lies.set("eth_blockNumber", toHex(Uint8Array.of(1)));
    await until(chain, () => chain.rpcStatus()[0]?.state === "lagging");
    assert.equal(current(chain), 1);
    first.lies.clear();
    await until(chain, () => current(chain) === 0);
  });

  it("takes a contract's refusal for an answer, and asks nobody else", async (t) => {
    const [first, second] = [await endpoint(t), await endpoint(t)];
    const chain = await open([first, second]);
    second.asked.length = 0;
    const refused = await chain.settle(`${await oneRow(chain)}00`);
    assert.ok(refused.status === "refused");
    assert.match(refused.reason, /^Ledger_TrailingBytes/);
    assert.equal(current(chain), 0);
    assert.ok(!second.asked.includes("eth_estimateGas"));
  });
});
