import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { promisify } from "node:util";

import { outcomeOf } from "../../../scripts/sim/attacks.ts";
import { pictureOf } from "../../../scripts/sim/picture.ts";
import { playYear, type Attack } from "../../../scripts/sim/play.ts";
import { worldOf } from "../../../scripts/sim/world.ts";

const MAIN = "scripts/sim/main.ts";
const SHOWN_SEED = 18;
const run = promisify(execFile);

interface Line {
  seed: number;
  selfDealingProfit: string;
  sybilProfit: string;
}

const ATTACK: Attack = {
  amountBps: 1_000n,
  everywhere: true,
  instant: true,
  reviews: true,
  freeRows: 0n,
};

describe("the economy", () => {
  it("lets nobody gain by buying from itself, in any of 20 seeds", async () => {
    const { stdout } = await run(process.execPath, [MAIN, "--json"], { timeout: 240_000 });
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
    assert.deepEqual(
      lines.map(({ seed }) => seed),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    for (const { seed, selfDealingProfit, sybilProfit } of lines) {
      assert.ok(BigInt(selfDealingProfit) < 0n, `seed ${seed}: self-dealing gains ${selfDealingProfit} wei`);
      assert.ok(BigInt(sybilProfit) < 0n, `seed ${seed}: made-up reviews gain ${sybilProfit} wei`);
    }
  });

  it("pays better providers more", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = worldOf(seed);
      const [good = 0n, average = 0n, slow = 0n, failing = 0n] = world.providers.map(
        (provider) => playYear(world, provider, null).multiplier,
      );
      assert.ok(good > average, `seed ${seed}: good ${good}, average ${average}`);
      // A model may be so slow that timing has no room for a slower one.
      assert.ok(
        average > slow || world.typical.timing > 200n,
        `seed ${seed}: average ${average}, slow ${slow}`,
      );
      assert.ok(slow > failing, `seed ${seed}: slow ${slow}, failing ${failing}`);
    }
  });

  it("lets what is bought raise the reward, so that there is something to be gained", () => {
    const world = worldOf(SHOWN_SEED);
    for (const provider of world.providers) {
      const honest = playYear(world, provider, null);
      const { year, profit } = outcomeOf(world, provider, honest, ATTACK);
      assert.ok(year.reward > honest.reward);
      assert.ok(year.paid > 0n && profit < 0n && -profit < year.paid, `${provider.kind}: ${profit}`);
    }
  });

  it("pays nothing for rows that cost nothing", () => {
    const world = worldOf(SHOWN_SEED);
    for (const provider of world.providers) {
      const without = playYear(world, provider, ATTACK);
      const free = playYear(world, provider, { ...ATTACK, freeRows: 1_000_000n });
      assert.equal(free.reward, without.reward);
    }
  });

  it("is drawn as it is committed", () => {
    const committed = readFileSync("scripts/sim/rewards.svg", "utf8");
    assert.equal(pictureOf(worldOf(SHOWN_SEED)), committed);
  });

  it("refuses a number of seeds that is none", async () => {
    await assert.rejects(
      run(process.execPath, [MAIN, "--seeds", "many"]),
      /takes a whole number from 1 to 10000/,
    );
  });
});
