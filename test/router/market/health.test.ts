import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Health } from "../../../router/market/health.ts";
import type { TryResult, UpstreamFault } from "../../../router/ports.ts";

function start() {
  const clock = { ms: 1_000_000 };
  const health = new Health(() => clock.ms);
  const attempt = (result: TryResult): void => {
    const ongoing = health.begin();
    assert.ok(ongoing, "no place");
    ongoing.end(result);
  };
  const fail = (fault: UpstreamFault = "server"): void =>
    attempt({ kind: "fault", fault, retryAfterMs: undefined });
  const serve = (): void => attempt({ kind: "served", outputUnits: 10 });
  return { clock, health, attempt, fail, serve };
}

describe("a listing's health", () => {
  it("is unknown, then up, then down while its breaker pauses", () => {
    const { health, serve, fail } = start();
    assert.equal(health.state, "unknown");
    serve();
    assert.equal(health.state, "up");
    for (let i = 0; i < 3; i++) fail();
    assert.equal(health.state, "down");
    assert.equal(health.breaker, "open");
    assert.equal(health.begin(), undefined);
  });

  it("is up, and forgiven, once a new endpoint has answered a probe", () => {
    const { health, fail } = start();
    health.answered();
    assert.equal(health.state, "up");
    for (let i = 0; i < 3; i++) fail();
    assert.equal(health.state, "down");
    health.answered();
    assert.equal(health.state, "up");
    assert.ok(health.begin(), "no place");
  });

  it("forgives faults between successes", () => {
    const { health, serve, fail } = start();
    for (let i = 0; i < 10; i++) {
      fail();
      fail();
      serve();
    }
    assert.equal(health.breaker, "closed");
  });

  it("lets one request try after the pause: success closes it, a fault doubles the pause", () => {
    const { clock, health, fail, serve } = start();
    for (let i = 0; i < 3; i++) fail();
    clock.ms += 10_000;
    assert.equal(health.breaker, "half_open");
    const probe = health.begin();
    assert.ok(probe);
    assert.equal(health.begin(), undefined, "one at a time");
    probe.end({ kind: "fault", fault: "timeout", retryAfterMs: undefined });
    clock.ms += 19_999;
    assert.equal(health.breaker, "open");
    clock.ms += 1;
    serve();
    assert.equal(health.breaker, "closed");
  });

  it("gives the place of a probe back when the caller leaves", () => {
    const { clock, health, fail, attempt } = start();
    for (let i = 0; i < 3; i++) fail();
    clock.ms += 10_000;
    attempt({ kind: "cancelled" });
    assert.equal(health.breaker, "half_open");
  });

  it("pauses at once for credentials, which don't heal by themselves", () => {
    const { health, fail } = start();
    fail("credentials");
    assert.equal(health.breaker, "open");
  });

  it("takes a 429 for load, not for an outage: the cap shrinks, and grows again", () => {
    const { health, serve } = start();
    const inFlight = Array.from({ length: 20 }, () => health.begin());
    inFlight[0]?.end({ kind: "fault", fault: "rate_limited", retryAfterMs: undefined });
    assert.equal(health.breaker, "closed");
    assert.equal(health.inFlightCap, 18);
    assert.equal(health.begin(), undefined, "19 are in flight");
    for (const ongoing of inFlight) ongoing?.end({ kind: "cancelled" });
    assert.equal(health.inFlight, 0, "ending twice counts once");
    for (let i = 0; i < 100; i++) serve();
    assert.ok(health.inFlightCap > 21 && health.inFlightCap < 23);
  });

  it("is left alone for as long as a 429 asks, where that is long; short ones are for the cap", () => {
    const { clock, health, attempt } = start();
    attempt({ kind: "fault", fault: "rate_limited", retryAfterMs: 30_000 });
    assert.deepEqual([health.inFlightCap, health.breaker, health.state], [0, "closed", "unknown"]);
    assert.equal(health.begin(), undefined);
    clock.ms += 29_999;
    assert.equal(health.begin(), undefined);
    clock.ms += 1;
    const ongoing = health.begin();
    assert.ok(ongoing);
    ongoing.end({ kind: "fault", fault: "rate_limited", retryAfterMs: 4_000 });
    assert.ok(health.begin(), "that was short");
    const other = start();
    other.attempt({ kind: "fault", fault: "rate_limited", retryAfterMs: 3_600_000 });
    other.clock.ms += 60_000;
    assert.ok(other.health.begin(), "nobody is left alone for an hour on its own word");
  });

  it("averages time to first content, speed and length", () => {
    const { clock, health } = start();
    const ongoing = health.begin();
    clock.ms += 200;
    ongoing?.firstContent();
    clock.ms += 500;
    ongoing?.end({ kind: "served", outputUnits: 50 });
    assert.deepEqual([health.firstContentMs, health.msPerOutputUnit, health.outputUnits], [200, 10, 50]);
    const next = health.begin();
    clock.ms += 300;
    next?.firstContent();
    next?.end({ kind: "served", outputUnits: undefined });
    assert.deepEqual([health.firstContentMs, health.msPerOutputUnit, health.outputUnits], [210, 10, 50]);
  });
});

describe("what a listing's health remembers", () => {
  it("fades: by half in ten minutes", () => {
    const { clock, health, serve, fail } = start();
    for (let i = 0; i < 8; i++) serve();
    for (let i = 0; i < 2; i++) fail();
    assert.deepEqual([health.recentTries, health.recentFailures], [10, 2]);
    clock.ms += 600_000;
    assert.deepEqual([health.recentTries, health.recentFailures], [5, 1]);
    serve();
    assert.deepEqual([health.recentTries, health.recentFailures], [6, 1]);
  });

  it("has percentiles of both figures, their spread and an uptime", () => {
    const { clock, health } = start();
    for (const waitMs of [100, 200, 300, 400]) {
      const ongoing = health.begin();
      clock.ms += waitMs;
      ongoing?.firstContent();
      clock.ms += 1_000;
      ongoing?.end({ kind: "served", outputUnits: 100 - waitMs / 10 });
    }
    clock.ms += 1_000;
    assert.deepEqual(health.latencyMs, { p50: 200, p75: 300, p90: 400, p99: 400 });
    assert.deepEqual(health.throughput, { p50: 80, p75: 70, p90: 60, p99: 60 });
    assert.ok((health.firstContentSpreadMs ?? 0) > 0);
    assert.equal(health.uptime(5), 1);
  });

  it("averages how a provider's counts compare", () => {
    const { health } = start();
    health.compared("output", 100, 100);
    assert.equal(health.usageRatio, 1);
    health.compared("output", 200, 100);
    assert.equal(health.usageRatio, 1.1);
    assert.equal(health.inputRatio, undefined);
    health.compared("input", 5_000, 100);
    assert.equal(health.inputRatio, 10);
  });
});
