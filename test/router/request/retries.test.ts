import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UpstreamError, type UpstreamFault } from "../../../router/ports.ts";
import { Retries } from "../../../router/request/retries.ts";
import { sampleCandidate } from "../../fakes/candidate.ts";

const A = sampleCandidate(1);
const B = sampleCandidate(2);
const fail = (fault: UpstreamFault, status?: number, retryAfterMs?: number): UpstreamError =>
  new UpstreamError(fault, "scripted", { status, retryAfterMs });

describe("the retries of a request", () => {
  it("try others first and at once, then again what was out of reach", () => {
    const retries = new Retries([A, B], 10_000, () => 0.5);
    assert.deepEqual(retries.next(0), { candidate: A, pauseMs: 0 });
    retries.failed(A, fail("connect"), 0);
    assert.deepEqual(retries.next(0), { candidate: B, pauseMs: 0 });
    retries.failed(B, fail("server", 500), 50);
    assert.deepEqual(retries.next(50), { candidate: A, pauseMs: 150 });
    retries.failed(A, fail("connect"), 200);
    assert.equal(retries.next(200), undefined, "three tries are enough");
  });

  it("wait longer each time, and not all for the same time", () => {
    const pauses = [0, 0.999].map((random) => {
      const retries = new Retries([A], 10_000, () => random);
      return [0, 1].map(() => {
        retries.next(0);
        retries.failed(A, fail("connect"), 0);
        return Math.round(retries.next(0)?.pauseMs ?? 0);
      });
    });
    assert.equal(pauses[0]?.[0], 100);
    assert.equal(pauses[1]?.[0], 300);
    const second = new Retries([A], 10_000, () => 0.5);
    for (const expected of [0, 200, 400]) {
      assert.equal(second.next(0)?.pauseMs, expected);
      second.failed(A, fail("connect"), 0);
    }
  });

  it("wait as long as a provider asks for, if that is short; else they are over", () => {
    const short = new Retries([A], 10_000, () => 0.5);
    short.next(0);
    short.failed(A, fail("rate_limited", 429, 1_500), 0);
    assert.equal(short.next(0)?.pauseMs, 1_500);
    const long = new Retries([A], 10_000, () => 0.5);
    long.next(0);
    long.failed(A, fail("rate_limited", 429, 3_000), 0);
    assert.equal(long.next(0), undefined);
  });

  const never: readonly (readonly [UpstreamFault, number | undefined])[] = [
    ["timeout", undefined],
    ["credentials", 401],
    ["rejected", 400],
    ["server", 500],
    ["protocol", undefined],
    ["oversized", undefined],
    ["in_band", undefined],
  ];
  for (const [fault, status] of never)
    it(`do not ask the same offer again after ${fault} ${status ?? ""}`, () => {
      const retries = new Retries([A], 10_000, () => 0.5);
      retries.next(0);
      retries.failed(A, fail(fault, status), 0);
      assert.equal(retries.next(60_000), undefined);
    });

  for (const status of [502, 503, 504, 529])
    it(`ask again after ${status}, which turns a request away`, () => {
      const retries = new Retries([A], 10_000, () => 0.5);
      retries.next(0);
      retries.failed(A, fail("server", status), 0);
      assert.equal(retries.next(0)?.candidate, A);
    });

  it("end with the deadline, waiting included", () => {
    const retries = new Retries([A, B], 100, () => 0.5);
    retries.next(0);
    retries.failed(A, fail("connect"), 0);
    assert.equal(retries.next(99)?.candidate, B);
    assert.equal(retries.next(99), undefined, "it would be over before the pause");
    assert.equal(new Retries([A], 100, () => 0.5).next(100), undefined);
  });

  it("do not count what was never sent", () => {
    const retries = new Retries([A, B, A, B, A], 100, () => 0.5);
    for (let i = 0; i < 5; i++) assert.ok(retries.next(0));
    assert.equal(retries.next(0), undefined);
  });

  const other = (n: number, modelId: number) =>
    sampleCandidate(n, { modelId }, { model: { modelId, name: `acme/${modelId}`, unit: "token" } });

  it("leave tries for the other models that were named: two each", () => {
    const ranked = [other(1, 1), other(2, 1), other(3, 1), other(4, 2), other(5, 2)];
    const retries = new Retries(ranked, 10_000, () => 0.5);
    const tried: number[] = [];
    for (let next = retries.next(0); next; next = retries.next(0)) {
      tried.push(next.candidate.offer.listingId);
      retries.failed(next.candidate, fail("server", 500), 0);
    }
    assert.deepEqual(tried, [1, 2, 4, 5]);
  });

  it("are six for any number of models", () => {
    const ranked = Array.from({ length: 10 }, (_, n) => other(n, n));
    const retries = new Retries(ranked, 10_000, () => 0.5);
    for (let i = 0; i < 6; i++) {
      const next = retries.next(0);
      assert.ok(next);
      retries.failed(next.candidate, fail("server", 500), 0);
    }
    assert.equal(retries.next(0), undefined);
  });

  it("pass over a model that can't do it, whoever serves it", () => {
    const ranked = [other(1, 1), other(2, 1), other(3, 2)];
    const retries = new Retries(ranked, 10_000, () => 0.5);
    const first = retries.next(0);
    assert.ok(first);
    retries.failed(first.candidate, fail("rejected", 400), 0);
    retries.giveUp(first.candidate);
    assert.equal(retries.next(0)?.candidate, ranked[2]);
  });
});
