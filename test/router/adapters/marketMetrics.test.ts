import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Registry } from "prom-client";
import { marketMetrics } from "../../../router/adapters/marketMetrics.ts";
import { fakeWorld, MODEL } from "../../fakes/world.ts";

describe("the figures of the market", () => {
  it("show how each listing is doing", async () => {
    const { market } = fakeWorld();
    const registry = new Registry();
    marketMetrics(registry, market);
    market.begin(1)?.end({ kind: "fault", fault: "credentials", retryAfterMs: undefined });
    market.begin(2);
    market.begin(2)?.end({ kind: "fault", fault: "rate_limited", retryAfterMs: undefined });
    market.compared(2, "output", 30, 20);
    const text = await registry.metrics();
    const figure = (name: string, listing: number): string | undefined =>
      new RegExp(`^ai1net_listing_${name}\\{listing="${listing}",model="${MODEL}"\\} (\\S+)$`, "m").exec(
        text,
      )?.[1];
    assert.deepEqual([figure("out", 1), figure("out", 2)], ["1", "0"]);
    assert.deepEqual([figure("in_flight", 1), figure("in_flight", 2)], ["0", "1"]);
    assert.deepEqual([figure("in_flight_cap", 1), figure("in_flight_cap", 2)], [undefined, "1.8"]);
    assert.deepEqual([figure("success_ratio", 1), figure("success_ratio", 2)], ["0", undefined]);
    assert.deepEqual([figure("usage_ratio", 1), figure("usage_ratio", 2)], [undefined, "1.5"]);
  });
});
