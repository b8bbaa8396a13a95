/** Routing against a policy that sees the truth, and against the usual ones, in a market with everything that goes wrong. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chooseOffer } from "../../../router/routing/chooseOffer.ts";
import { NO_PREFERENCES } from "../../../router/routing/preferences.ts";
import { durationOf, isOut, priceOf, simulate, type Policy, type ProviderTruth } from "./market.ts";

const MINUTE_MS = 60_000;

/** Cheap and slow to dear and fast; one goes down, one has a slow hour. */
const PROVIDERS: readonly ProviderTruth[] = [
  { price: 30n, firstContentMs: 900, msPerUnit: 30, capacity: 8 },
  { price: 36n, firstContentMs: 400, msPerUnit: 12, capacity: 10, outage: [6 * MINUTE_MS, 12 * MINUTE_MS] },
  { price: 45n, firstContentMs: 500, msPerUnit: 10, capacity: 12, slow: [10 * MINUTE_MS, 16 * MINUTE_MS, 4] },
  { price: 60n, firstContentMs: 300, msPerUnit: 8, capacity: 20 },
  { price: 90n, firstContentMs: 250, msPerUnit: 6, capacity: 40 },
];

const needs = {
  units: ["token" as const],
  inputUnits: 1_000,
  outputUnits: undefined,
  parameters: [],
  sessionListingId: undefined,
};

const ours: Policy = (candidates, nowMs, random) =>
  chooseOffer(candidates, needs, NO_PREFERENCES, { nowMs, minProviderStakeWei: 0n, random }).ranked.map(
    ({ offer }) => offer.listingId,
  );

const byKey = (keys: readonly number[]): number[] =>
  keys
    .map((key, n) => ({ key, n }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ n }) => n);

const cheapest: Policy = (_candidates, _nowMs, _random, truth) =>
  byKey(truth.map(({ provider }) => priceOf(provider)));
const atRandom: Policy = (_candidates, _nowMs, random, truth) => byKey(truth.map(() => random()));
/** OpenRouter's classic: weights of 1/price², drawn without replacement. */
const inverseSquare: Policy = (_candidates, _nowMs, random, truth) =>
  byKey(truth.map(({ provider }) => -Math.log(1 - random()) * priceOf(provider) ** 2));
/** Sees who is out, full or slow at the moment. */
const oracle: Policy = (_candidates, nowMs, _random, truth) => {
  const usual = truth.map(({ provider }) => priceOf(provider)).toSorted((a, b) => a - b)[2] as number;
  return byKey(
    truth.map(({ provider, inFlight }) =>
      isOut(provider, nowMs) || inFlight >= provider.capacity
        ? Number.POSITIVE_INFINITY
        : priceOf(provider) / usual + (0.25 * durationOf(provider, nowMs)) / 1_000,
    ),
  );
};

const SEEDS = [1, 2, 3];
/** Mean cost above that of the oracle. */
function regret(policy: Policy, perSecond: number): number {
  const total = (each: Policy): number =>
    SEEDS.reduce(
      (sum, seed) => sum + simulate(PROVIDERS, each, { seed, requests: perSecond * 1_200, perSecond }).cost,
      0,
    );
  return total(policy) / total(oracle) - 1;
}

describe("routing in a market where things go wrong", () => {
  for (const perSecond of [1, 3, 6])
    it(`costs callers little more than one that sees the truth, at ${perSecond} requests a second`, () => {
      const own = regret(ours, perSecond);
      const others = [cheapest, atRandom, inverseSquare].map((policy) => regret(policy, perSecond));
      assert.ok(own < 0.12, `regret ${own.toFixed(3)}`);
      for (const other of others) assert.ok(own < other / 2, `${own.toFixed(3)} against ${other.toFixed(3)}`);
    });

  it("fails nobody, and hardly needs a second provider", () => {
    const { failed, fallbacks } = simulate(PROVIDERS, ours, { seed: 4, requests: 3_600, perSecond: 3 });
    assert.equal(failed, 0);
    assert.ok(fallbacks < 0.03, String(fallbacks));
  });

  it("leaves a provider that is out, and comes back to it", () => {
    const outcome = simulate(PROVIDERS, ours, { seed: 5, requests: 3_600, perSecond: 3 });
    const [before, during, after] = [
      outcome.share(1, 2 * MINUTE_MS, 6 * MINUTE_MS),
      outcome.share(1, 6 * MINUTE_MS, 12 * MINUTE_MS),
      outcome.share(1, 16 * MINUTE_MS, 20 * MINUTE_MS),
    ];
    assert.ok(before > 0.5, `before ${before}`);
    assert.equal(during, 0);
    assert.ok(after > before / 2, `after ${after}`);
  });
});
