import assert from "node:assert/strict";
import { it } from "node:test";

import { survivesKills } from "./fixtures/killLoop.ts";

const KILLS = 4;
const SEED = Number(process.env["TEST_SEED"] ?? Date.now() % 2 ** 32);

it(
  `survives ${KILLS} kills at random instants under load, to the wei (TEST_SEED=${SEED})`,
  {
    timeout: 120_000,
  },
  async (t) => {
    const { rows, batches, report } = await survivesKills(KILLS, SEED);
    t.diagnostic(
      `${rows} rows in ${batches} batches; ${report.broken} connections broke, ${report.left} left`,
    );
    assert.ok(batches > 1);
    assert.ok(report.broken > 0, "kills were felt");
  },
);
