import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { JsonRpcProvider } from "ethers";
import { DEV_CHAIN_ID, startChain, type LocalChain } from "../../../scripts/demo/chain.ts";
import type { Child } from "../../../scripts/demo/child.ts";
import { devKeys } from "../../../scripts/demo/devKeys.ts";
import { setUpEconomy, type DemoEconomy } from "../../../scripts/demo/economy.ts";
import { freePort } from "../../../scripts/demo/freePort.ts";
import { DEMO_PROVIDERS } from "../../../scripts/demo/providers/catalog.ts";
import { buildContracts } from "../../../scripts/deploy/buildContracts.ts";
import { contractsOf } from "../../../scripts/deploy/deploy.ts";
import { encodeBatch } from "../../../router/model/batch.ts";
import { toHex } from "../../../router/model/bytes.ts";
import { timingOf } from "../../../router/model/timing.ts";

describe("the demo's chain", { timeout: 240_000 }, () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), "ai1net-chain-"));
  const children: Child[] = [];
  let port: number;
  let chain: LocalChain;
  let economy: DemoEconomy;
  let settled: { hash: string; blockNumber: number; data: string };
  const rpcs: JsonRpcProvider[] = [];
  const rpc = (): JsonRpcProvider => {
    const provider = new JsonRpcProvider(chain.rpcUrl, DEV_CHAIN_ID, {
      staticNetwork: true,
      pollingInterval: 200,
      cacheTimeout: -1,
    });
    rpcs.push(provider);
    return provider;
  };
  const start = (): Promise<LocalChain> => startChain(dataDir, port, (child) => children.push(child));

  before(async () => {
    await buildContracts(() => undefined);
    mkdirSync(path.join(dataDir, "logs"));
    port = await freePort(18_545);
    chain = await start();
    economy = await setUpEconomy(rpc(), devKeys(dataDir), DEMO_PROVIDERS, () => undefined);
  });
  after(async () => {
    for (const provider of rpcs) provider.destroy();
    for (const child of children) await child.stop(5_000);
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function settle(batchNo: number): Promise<{ hash: string; blockNumber: number; data: string }> {
    const { ledger } = contractsOf(economy.contracts, devKeys(dataDir).wallet("settler", rpc()));
    const now = (await rpc().getBlock("latest"))?.timestamp ?? 0;
    const row = {
      offerId: economy.providers[2]?.offerId ?? 0,
      inputUnits: 10,
      outputUnits: 5,
      timing: timingOf(900),
    };
    const { bytes } = encodeBatch({
      batchNo,
      servedFromSec: now,
      servedToSec: now,
      groups: [{ accountId: economy.accountId, appId: 0, rows: Array.from({ length: 1_000 }, () => row) }],
    });
    const sent = await ledger.settle(economy.operatorId, toHex(bytes));
    const receipt = await sent.wait();
    return { hash: sent.hash, blockNumber: receipt?.blockNumber ?? 0, data: sent.data };
  }

  async function checkSettled(): Promise<void> {
    const provider = rpc();
    const { ledger } = contractsOf(economy.contracts, devKeys(dataDir).wallet("settler", provider));
    const events = await ledger.queryFilter(ledger.filters.BatchSettled(economy.operatorId), 0);
    assert.ok(events.some((event) => event.transactionHash === settled.hash));
    assert.equal((await provider.getTransaction(settled.hash))?.data, settled.data);
    assert.equal((await provider.getTransactionReceipt(settled.hash))?.blockNumber, settled.blockNumber);
    const block = await provider.getBlock(settled.blockNumber);
    assert.ok(block?.transactions.includes(settled.hash));
  }

  it("carries an economy in which a batch can be settled", async () => {
    settled = await settle(0);
    await checkSettled();
  });

  it("follows the clock, a block a second", async () => {
    const block = await rpc().getBlock("latest");
    assert.ok(Math.abs((block?.timestamp ?? 0) - Date.now() / 1_000) < 3);
  });

  it("goes on where it was stopped: calldata, receipts and events of old batches are there", async () => {
    await chain.stop();
    assert.equal(statSync(path.join(dataDir, "chain.json")).mode & 0o777, 0o600);
    await sleep(3_000);
    chain = await start();
    await checkSettled();
    await sleep(1_500);
    const block = await rpc().getBlock("latest");
    assert.ok(Math.abs((block?.timestamp ?? 0) - Date.now() / 1_000) < 3, "it caught up with the clock");
    await settle(1);
  });

  it("saves what happened by itself, so that being killed costs seconds at most", async () => {
    settled = await settle(2);
    const file = path.join(dataDir, "chain.json");
    const savedBlock = (): number =>
      Number((JSON.parse(readFileSync(file, "utf8")) as { best_block_number: string }).best_block_number);
    for (let i = 0; i < 40 && savedBlock() < settled.blockNumber; i++) await sleep(250);
    chain.child.process.kill("SIGKILL");
    await chain.child.exited;
    chain = await start();
    await checkSettled();
  });
});
