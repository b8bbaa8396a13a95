import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { mapAhead } from "../../../scripts/audit/mapAhead.ts";

describe("mapAhead", () => {
  it("keeps the order, and no more than asked for under way", async () => {
    const items = Array.from({ length: 30 }, (_, i) => i);
    let running = 0;
    let most = 0;
    const results = await Array.fromAsync(
      mapAhead(items, 4, async (item) => {
        most = Math.max(most, ++running);
        await sleep((item * 7) % 5);
        running--;
        return item * 2;
      }),
    );
    assert.deepEqual(
      results,
      items.map((item) => item * 2),
    );
    assert.ok(most > 1 && most <= 5, `${most} at once`);
  });

  it("fails with the first failure in order", async () => {
    const failing = mapAhead([1, 2, 3], 4, async (item) => {
      await sleep(5 - item);
      if (item > 1) throw new Error(`item ${item}`);
      return item;
    });
    await assert.rejects(Array.fromAsync(failing), /item 2/);
  });

  it("may be left early", async () => {
    for await (const item of mapAhead([1, 2, 3], 4, async (each) => each)) {
      assert.equal(item, 1);
      break;
    }
  });
});
