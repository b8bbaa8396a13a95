import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { DEV_CHAIN_ID } from "./chain.ts";
import { startChild, type Child, type ChildOptions } from "./child.ts";
import type { DevKeys } from "./devKeys.ts";
import type { DemoEconomy } from "./economy.ts";

const ROUTER_MAIN = fileURLToPath(new URL("../../router/main.ts", import.meta.url));
const READY_MS = 60_000;
/** Batches this small would not pay anywhere else; in a demo one wants to see them. */
const SETTLE_MAX_AGE_MS = 5_000;
const DRAIN_MS = 15_000;
/** It drains, settles what is left, and only then ends. */
export const ROUTER_STOP_MS = DRAIN_MS * 2 + 10_000;

export interface RouterOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly rpcUrl: string;
  readonly keys: DevKeys;
  readonly economy: DemoEconomy;
  readonly track: ChildOptions["track"];
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the router of a data directory and waits until it is ready. */
export async function startRouter(options: RouterOptions): Promise<Child> {
  const { dataDir, port, rpcUrl, keys, economy, track } = options;
  const child = await startChild({
    name: "router",
    command: process.execPath,
    args: [ROUTER_MAIN],
    logFile: path.join(dataDir, "logs", "router.log"),
    track,
    env: {
      AI1NET_HOST: "127.0.0.1",
      AI1NET_PORT: String(port),
      AI1NET_DATA_DIR: path.join(dataDir, "router"),
      AI1NET_RPC_URL: rpcUrl,
      AI1NET_CHAIN_ID: String(DEV_CHAIN_ID),
      AI1NET_LEDGER: economy.contracts.Ledger,
      AI1NET_OPERATOR_ID: String(economy.operatorId),
      AI1NET_SETTLER_KEY: keys.key("settler"),
      AI1NET_RECEIPT_KEY: keys.key("receipts"),
      AI1NET_ADMIN_TOKEN: keys.token("admin"),
      AI1NET_ALLOW_LOOPBACK: "true",
      AI1NET_SETTLE_MAX_AGE_MS: String(SETTLE_MAX_AGE_MS),
      AI1NET_DRAIN_MS: String(DRAIN_MS),
      ...options.env,
    },
  });
  for (const deadline = Date.now() + READY_MS; !(await isReady(port)); await sleep(100)) {
    if (child.isRunning() && Date.now() < deadline) continue;
    const what = child.isRunning()
      ? `is not ready after ${READY_MS / 1_000} s`
      : `ended with ${await child.exited}`;
    await child.stop(1_000);
    throw new Error(`the router ${what}; its last lines:\n${child.lastLines(15).join("\n")}`);
  }
  return child;
}

async function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** The demo payer's API key: the one that was made before, if the router still knows it. */
export async function demoApiKey(
  routerUrl: string,
  keys: DevKeys,
  accountId: number,
  known: string | undefined,
): Promise<string> {
  if (known !== undefined) {
    const { ok } = await fetch(`${routerUrl}/v1/key`, { headers: { authorization: `Bearer ${known}` } });
    if (ok) return known;
  }
  const response = await fetch(`${routerUrl}/v1/keys`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${keys.token("admin")}` },
    body: JSON.stringify({ accountId, name: "demo" }),
  });
  if (!response.ok)
    throw new Error(`the router makes no API key: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { key: string }).key;
}
