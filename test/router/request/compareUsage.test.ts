/** A provider's word about usage, against the router's own count. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Demand } from "../../../router/request/demand.ts";
import { serve } from "../../../router/request/serve.ts";
import { sampleCall, sampleDemand } from "../../fakes/demand.ts";
import { randomFrom } from "../../fakes/random.ts";
import { FakeReply } from "../../fakes/reply.ts";
import { answer, delta, finish, role, usage, type Script } from "../../fakes/upstream.ts";
import {
  fakeWorld,
  MODEL,
  sampleEndpoint,
  sampleMarket,
  sampleOffer,
  type FakeWorld,
} from "../../fakes/world.ts";

/** 40 tokens. */
const TEXT = "one two three four ".repeat(10).trim();

async function ask(
  world: FakeWorld,
  script: Script,
  stream = false,
  demand: Partial<Demand> = {},
): Promise<void> {
  world.upstream.script(1, script);
  await serve(world, sampleCall(sampleDemand({ stream, ...demand })), new FakeReply());
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

const compared = (world: FakeWorld) => world.metrics.seen.filter(([name]) => name === "compared");

describe("a provider's usage", () => {
  it("is compared with what was generated, streamed or whole, and within tolerance is fine", async () => {
    for (const stream of [false, true]) {
      const world = fakeWorld();
      const chunks = [role, delta(TEXT), finish(), usage(12, 44)];
      await ask(world, { answer: answer(TEXT, 12, 44), chunks }, stream);
      assert.deepEqual(compared(world), [["compared", 1, "output", 44, 40, false]]);
      assert.equal(world.market.health(1).usageRatio, 1.1);
    }
  });

  it("is a drift when it is far more, or far less", async () => {
    for (const reported of [80, 20]) {
      const world = fakeWorld();
      await ask(world, { answer: answer(TEXT, 12, reported) });
      assert.deepEqual(compared(world), [["compared", 1, "output", reported, 40, true]]);
      assert.equal(world.market.health(1).usageRatio, reported / 40);
    }
  });

  it("stays what is billed, up to the hold", async () => {
    const world = fakeWorld();
    await ask(world, { answer: answer(TEXT, 12, 80) });
    assert.equal(world.journal.outcomes[0]?.receipts[0]?.receipt.outputUnits, 80);
  });

  it("is not compared where there is none, or too little to tell", async () => {
    const world = fakeWorld();
    await ask(world, { answer: answer(TEXT) });
    await ask(world, { answer: answer("Hi!", 12, 5) });
    assert.deepEqual(compared(world), []);
    assert.equal(world.market.health(1).usageRatio, undefined);
  });

  it("is compared when it claims much for next to nothing", async () => {
    const world = fakeWorld();
    await ask(world, { answer: answer("Hi", 12, 90) });
    assert.deepEqual(compared(world), [["compared", 1, "output", 90, 1, true]]);
  });

  it("is judged by its beginning when an answer is long", async () => {
    const world = fakeWorld();
    world.market.setEndpoint(sampleEndpoint({ maxOutputUnits: 7_000, issuedAtSec: 2 }));
    await ask(world, { answer: answer(" one".repeat(10_000), 12, 6_000) });
    const [[, , , , counted, isDrift] = []] = compared(world);
    assert.ok(Math.abs(Number(counted) - 10_000) < 50, String(counted));
    assert.equal(isDrift, true);
  });

  it("is compared for the prompt, too: templates may add a little, not much", async () => {
    const content = TEXT.repeat(5);
    const demand = { body: { model: MODEL, messages: [{ role: "user", content }] } };
    for (const [reported, isDrift] of [
      [230, false],
      [900, true],
    ] as const) {
      const world = fakeWorld();
      await ask(world, { answer: answer("Hi!", reported, 2) }, false, demand);
      const [[, , side, units, counted, drift] = [], ...others] = compared(world);
      assert.deepEqual([side, units, drift, others], ["input", reported, isDrift, []]);
      assert.ok(Math.abs(Number(counted) - 204) < 8, String(counted));
      assert.equal(world.market.health(1).inputRatio, reported / Number(counted));
    }
  });

  it("is compared when it claims a long prompt for a short one, and not when both are short", async () => {
    const world = fakeWorld();
    await ask(world, { answer: answer("Hi!", 400, 2) });
    await ask(world, { answer: answer("Hi!", 40, 2) });
    assert.deepEqual(compared(world), [["compared", 1, "input", 400, 7, true]]);
    assert.equal(world.market.health(1).inputRatio, 10, "one absurd count is not everything");
  });

  it("is looked at each time at first, then now and then, and nobody knows when", async () => {
    const draws = randomFrom(3);
    const world = fakeWorld({ balanceWei: 10n ** 9n, random: () => draws() });
    world.market.refresh(sampleMarket([sampleOffer()]));
    for (let i = 0; i < 16; i++) await ask(world, { answer: answer(TEXT, 12, 40) });
    assert.equal(compared(world).length, 16);
    for (let i = 0; i < 320; i++) await ask(world, { answer: answer(TEXT, 12, 40) });
    const later = compared(world).length - 16;
    assert.ok(later > 8 && later < 35, String(later));
  });
});
