import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { saveChain } from "./chain.ts";

interface Owner {
  readonly pid: number;
  readonly rpcUrl?: string;
  /** In the order in which they have to stop. */
  readonly children: readonly { readonly name: string; readonly pid: number; readonly marker: string }[];
}

/** The data directory belongs to this process. */
export interface Lock {
  /** Notes what has to be ended if this process can't do it any more. */
  note(owned: Omit<Owner, "pid">): void;
  release(): void;
}

/** Somebody else runs on this data directory. */
export class AlreadyRunning extends Error {
  override readonly name = "AlreadyRunning";
  readonly pid: number;

  constructor(pid: number) {
    super(`already running on this data directory, as process ${pid}`);
    this.pid = pid;
  }
}

const LEFTOVER_MS = 20_000;

/** The command line of a process; empty when there is none. Process ids are given again, so a number says too little. */
function commandOf(pid: number): string {
  try {
    process.kill(pid, 0);
  } catch {
    return "";
  }
  const { stdout, error } = spawnSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], {
    encoding: "utf8",
  });
  if (!error) return stdout.trim();
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

const isAlive = (pid: number, marker: string): boolean => commandOf(pid).includes(marker);

async function endLeftovers(owner: Owner, dataDir: string, say: (line: string) => void): Promise<void> {
  for (const { name, pid, marker } of owner.children) {
    if (!isAlive(pid, marker)) continue;
    say(`ending the ${name} (process ${pid}) of a run that was killed`);
    if (name === "chain" && owner.rpcUrl !== undefined)
      await saveChain(owner.rpcUrl, path.join(dataDir, "chain.json")).catch(() => undefined);
    process.kill(pid, "SIGTERM");
    for (let waitedMs = 0; isAlive(pid, marker); waitedMs += 200) {
      if (waitedMs > LEFTOVER_MS) process.kill(pid, "SIGKILL");
      await sleep(200);
    }
  }
}

/**
 * Takes a data directory for this process, and ends what a killed one left running on it.
 * @throws {AlreadyRunning}
 */
export async function lockDataDir(dataDir: string, say: (line: string) => void): Promise<Lock> {
  const file = path.join(dataDir, "run.lock");
  let owned: Owner = { pid: process.pid, children: [] };
  for (let isOurs = false; !isOurs;) {
    try {
      writeFileSync(file, JSON.stringify(owned), { flag: "wx", mode: 0o600 });
      isOurs = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      let owner: Owner | undefined;
      try {
        owner = JSON.parse(readFileSync(file, "utf8")) as Owner;
      } catch {
        // Killed while it wrote; there can't be more to know.
      }
      if (owner && owner.pid !== process.pid && isAlive(owner.pid, "start.ts"))
        throw new AlreadyRunning(owner.pid);
      if (owner) await endLeftovers(owner, dataDir, say);
      rmSync(file, { force: true });
    }
  }
  return {
    note(what) {
      owned = { pid: process.pid, ...what };
      writeFileSync(`${file}.new`, JSON.stringify(owned), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    release: () => rmSync(file, { force: true }),
  };
}
