/**
 * Half an hour of traffic at ten requests a second, as fast as this machine serves it: faults of providers and RPC, callers
 * that leave, new prices, reorganizations, lost and stuck transactions. What the router keeps is bounded, and what
 * everybody says agrees to the wei.
 */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { assertAgreement } from "../e2e/fixtures/agreement.ts";
import { startLoad, type Payer } from "../e2e/fixtures/load.ts";
import { startRig, untilAllSettled, type Rig } from "../e2e/fixtures/rig.ts";
import { wordServer } from "../e2e/fixtures/wordServer.ts";
import { randomFrom } from "../fakes/random.ts";
import { BadRpc, causeChaos, moody } from "./chaos.ts";

const SEED = Number(process.env["TEST_SEED"] ?? Date.now() % 2 ** 32);
const REQUESTS = 30 * 60 * 10;
const LONGEST_MS = 5 * 60_000;
/** Below this the machine was too slow for the figures to mean anything. */
const LEAST_REQUESTS = 3_000;
/** When caches are warm and pools are full. */
const WARM_AT = 0.3;
const CALLERS = 24;
const MIB = 1024 * 1024;

/** What grows if something leaks. */
interface Footprint {
  readonly heapMib: number;
  readonly residentMib: number;
  readonly fds: number;
  readonly handles: number;
}

/** Of the router when nobody calls. */
async function footprint(rig: Rig): Promise<Footprint> {
  await untilAllSettled(rig);
  await sleep(6_000); // longer than connections are kept
  const figure = async (name: string): Promise<number> => (await rig.metric(name)) ?? Number.NaN;
  // The least of several: garbage comes and goes.
  let heapBytes = Infinity;
  for (let i = 0; i < 10; i++) {
    heapBytes = Math.min(heapBytes, await figure("nodejs_heap_size_used_bytes"));
    await sleep(100);
  }
  return {
    heapMib: heapBytes / MIB,
    residentMib: (await figure("process_resident_memory_bytes")) / MIB,
    fds: await figure("process_open_fds"),
    handles: await figure("nodejs_active_handles_total"),
  };
}

function summed(...maps: readonly ReadonlyMap<string, number>[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const map of maps) for (const [what, count] of map) sums[what] = (sums[what] ?? 0) + count;
  return sums;
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(path.join(directory, name)).size, 0);
}

it(
  `serves half an hour of mixed traffic in minutes, bounded and to the wei (TEST_SEED=${SEED})`,
  {
    timeout: 14 * 60_000,
  },
  async (t) => {
    const random = randomFrom(SEED);
    const rpc = new BadRpc(randomFrom(SEED + 1));
    const rig = await startRig({
      behave: moody(
        wordServer(() => 0),
        randomFrom(SEED + 2),
      ),
      intercept: rpc.intercept,
      tamper: rpc.tamper,
      env: {
        AI1NET_CONFIRMATIONS: "3",
        AI1NET_SETTLE_MAX_AGE_MS: "700",
        AI1NET_SETTLE_MAX_ROWS: "400",
        AI1NET_BUMP_AFTER_MS: "3000",
      },
    });
    try {
      // Two listings of one model: while one rests, the other serves.
      await rig.announce(rig.anvil.economy.providers[1]?.listingId ?? 0, 1);
      const payers: Payer[] = [];
      for (const maxAppFeePct of [1, 2, 3]) {
        const accountId = await rig.anvil.account(500n * 10n ** 18n, maxAppFeePct);
        payers.push({ accountId, key: await rig.key(accountId) });
      }
      // Reorganizations reach no further than this.
      await rig.anvil.call("anvil_mine", 5);

      const deadlineMs = Date.now() + LONGEST_MS;
      const traffic = async (requests: number): Promise<ReturnType<typeof startLoad>["report"]> => {
        const load = startLoad(rig, payers, CALLERS, random);
        const ending = new AbortController();
        const chaos = causeChaos(rig, rpc, random, ending.signal);
        while (load.report.requests < requests && Date.now() < deadlineMs) {
          assert.ok(rig.isRunning(), `the router ended:\n${rig.log().slice(-3_000)}`);
          await sleep(100);
        }
        const report = await load.stop();
        ending.abort();
        for (const [event, count] of await chaos) counts.set(event, (counts.get(event) ?? 0) + count);
        return report;
      };
      const counts = new Map<string, number>();
      const warm = await traffic(REQUESTS * WARM_AT);
      const before = await footprint(rig);
      const rest = await traffic(REQUESTS * (1 - WARM_AT));
      const after = await footprint(rig);

      const report = {
        ...rest,
        acknowledged: [...warm.acknowledged, ...rest.acknowledged],
        requests: warm.requests + rest.requests,
      };
      const journalBytes = bytesIn(path.join(rig.dataDir, "router", "journal"));
      const agreement = await assertAgreement(rig, payers, report);
      const perRow = Math.round(journalBytes / agreement.rows);
      t.diagnostic(
        JSON.stringify({
          requests: report.requests,
          acknowledged: report.acknowledged.length,
          broken: warm.broken + rest.broken,
          left: warm.left + rest.left,
          refused: summed(warm.refused, rest.refused),
          rows: agreement.rows,
          batches: agreement.batches,
          rpc: { calls: rpc.calls, faults: rpc.faults },
          events: Object.fromEntries(counts),
          before,
          after,
          journalBytesPerRow: perRow,
        }),
      );
      assert.ok(report.requests >= LEAST_REQUESTS, `${report.requests} requests are too few`);
      assert.ok(report.acknowledged.length > report.requests * 0.6, "most requests are served");
      assert.ok(after.heapMib - before.heapMib < 32, `heap: ${before.heapMib} -> ${after.heapMib} MiB`);
      assert.ok(
        after.residentMib - before.residentMib < 96,
        `resident: ${before.residentMib} -> ${after.residentMib} MiB`,
      );
      assert.ok(after.fds - before.fds < 16, `open files: ${before.fds} -> ${after.fds}`);
      assert.ok(after.handles - before.handles < 16, `handles: ${before.handles} -> ${after.handles}`);
      assert.ok(perRow < 2_048, `${perRow} bytes of journal per row`);
    } finally {
      await rig.close();
    }
  },
);
