import assert from "node:assert/strict";
import { it } from "node:test";

import { survivesKills } from "../e2e/fixtures/killLoop.ts";

const KILLS = 100;
const SEED = Number(process.env["TEST_SEED"] ?? Date.now() % 2 ** 32);

it(
  `survives ${KILLS} kills at random instants under load, to the wei (TEST_SEED=${SEED})`,
  {
    timeout: 28 * 60_000,
  },
  async (t) => {
    const { rows, batches, report, whileStarting } = await survivesKills(KILLS, SEED);
    t.diagnostic(
      `${rows} rows in ${batches} batches; ${report.acknowledged.length} of ${report.requests} requests acknowledged, ` +
        `${report.broken} connections broke, ${report.left} left; ${whileStarting} kills while starting`,
    );
    assert.ok(rows > 10 * KILLS, "it was under load");
    assert.ok(whileStarting > 0);
  },
);
