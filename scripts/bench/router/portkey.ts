/** The gateway that the router is compared with: npm's `@portkey-ai/gateway`, installed on demand and run on loopback. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "../../demo/freePort.ts";
import type { Processes } from "./processes.ts";

const SOURCE = fileURLToPath(new URL("portkey/", import.meta.url));
const START_MS = 30_000;
const FIRST_PORT = 18_787;

/** Installs it by its lockfile into `directory`, without running any script of it; does nothing when it is there. */
function install(directory: string): void {
  const stamp = path.join(directory, "installed-lockfile.json");
  const lockfile = readFileSync(path.join(SOURCE, "package-lock.json"), "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockfile) return;
  mkdirSync(directory, { recursive: true });
  for (const file of ["package.json", "package-lock.json"])
    copyFileSync(path.join(SOURCE, file), path.join(directory, file));
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  const { status, stderr } = spawnSync("npm", args, { cwd: directory, encoding: "utf8" });
  if (status !== 0) throw new Error(`@portkey-ai/gateway can't be installed in ${directory}:\n${stderr}`);
  writeFileSync(stamp, lockfile);
}

/** Starts it; resolves with its port and the headers that send a request to the bench's upstream. */
export async function startPortkey(
  processes: Processes,
  directory: string,
  upstreamPort: number,
): Promise<{ readonly port: number; readonly headers: Readonly<Record<string, string>> }> {
  install(directory);
  const port = await freePort(FIRST_PORT);
  const program = path.join(directory, "node_modules/@portkey-ai/gateway/build/start-server.js");
  const preload = path.join(SOURCE, "listenOnLoopback.mjs");
  const args = ["--import", preload, program, `--port=${port}`, "--headless"];
  const child = await processes.node("portkey", "measured", args, { NODE_ENV: "production" });
  for (const deadline = Date.now() + START_MS; ; await sleep(100)) {
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (isUp) break;
    if (!child.isRunning() || Date.now() > deadline)
      throw new Error(`Portkey's gateway did not start:\n${child.lastLines(10).join("\n")}`);
  }
  const headers = {
    authorization: "Bearer sk-bench",
    "x-portkey-provider": "openai",
    "x-portkey-custom-host": `http://127.0.0.1:${upstreamPort}/v1`,
  };
  return { port, headers };
}
