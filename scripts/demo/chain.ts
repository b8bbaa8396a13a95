import { existsSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { startChild, type Child, type ChildOptions } from "./child.ts";

export const DEV_CHAIN_ID = 31_337;
const START_MS = 20_000;
const STOP_MS = 10_000;
const SAVE_EVERY_MS = 3_000;
/** Saving stays a small part of the time, however big the chain has grown. */
const SAVING_SHARE = 20;
/** States of so many recent blocks stay readable; anvil would keep all of them, half a megabyte each. */
const RECENT_STATES = 256;

/** A chain on this machine whose blocks, transactions, receipts and events outlive it. */
export interface LocalChain {
  readonly rpcUrl: string;
  readonly child: Child;
  call(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Stores it all. */
  save(): Promise<void>;
  /** Stores it all and ends it. */
  stop(): Promise<void>;
}

/** The program of the local chain. */
export function anvilBinary(): string {
  const platform = { linux: "linux", darwin: "darwin", win32: "win32" }[process.platform as string];
  const arch = { x64: "amd64", arm64: "arm64" }[process.arch as string];
  const name = `@foundry-rs/anvil-${platform}-${arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve("@foundry-rs/anvil/package.json"));
    const folder = path.dirname(require.resolve(`${name}/package.json`));
    return path.join(folder, "bin", process.platform === "win32" ? "anvil.exe" : "anvil");
  } catch (cause) {
    throw new Error(`there is no local chain for this machine: ${name} is not installed`, { cause });
  }
}

/** One JSON-RPC call. */
async function rpcCall(rpcUrl: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message: string } };
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

/**
 * Writes the whole chain at `rpcUrl` to `file`, which at every moment is a whole chain: anvil itself would write in
 * place.
 */
export async function saveChain(rpcUrl: string, file: string): Promise<void> {
  const dump = (await rpcCall(rpcUrl, "anvil_dumpState", [])) as string;
  const state = await promisify(gunzip)(Buffer.from(dump.slice(2), "hex"));
  const handle = await open(`${file}.new`, "w", 0o600);
  try {
    await handle.writeFile(state);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${file}.new`, file);
}

/** Starts the chain of a data directory, where it was left, or from its genesis. A block a second: its clock is ours. */
export async function startChain(
  dataDir: string,
  port: number,
  track: ChildOptions["track"],
): Promise<LocalChain> {
  const file = path.join(dataDir, "chain.json");
  const rpcUrl = `http://127.0.0.1:${port}`;
  const args = [
    `--host 127.0.0.1 --port ${port} --chain-id ${DEV_CHAIN_ID} --block-time 1`,
    "--hardfork osaka --enable-tx-gas-limit --gas-limit 60000000 --accounts 1 --balance 0",
    `--prune-history ${RECENT_STATES} --quiet`,
  ].flatMap((line) => line.split(" "));
  args.push("--cache-path", path.join(dataDir, "chain-cache"));
  if (existsSync(file)) args.push("--load-state", file);
  const child = await startChild({
    name: "chain",
    command: anvilBinary(),
    args,
    logFile: path.join(dataDir, "logs", "chain.log"),
    track,
  });
  const call = (method: string, params: readonly unknown[]): Promise<unknown> =>
    rpcCall(rpcUrl, method, params);

  let saving: Promise<void> = Promise.resolve();
  const save = (): Promise<void> => {
    saving = saving.catch(() => undefined).then(() => saveChain(rpcUrl, file));
    return saving;
  };
  const blockNumber = async (): Promise<number> => Number(await call("eth_blockNumber", []));

  const deadline = Date.now() + START_MS;
  for (let isUp = false; !isUp;) {
    isUp = await blockNumber().then(
      () => true,
      () => false,
    );
    if (!isUp && (!child.isRunning() || Date.now() > deadline))
      throw new Error(`the chain did not start:\n${child.lastLines(10).join("\n")}`);
    if (!isUp) await sleep(50);
  }

  // Blocks without events change nothing that is worth a save.
  let savedBlock = await blockNumber();
  const stopping = new AbortController();
  const saveOften = async (): Promise<void> => {
    while (!stopping.signal.aborted && child.isRunning()) {
      const startedAt = Date.now();
      const head = await blockNumber();
      const range = { fromBlock: `0x${(savedBlock + 1).toString(16)}`, toBlock: `0x${head.toString(16)}` };
      if (head > savedBlock && ((await call("eth_getLogs", [range])) as unknown[]).length > 0) {
        await save();
        savedBlock = head;
      }
      await sleep(Math.max(SAVE_EVERY_MS, (Date.now() - startedAt) * SAVING_SHARE), undefined, {
        ref: false,
      });
    }
  };
  saveOften().catch((error: unknown) => {
    if (child.isRunning() && !stopping.signal.aborted)
      console.error(`the chain's state can't be saved: ${String(error)}`);
  });

  return {
    rpcUrl,
    child,
    call,
    save,
    async stop() {
      stopping.abort();
      if (!child.isRunning()) return;
      try {
        await save();
      } finally {
        await child.stop(STOP_MS);
      }
    },
  };
}
