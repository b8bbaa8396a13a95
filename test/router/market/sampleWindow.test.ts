import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SampleWindow } from "../../../router/market/sampleWindow.ts";
import { Uptime } from "../../../router/market/uptime.ts";

const MINUTE_MS = 60_000;

function start(lowIsGood: boolean) {
  const clock = { ms: 1_000_000 };
  const window = new SampleWindow(() => clock.ms, lowIsGood);
  const read = () => {
    clock.ms += 1_000;
    return window.percentiles();
  };
  return { clock, window, read };
}

describe("the percentiles of a listing", () => {
  it("are none without a sample", () => assert.equal(start(true).read(), undefined));

  it("are what that share of the requests did at least as well as", () => {
    const values = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) + 1);
    const latency = start(true);
    for (const value of values) latency.window.add(value);
    assert.deepEqual(latency.read(), { p50: 50, p75: 75, p90: 90, p99: 99 });
    const throughput = start(false);
    for (const value of values) throughput.window.add(value);
    assert.deepEqual(throughput.read(), { p50: 51, p75: 26, p90: 11, p99: 2 });
  });

  it("are all the same for one sample", () => {
    const { window, read } = start(true);
    window.add(7);
    assert.deepEqual(read(), { p50: 7, p75: 7, p90: 7, p99: 7 });
  });

  it("forget what is older than half an hour, and all but the last 512", () => {
    const { clock, window, read } = start(true);
    for (let i = 0; i < 600; i++) window.add(i < 300 ? 1_000 : 1);
    assert.equal(read()?.p99, 1_000);
    for (let i = 0; i < 400; i++) window.add(2);
    assert.equal(read()?.p99, 2, "the first ones are gone");
    clock.ms += 29 * MINUTE_MS;
    window.add(5);
    assert.equal(read()?.p50, 2);
    clock.ms += 2 * MINUTE_MS;
    assert.equal(read()?.p50, 5);
    clock.ms += 30 * MINUTE_MS;
    assert.equal(read(), undefined);
  });
});

describe("the uptime of a listing", () => {
  it("is the share of successes in the minutes asked for, a day at most", () => {
    const clock = { ms: 1_000 * MINUTE_MS };
    const uptime = new Uptime(() => clock.ms);
    assert.equal(uptime.share(5), undefined);
    uptime.add(true);
    uptime.add(false);
    assert.equal(uptime.share(1), 0.5);
    clock.ms += 10 * MINUTE_MS;
    assert.equal(uptime.share(5), undefined);
    uptime.add(true);
    assert.equal(uptime.share(5), 1);
    assert.equal(uptime.share(11), 2 / 3);
    clock.ms += 24 * 60 * MINUTE_MS - 10 * MINUTE_MS;
    assert.equal(uptime.share(10_000), 1, "the first minute is a day ago");
    clock.ms += 3 * 24 * 60 * MINUTE_MS;
    assert.equal(uptime.share(1_440), undefined, "days without anything leave nothing behind");
  });
});
