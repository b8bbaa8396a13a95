/**
 * The router against a bare `node:http` pipe and npm's `@portkey-ai/gateway`, on this machine:
 *
 *     npm run bench:router                a table; exit code 1 when a target is missed
 *     npm run bench:router -- --json      the same as JSON
 *     npm run bench:router -- --quick     fewer and shorter rounds: for a first look
 *     npm run bench:router -- --profile   CPU profiles of the router in `data/bench/profiles`
 *
 * Authentication, hold, signed receipt, durable journal and settlement are on all the while. See README.md.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { figure, targetText, type Figure } from "./router/figures.ts";
import { runMemory } from "./router/memory.ts";
import { startNetwork } from "./router/network.ts";
import { canPin } from "./router/pinning.ts";
import { startPortkey } from "./router/portkey.ts";
import { Processes } from "./router/processes.ts";
import { runRounds, type Durations } from "./router/rounds.ts";

const FULL = {
  durations: { rounds: 7, throughputMs: 4_000, latencyMs: 3_000, streamMs: 3_000 } satisfies Durations,
  warmUp: 50_000,
  requests: 200_000,
};
const QUICK = {
  durations: { rounds: 3, throughputMs: 2_000, latencyMs: 1_500, streamMs: 1_500 } satisfies Durations,
  warmUp: 20_000,
  requests: 20_000,
};

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});
const progress = (line: string): void => console.error(line);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** Where a router's data is: the system's temporary directory may be memory, whose syncs cost nothing. */
const BENCH_DIR = path.resolve("data/bench");

async function measure() {
  const { durations, warmUp, requests } = options.quick ? QUICK : FULL;
  mkdirSync(BENCH_DIR, { recursive: true });
  const directory = mkdtempSync(path.join(BENCH_DIR, "run-"));
  const processes = new Processes(directory);
  try {
    const upstreamPort = await processes.server("upstream.ts", "around");
    const load = await processes.load();
    const profiling = `--cpu-prof --cpu-prof-dir=${path.join(BENCH_DIR, "profiles")}`;
    const env = options.profile ? { NODE_OPTIONS: profiling } : {};
    const router = await startNetwork(processes, directory, upstreamPort, env);
    const subjects = {
      direct: { port: upstreamPort, headers: {} },
      bare: { port: await processes.server("barePipe.ts", "measured", String(upstreamPort)), headers: {} },
      portkey: await startPortkey(processes, path.join(BENCH_DIR, "portkey"), upstreamPort),
      router: { port: router.port, headers: router.headers },
    };
    const memory = await runMemory(router, load.run, warmUp, requests, progress);
    const rounds = await runRounds(subjects, load.run, durations, progress);
    await router.rest();
    const served = load.answeredBy(router.port);
    const receipts = await router.receipts(served);
    if (receipts !== served)
      throw new Error(`${served} requests were served, and ${receipts} receipts signed`);
    return { memory, rounds, receipts };
  } finally {
    await processes.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const { memory, rounds, receipts } = await measure();
const round = (value: number): number => Number(value.toPrecision(4));
const firstMb = memory[0]?.rssMb ?? Number.NaN;
const figures: Readonly<Record<string, Figure>> = {
  vsPortkey: figure(
    rounds.map(({ router, portkey }) => ({
      router: round(router.requestsPerSec),
      portkey: round(portkey.requestsPerSec),
    })),
    ({ router, portkey }) => round(router / portkey),
    { atLeast: 3 },
  ),
  vsBare: figure(
    rounds.map(({ router, bare }) => ({
      router: round(router.requestsPerSec),
      bare: round(bare.requestsPerSec),
    })),
    ({ router, bare }) => round(router / bare),
    { atLeast: 0.5 },
  ),
  addedP50Ms: figure(
    rounds.map(({ router, bare, direct, portkey }) => ({
      router: round(router.p50Ms),
      bare: round(bare.p50Ms),
      direct: round(direct.p50Ms),
      portkey: round(portkey.p50Ms),
    })),
    ({ router, bare }) => round(router - bare),
    { atMost: 0.5 },
  ),
  addedTtfbP50Ms: figure(
    rounds.map(({ router, bare, direct, portkey }) => ({
      router: round(router.ttfbP50Ms),
      bare: round(bare.ttfbP50Ms),
      direct: round(direct.ttfbP50Ms),
      portkey: round(portkey.ttfbP50Ms),
    })),
    ({ router, bare }) => round(router - bare),
    { atMost: 1 },
  ),
  memoryGrowthMb: {
    ...figure(memory.slice(-1), ({ rssMb }) => round(rssMb - firstMb), { atMost: 30 }),
    rounds: memory,
  },
};

if (options.json) {
  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    node: process.version,
    pinned: canPin,
    quick: options.quick,
  };
  console.log(JSON.stringify({ machine, ...figures, receiptsSigned: receipts, all: rounds }, null, 2));
} else {
  console.table(
    Object.fromEntries(
      Object.entries(figures).map(([name, each]) => [
        name,
        {
          median: each.median,
          from: each.min,
          to: each.max,
          target: targetText(each),
          met: each.isMet ? "yes" : "NO",
        },
      ]),
    ),
  );
  console.log(`${receipts} requests served, ${receipts} receipts signed and settled`);
}
for (const [name, each] of Object.entries(figures).filter(([, { isMet }]) => !isMet)) {
  console.error(`${name} is ${each.median}, the target ${targetText(each)}`);
  process.exitCode = 1;
}
