/** A settlement transaction on a real chain that drops it, wants more for it, or loses its answers. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it, type TestContext } from "node:test";

import { encodeBatch } from "../../../router/model/batch.ts";
import { toHex, type Hex } from "../../../router/model/bytes.ts";
import { RpcFault, startRpcProxy, type Intercept, type Tamper } from "../../e2e/fixtures/rpcProxy.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";

const GWEI = 1_000_000_000n;

let anvil: TestChain;
before(async () => {
  anvil = await startTestChain();
});
after(() => anvil.stop());
beforeEach(async () => {
  await anvil.call("evm_setAutomine", true);
  await anvil.call("evm_mine");
});

interface PooledTransaction {
  readonly hash: Hex;
  readonly nonce: string;
  readonly maxFeePerGas: string;
  readonly maxPriorityFeePerGas: string;
}

/** What waits to be mined. */
async function pooled(): Promise<PooledTransaction[]> {
  const { pending } = (await anvil.call("txpool_content")) as {
    pending: Record<string, Record<string, PooledTransaction>>;
  };
  return Object.values(pending).flatMap((byNonce) => Object.values(byNonce));
}

/** Waits for a transaction in the pool, dearer than `thanWei`. */
async function untilPooled(thanWei = 0n): Promise<PooledTransaction> {
  for (const deadlineMs = Date.now() + 5_000; ;) {
    const [found] = await pooled();
    if (found && BigInt(found.maxFeePerGas) > thanWei) return found;
    assert.ok(Date.now() < deadlineMs, "no such transaction came");
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
}

async function oneRow(): Promise<Hex> {
  const chain = await anvil.open();
  const [batchNo, servedAt] = [await chain.nextBatchNo(), await chain.blockTimeSec()];
  const row = { offerId: anvil.economy.providers[0]!.offerId, inputUnits: 10, outputUnits: 5, timing: 100 };
  const groups = [{ accountId: anvil.economy.accountId, appId: 0, rows: [row] }];
  return toHex(encodeBatch({ batchNo, servedFromSec: servedAt, servedToSec: servedAt, groups }).bytes);
}

const settlerNonce = async (settler: Hex): Promise<number> =>
  Number(await anvil.call("eth_getTransactionCount", settler, "latest"));

async function proxied(t: TestContext, tamper?: Tamper, intercept?: Intercept): Promise<readonly string[]> {
  const proxy = await startRpcProxy(anvil.rpcUrl, tamper, intercept);
  t.after(() => proxy.stop());
  return [proxy.url];
}

describe("a settlement transaction", () => {
  it("is replaced by ones that pay at least a tenth more, and never more than the limit", async () => {
    await anvil.call("evm_setAutomine", false);
    const limitWei = 7n * GWEI;
    const chain = await anvil.open({ bumpAfterMs: 60, maxFeePerGasWei: limitWei });
    const batchNo = await chain.nextBatchNo();
    const settling = chain.settle(await oneRow());
    let last = await untilPooled();
    const nonce = last.nonce;
    const canRise = (): boolean => BigInt(last.maxFeePerGas) * 11n <= limitWei * 10n;
    for (let replaced = 0; canRise(); replaced++) {
      assert.ok(replaced < 30);
      const next = await untilPooled(BigInt(last.maxFeePerGas));
      assert.equal(next.nonce, nonce, "one nonce per batch");
      for (const field of ["maxFeePerGas", "maxPriorityFeePerGas"] as const)
        assert.ok(BigInt(next[field]) * 10n >= BigInt(last[field]) * 11n, `${field} rose by a tenth`);
      last = next;
    }
    assert.ok(BigInt(last.maxFeePerGas) <= limitWei);
    await new Promise((resolve) => void setTimeout(resolve, 200));
    assert.equal((await pooled())[0]?.hash, last.hash);
    await anvil.call("evm_mine");
    const result = await settling;
    assert.ok(result.status === "mined");
    assert.equal(result.txHash, last.hash);
    assert.equal(await chain.nextBatchNo(), batchNo + 1);
  });

  it("is sent again when the node has dropped it, also with its fee at the limit", async () => {
    await anvil.call("evm_setAutomine", false);
    const chain = await anvil.open({ bumpAfterMs: 60, maxFeePerGasWei: 3n * GWEI });
    const settling = chain.settle(await oneRow());
    for (let drops = 0; drops < 3; drops++) {
      await untilPooled();
      await new Promise((resolve) => void setTimeout(resolve, 150));
      await anvil.call("anvil_dropAllTransactions");
    }
    const { hash } = await untilPooled();
    await anvil.call("evm_mine");
    const result = await settling;
    assert.ok(result.status === "mined");
    assert.equal(result.txHash, hash);
  });

  it("is sent again soon after it was dropped, and made dearer however short the caller's patience", async () => {
    await anvil.call("evm_setAutomine", false);
    const chain = await anvil.open({ bumpAfterMs: 600, settleTimeoutMs: 100 });
    const bytes = await oneRow();
    const patient = async (untilMs: number): Promise<void> => {
      while (Date.now() < untilMs) assert.equal((await chain.settle(bytes)).status, "unknown");
    };
    const startedAtMs = Date.now();
    await patient(startedAtMs + 100);
    const first = await untilPooled();
    await anvil.call("anvil_dropAllTransactions");
    await patient(startedAtMs + 400);
    assert.equal((await pooled())[0]?.hash, first.hash, "the very same, before its fee is raised");
    await patient(startedAtMs + 1_200);
    assert.ok(BigInt((await untilPooled()).maxFeePerGas) > BigInt(first.maxFeePerGas));
    await anvil.call("evm_mine");
    assert.equal((await chain.settle(bytes)).status, "mined");
  });

  it("is known although the node's answer was lost, and mined once", async (t) => {
    let lost = 0;
    const rpcUrls = await proxied(t, ({ method }, result) => {
      if (method === "eth_sendRawTransaction" && lost++ === 0) throw new Error("lost");
      return result;
    });
    const chain = await anvil.open({ rpcUrls });
    const batchNo = await chain.nextBatchNo();
    const nonce = await settlerNonce(chain.settler);
    const bytes = await oneRow();
    assert.equal((await chain.settle(bytes)).status, "mined");
    assert.equal(lost, 1);
    assert.equal(await settlerNonce(chain.settler), nonce + 1);
    assert.equal(await chain.nextBatchNo(), batchNo + 1);
  });

  it("goes out as soon as the node takes transactions again", async (t) => {
    let isDown = true;
    const rpcUrls = await proxied(t, undefined, ({ method }) => {
      if (isDown && method === "eth_sendRawTransaction") throw new Error("down");
    });
    const chain = await anvil.open({ rpcUrls, settleTimeoutMs: 100 });
    const bytes = await oneRow();
    assert.equal((await chain.settle(bytes)).status, "unknown");
    assert.equal((await chain.settle(bytes)).status, "unknown");
    isDown = false;
    const startedAtMs = performance.now();
    for (let looks = 0; (await chain.settle(bytes)).status !== "mined"; looks++) assert.ok(looks < 3);
    assert.ok(performance.now() - startedAtMs < 2_000, "without waiting for the time of a bump");
  });

  it("takes the place of whatever waits under the settler's nonce", async () => {
    await anvil.call("evm_setAutomine", false);
    const chain = await anvil.open();
    const { settler } = chain;
    const gasPrice = `0x${(20n * GWEI).toString(16)}`;
    await anvil.wallet("settler").sendTransaction({ to: settler, gasPrice });
    const settling = chain.settle(await oneRow());
    await untilPooled(20n * GWEI);
    assert.equal((await pooled()).length, 1);
    await anvil.call("evm_mine");
    assert.equal((await settling).status, "mined");
  });

  it("says so when the settler can't pay for it, and goes out once it can", async (t) => {
    let isPoor = true;
    const rpcUrls = await proxied(t, undefined, ({ method }) => {
      if (isPoor && method === "eth_sendRawTransaction")
        throw new RpcFault(-32_003, "Insufficient funds for gas * price + value");
    });
    const chain = await anvil.open({ rpcUrls });
    const bytes = await oneRow();
    assert.deepEqual(await chain.settle(bytes), {
      status: "refused",
      reason: "the settler lacks the coin for gas",
    });
    isPoor = false;
    assert.equal((await chain.settle(bytes)).status, "mined");
  });

  it("does not wait behind one that a reorganization took back", async () => {
    const chain = await anvil.open({ settleTimeoutMs: 60_000 });
    const batchNo = await chain.nextBatchNo();
    const first = await oneRow();
    assert.equal((await chain.settle(first)).status, "mined");
    await anvil.call("evm_setAutomine", false);
    const second = await oneRow();
    const settling = chain.settle(second);
    await untilPooled();
    await anvil.call("anvil_reorg", 1, []);
    await anvil.call("anvil_dropAllTransactions");
    await anvil.call("evm_mine");
    assert.equal(await chain.nextBatchNo(), batchNo, "the first one is gone");
    const timeout = AbortSignal.timeout(10_000);
    const isLate = new Promise((resolve) => timeout.addEventListener("abort", () => resolve("late")));
    assert.deepEqual(await Promise.race([settling, isLate]), { status: "unknown", txHash: undefined });
    await anvil.call("evm_setAutomine", true);
    for (const bytes of [first, second]) assert.equal((await chain.settle(bytes)).status, "mined");
    assert.equal(await chain.nextBatchNo(), batchNo + 2);
  });
});
