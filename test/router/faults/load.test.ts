/** A provider with a limit of its own, which nobody was told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { json, type Behaviour } from "../../fakes/provider.ts";
import { answer } from "../../fakes/upstream.ts";
import { setStage, SPARE_WEI } from "./stage.ts";

const LIMIT = 5;
const CALLERS = 15;
const REQUESTS_EACH = 20;
const OWN_WEI = 12n * 10n + 3n * 30n + 7n;

describe("a provider's limit", () => {
  it("is learned from its 429s: everybody is served, and it is hardly asked for more than it can do", async (t) => {
    let inFlight = 0;
    const turnedAway: boolean[] = [];
    const limited: Behaviour = async (res) => {
      turnedAway.push(inFlight >= LIMIT);
      if (inFlight >= LIMIT) return json(res, 429, { error: { message: "slow down" } });
      inFlight++;
      await setTimeout(15);
      inFlight--;
      return json(res, 200, answer("Hello", 12, 3));
    };
    const stage = await setStage(t, limited, { spare: true });
    const served: bigint[] = [];
    await Promise.all(
      Array.from({ length: CALLERS }, async () => {
        for (let i = 0; i < REQUESTS_EACH; i++) {
          const seen = await stage.ask({ provider: { order: ["1"] } });
          assert.equal(seen.status, 200);
          served.push(seen.costWei ?? 0n);
        }
      }),
    );
    const total = served.reduce((sum, costWei) => sum + costWei, 0n);
    assert.equal(await stage.charged(), total);
    assert.ok(served.every((costWei) => costWei === OWN_WEI || costWei === SPARE_WEI));
    const rows = await stage.rows();
    assert.ok(
      rows.every(({ receipt }) => receipt.timing > 0),
      "a 429 is no failure",
    );
    assert.equal(stage.world.market.health(1).breaker, "closed");
    // The cap ends near the limit, and stays used.
    const { inFlightCap } = stage.world.market.health(1);
    assert.ok(inFlightCap >= LIMIT * 0.8 && inFlightCap <= LIMIT * 1.5, String(inFlightCap));
    const late = turnedAway.slice(-100);
    const share = late.filter(Boolean).length / late.length;
    assert.ok(share < 0.15, `${share} of the later requests were turned away`);
    const own = served.filter((costWei) => costWei === OWN_WEI).length;
    assert.ok(own > (CALLERS * REQUESTS_EACH) / 5, `${own} were served by the cheaper one`);
  });
});
