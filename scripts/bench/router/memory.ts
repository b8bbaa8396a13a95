import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchRouter } from "./network.ts";
import { CONNECTIONS, wholeJob, type RunLoad } from "./rounds.ts";

export interface MemorySample {
  /** Since the warm-up. */
  readonly requests: number;
  /** Resident: all that the process has. */
  readonly rssMb: number;
  /** Of it, JavaScript's objects, garbage that is not collected yet included. */
  readonly heapMb: number;
}

const MB = 1024 * 1024;
/** A process at rest gives memory back after a while. */
const SETTLE_MS = 3_000;

function rssMb(pid: number): number {
  const { stdout } = spawnSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" });
  return (Number(stdout.trim()) * 1024) / MB;
}

/** How the router's memory grows: a sample after the warm-up, and one after each tenth of `requests`, at rest. */
export async function runMemory(
  router: BenchRouter,
  load: RunLoad,
  warmUp: number,
  requests: number,
  progress: (line: string) => void,
): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  const sample = async (served: number): Promise<void> => {
    await router.rest();
    await sleep(SETTLE_MS);
    const heapMb = (await router.metric("nodejs_heap_size_used_bytes")) / MB;
    samples.push({ requests: served, rssMb: rssMb(router.pid), heapMb });
    const { rssMb: rss } = samples.at(-1) as MemorySample;
    progress(`memory after ${served} requests: ${Math.round(rss)} MB, of it ${Math.round(heapMb)} MB heap`);
  };
  const job = wholeJob(router, CONNECTIONS);
  await load({ ...job, requests: warmUp });
  await sample(0);
  const step = Math.ceil(requests / 10);
  for (let served = step; served <= requests; served += step) {
    await load({ ...job, requests: step });
    await sample(served);
  }
  return samples;
}
