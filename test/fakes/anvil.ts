/** A real chain with the real contracts, an operator, a provider with an offer and two payers. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { JsonRpcProvider, NonceManager, type Wallet } from "ethers";

import { openChain, type ChainOptions, type OpenedChain } from "../../router/adapters/chain/openChain.ts";
import type { JournalIdentity } from "../../router/adapters/journal/segments.ts";
import { receiptSigner, type ReceiptSigner } from "../../router/adapters/signer/receiptSigner.ts";
import type { Hex } from "../../router/model/bytes.ts";
import { parseTokens } from "../../router/model/money.ts";
import { anvilBinary, DEV_CHAIN_ID } from "../../scripts/demo/chain.ts";
import { devKeys } from "../../scripts/demo/devKeys.ts";
import { setUpEconomy, type DemoEconomy } from "../../scripts/demo/economy.ts";
import { freePort } from "../../scripts/demo/freePort.ts";
import { DEMO_PROVIDERS } from "../../scripts/demo/providers/catalog.ts";
import { buildContracts } from "../../scripts/deploy/buildContracts.ts";
import { contractsOf } from "../../scripts/deploy/deploy.ts";
import { silentLog } from "./samples.ts";

export interface TestChain {
  readonly rpcUrl: string;
  readonly economy: DemoEconomy;
  readonly identity: JournalIdentity;
  readonly signer: ReceiptSigner;
  readonly settlerKey: Hex;
  readonly receiptKey: Hex;
  call(method: string, ...params: unknown[]): Promise<unknown>;
  contracts(role: string): ReturnType<typeof contractsOf>;
  wallet(role: string): Wallet;
  /** The router's view of it. */
  open(options?: Partial<ChainOptions>): Promise<OpenedChain>;
  /** A further account of the payer's, with so many wei. */
  account(depositWei: bigint, maxAppFeePct: number): Promise<number>;
  stop(): Promise<void>;
}

const START_MS = 20_000;

export async function startTestChain(): Promise<TestChain> {
  await buildContracts(() => undefined);
  const directory = mkdtempSync(path.join(os.tmpdir(), "ai1net-anvil-"));
  const port = await freePort(21_000 + Math.floor(Math.random() * 10_000));
  const rpcUrl = `http://127.0.0.1:${port}`;
  const args = ["--host", "127.0.0.1", "--port", String(port), "--chain-id", String(DEV_CHAIN_ID)];
  args.push("--hardfork", "osaka", "--enable-tx-gas-limit", "--gas-limit", "60000000", "--quiet");
  const child = spawn(anvilBinary(), args, { stdio: "ignore" });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const provider = new JsonRpcProvider(rpcUrl, DEV_CHAIN_ID, {
    staticNetwork: true,
    pollingInterval: 50,
    cacheTimeout: -1,
  });
  const call = (method: string, ...params: unknown[]): Promise<unknown> => provider.send(method, params);
  const deadlineMs = Date.now() + START_MS;
  while (!(await call("eth_chainId").catch(() => undefined))) {
    if (Date.now() > deadlineMs || child.exitCode !== null) throw new Error("anvil did not start");
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
  const keys = devKeys(directory);
  const economy = await setUpEconomy(provider, keys, DEMO_PROVIDERS, () => undefined);
  const ledger = economy.contracts.Ledger as Hex;
  const signer = receiptSigner(keys.key("receipts"), { chainId: DEV_CHAIN_ID, verifyingContract: ledger });
  const settlerKey = keys.key("settler");
  const contracts = (role: string): ReturnType<typeof contractsOf> =>
    contractsOf(economy.contracts, new NonceManager(keys.wallet(role, provider)));
  const { operatorId } = economy;
  return {
    rpcUrl,
    economy,
    identity: { operatorId, chainId: DEV_CHAIN_ID, ledger },
    signer,
    settlerKey,
    receiptKey: keys.key("receipts"),
    call,
    contracts,
    wallet: (role) => keys.wallet(role, provider),
    open: (options) =>
      openChain({
        rpcUrls: [rpcUrl],
        chainId: DEV_CHAIN_ID,
        ledger,
        operatorId,
        settlerKey,
        receiptKeyAddress: signer.address,
        log: silentLog,
        receiptPollMs: 20,
        settleTimeoutMs: 5_000,
        ...options,
      }),
    account: async (depositWei, maxAppFeePct) => {
      const { token, escrow } = contracts("payer");
      const payer = economy.payer;
      const terms = { owner: payer, operatorId, signer: payer, strict: false, maxAppFeePct };
      await (await token.approve(economy.contracts.Escrow, parseTokens("1000"))).wait();
      await (await escrow.deposit(terms, depositWei)).wait();
      return Number(await escrow.accountIdOf(terms));
    },
    stop: async () => {
      provider.destroy();
      child.kill("SIGKILL");
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
