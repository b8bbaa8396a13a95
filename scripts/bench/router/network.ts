/** What the router of the bench stands in: a real chain with the contracts, an operator, a payer and one provider. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { JsonRpcProvider } from "ethers";
import { buildContracts } from "../../deploy/buildContracts.ts";
import { DEV_CHAIN_ID, startChain } from "../../demo/chain.ts";
import { devKeys } from "../../demo/devKeys.ts";
import { setUpEconomy } from "../../demo/economy.ts";
import { freePort } from "../../demo/freePort.ts";
import { demoApiKey, startRouter } from "../../demo/routerProcess.ts";
import { announceEndpoint, servedEndpoints } from "../../provider/routerApi.ts";
import { pin } from "./pinning.ts";
import type { Processes } from "./processes.ts";
import { BENCH_MODEL } from "./sample.ts";

const FIRST_PORT = 18_080;
const REST_MS = 120_000;

const PROVIDER = {
  name: "bench",
  model: BENCH_MODEL,
  unit: "token" as const,
  price: { input: "0.1", output: "0.4", request: "0.00001" },
};

export interface BenchRouter {
  readonly port: number;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Waits until nothing is in flight and everything served is on chain. */
  rest(): Promise<void>;
  /** Receipts that the account has: the number of the first one that it does not have. */
  receipts(atLeast: number): Promise<number>;
  /** One figure of `/metrics`. */
  metric(name: string): Promise<number>;
}

/** Starts it all in `directory`, which must be new; `env` is for the router. */
export async function startNetwork(
  processes: Processes,
  directory: string,
  upstreamPort: number,
  env: Readonly<Record<string, string>>,
): Promise<BenchRouter> {
  mkdirSync(path.join(directory, "logs"), { recursive: true, mode: 0o700 });
  await buildContracts((line) => console.error(line));
  const keys = devKeys(directory);
  const chain = await startChain(directory, await freePort(FIRST_PORT + 1_000), processes.track);
  pin(chain.child.pid, "around");
  const rpc = new JsonRpcProvider(chain.rpcUrl, DEV_CHAIN_ID, { staticNetwork: true, pollingInterval: 200 });
  try {
    const economy = await setUpEconomy(rpc, keys, [PROVIDER], () => undefined);
    const port = await freePort(FIRST_PORT);
    const options = { dataDir: directory, port, rpcUrl: chain.rpcUrl, keys, economy, track: processes.track };
    const router = await startRouter({ ...options, env });
    pin(router.pid, "measured");
    const url = `http://127.0.0.1:${port}`;
    const key = await demoApiKey(url, keys, economy.accountId, undefined);
    await announceEndpoint(
      {
        economy: { routerUrl: url, chainId: DEV_CHAIN_ID, contracts: economy.contracts },
        wallet: keys.wallet(`provider/${PROVIDER.name}`, rpc),
      },
      {
        listingId: economy.providers[0]?.listingId ?? 0,
        baseUrl: `http://127.0.0.1:${upstreamPort}/v1`,
        upstreamModel: BENCH_MODEL,
        apiKey: "sk-upstream",
        maxOutputUnits: 4_096,
        contextUnits: 32_768,
      },
    );
    while (
      (
        await servedEndpoints(
          { economy: { routerUrl: url, chainId: DEV_CHAIN_ID, contracts: economy.contracts } },
          BENCH_MODEL,
        )
      ).length === 0
    )
      await sleep(100);
    return benchRouter(port, router.pid, key, economy.accountId);
  } finally {
    rpc.destroy();
  }
}

function benchRouter(port: number, pid: number, key: string, accountId: number): BenchRouter {
  const headers = { authorization: `Bearer ${key}` };
  const get = async (what: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${what}`, { headers });
  const hasReceipt = async (seq: number): Promise<boolean> => {
    const response = await get(`/v1/receipts/${accountId}-${seq}`);
    await response.body?.cancel();
    if (response.ok || response.status === 404) return response.ok;
    throw new Error(`the router does not show receipt ${seq}: ${response.status}`);
  };
  return {
    port,
    pid,
    headers,
    async rest() {
      for (const deadline = Date.now() + REST_MS; ; await sleep(250)) {
        const { data } = (await (await get("/v1/credits")).json()) as {
          data: { held: string; unsettled: string };
        };
        if (data.held === "0" && data.unsettled === "0") return;
        if (Date.now() > deadline) throw new Error(`the router has not settled in ${REST_MS / 1_000} s`);
      }
    },
    async receipts(atLeast) {
      let count = atLeast;
      while (count > 0 && !(await hasReceipt(count - 1))) count--;
      while (await hasReceipt(count)) count++;
      return count;
    },
    async metric(name) {
      const text = await (await get("/metrics")).text();
      const line = text.split("\n").find((each) => each.startsWith(`${name} `));
      if (line === undefined) throw new Error(`/metrics has no ${name}`);
      return Number(line.slice(name.length + 1));
    },
  };
}
