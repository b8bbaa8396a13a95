import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Candidate, ListingHealth } from "../../../router/model/candidate.ts";
import type { Offer, Unit } from "../../../router/model/offer.ts";
import { chooseOffer, type Strategy } from "../../../router/routing/chooseOffer.ts";
import type { Exclusion, Needs } from "../../../router/routing/exclusion.ts";
import { NO_PREFERENCES, type Preferences } from "../../../router/routing/preferences.ts";
import { HEALTHY, sampleCandidate as candidate } from "../../fakes/candidate.ts";
import { randomFrom } from "../../fakes/random.ts";
import { sampleEndpoint } from "../../fakes/world.ts";

const NEEDS: Needs = {
  units: ["token"],
  inputUnits: 100,
  outputUnits: undefined,
  parameters: [],
  sessionListingId: undefined,
};

function choose(
  candidates: readonly Candidate[],
  preferences: Partial<Preferences> = {},
  needs: Partial<Needs> = {},
  // A half is no surprise: everything is as it was seen, and nobody explores.
  random = () => 0.5,
): { ranked: number[]; excluded: Record<number, Exclusion>; strategy: Strategy } {
  const now = { nowMs: 1_000_000, minProviderStakeWei: 1_000n, random };
  const all = { ...NO_PREFERENCES, ...preferences };
  const route = chooseOffer(candidates, { ...NEEDS, ...needs }, all, now);
  assert.equal(route.trace.length, candidates.length, "every candidate is accounted for");
  const excluded: Record<number, Exclusion> = {};
  for (const { candidate: judged, excluded: reason } of route.trace)
    if (reason) excluded[judged.offer.offerId] = reason;
  const ranked = route.ranked.map(({ offer }) => offer.offerId);
  return { ranked, excluded, strategy: route.strategy };
}

/** How often each comes first in so many draws from a fixed seed. */
function shares(
  candidates: readonly Candidate[],
  preferences: Partial<Preferences> = {},
  needs: Partial<Needs> = {},
  draws = 4_000,
): Record<number, number> {
  const random = randomFrom(7);
  const first: Record<number, number> = {};
  for (let i = 0; i < draws; i++) {
    const [best = 0] = choose(candidates, preferences, needs, random).ranked;
    first[best] = (first[best] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(first).map(([offerId, count]) => [offerId, count / draws]));
}

/** A listing with a history of its own. */
const doing = (n: number, health: Partial<ListingHealth>, offer: Partial<Offer> = {}): Candidate =>
  candidate(n, offer, { health: { ...HEALTHY, ...health } });

describe("the choice of an offer", () => {
  it("puts the cheapest first, whatever the order they come in", () => {
    const offers = [candidate(1, { outputPrice: 50n }), candidate(2, { outputPrice: 40n }), candidate(3)];
    assert.deepEqual(choose(offers).ranked, [300, 200, 100]);
    assert.deepEqual(choose(offers.toReversed()).ranked, [300, 200, 100]);
  });

  it("looks at the whole likely price, of input, output and request", () => {
    const dearInput = candidate(1, { inputPrice: 60n, outputPrice: 1n });
    const dearOutput = candidate(2, { inputPrice: 1n, outputPrice: 60n });
    const dearRequest = candidate(3, { inputPrice: 1n, outputPrice: 1n, requestPrice: 10_000n });
    const all = [dearInput, dearOutput, dearRequest];
    assert.deepEqual(choose(all, {}, { inputUnits: 1_000, outputUnits: 10 }).ranked, [200, 300, 100]);
    assert.deepEqual(choose(all, {}, { inputUnits: 10, outputUnits: 100 }).ranked, [100, 200, 300]);
  });

  it("expects as much output as a listing has shown, and no more than is asked for", () => {
    const talkative = candidate(1, {}, { health: { ...HEALTHY, outputUnits: 90 } });
    const terse = candidate(2, { outputPrice: 40n }, { health: { ...HEALTHY, outputUnits: 20 } });
    assert.deepEqual(choose([talkative, terse]).ranked, [200, 100]);
    assert.deepEqual(choose([talkative, terse], {}, { outputUnits: 5 }).ranked, [100, 200]);
  });

  it("draws between equals, after the one with less to do", () => {
    const busy = candidate(1, {}, { health: { ...HEALTHY, inFlight: 2 } });
    assert.deepEqual(choose([busy, candidate(2), candidate(3)]).ranked, [200, 300, 100]);
    const equals = shares([candidate(1), candidate(2), candidate(3)]);
    for (const offerId of [100, 200, 300]) assert.ok(Math.abs((equals[offerId] ?? 0) - 1 / 3) < 0.05);
  });

  it("weighs time and failures against the price", () => {
    const slow = doing(1, { msPerOutputUnit: 40 });
    const dearer = doing(2, { msPerOutputUnit: 5 }, { outputPrice: 33n, inputPrice: 11n });
    assert.deepEqual(choose([slow, dearer]).ranked, [200, 100]);
    assert.deepEqual(choose([slow, dearer], { timeValue: 0 }).ranked, [100, 200]);
    const flaky = doing(1, { recentTries: 20, recentFailures: 6 });
    const steady = doing(2, { recentTries: 20, recentFailures: 0 }, { outputPrice: 40n });
    assert.deepEqual(choose([flaky, steady]).ranked, [200, 100]);
    const muchDearer = doing(2, { recentTries: 20, recentFailures: 0 }, { outputPrice: 300n });
    assert.deepEqual(choose([flaky, muchDearer]).ranked, [100, 200]);
  });

  it("forgets what was long ago: a failure that has faded costs next to nothing", () => {
    const faded = doing(1, { recentTries: 0.1, recentFailures: 0.1 });
    const unseen = doing(2, { recentTries: 0.1, recentFailures: 0 }, { outputPrice: 40n });
    assert.deepEqual(choose([faded, unseen]).ranked, [100, 200]);
    const fresh = doing(1, { recentTries: 10, recentFailures: 10 });
    assert.deepEqual(choose([fresh, unseen]).ranked, [200, 100]);
  });

  it("expects an overcounting provider to bill what it overcounts", () => {
    const honest = doing(1, { outputUnits: 50, usageRatio: 1 }, { outputPrice: 36n });
    const lying = doing(2, { outputUnits: 75, usageRatio: 1.5 }, { outputPrice: 30n });
    assert.deepEqual(choose([honest, lying]).ranked, [100, 200]);
    const truthful = doing(2, { outputUnits: 50, usageRatio: 1 }, { outputPrice: 30n });
    assert.deepEqual(choose([honest, truthful]).ranked, [200, 100]);
  });

  it("expects an overcounting provider to bill prompts that it did not get", () => {
    const honest = doing(1, { inputRatio: 1.05 }, { inputPrice: 12n });
    const lying = doing(2, { inputRatio: 2 }, { inputPrice: 10n });
    assert.deepEqual(choose([honest, lying]).ranked, [100, 200]);
    const truthful = doing(2, { inputRatio: 1.05 }, { inputPrice: 10n });
    assert.deepEqual(choose([honest, truthful]).ranked, [200, 100]);
  });

  it("does not hold it against anybody when all of a model's listings count alike", () => {
    const first = doing(1, { outputUnits: 300, usageRatio: 3 });
    const second = doing(2, { outputUnits: 300, usageRatio: 3 }, { outputPrice: 31n });
    assert.deepEqual(choose([first, second]).ranked, [100, 200]);
  });

  it("tries a newcomer now and then, less than one that is known to be good", () => {
    const unseen = { recentTries: 0, firstContentMs: undefined, firstContentSpreadMs: undefined };
    const newcomer = doing(1, { ...unseen, msPerOutputUnit: undefined, tries: 0 }, { outputPrice: 33n });
    const known = doing(2, { recentTries: 30 });
    const { 100: share = 0 } = shares([newcomer, known]);
    assert.ok(share > 0.02 && share < 0.5, String(share));
  });

  it("keeps a small share for the others, and more for one that is to be probed", () => {
    const best = doing(1, { recentTries: 1_000 });
    const worse = doing(2, { recentTries: 1_000, msPerOutputUnit: 200 }, { outputPrice: 90n });
    const probed = doing(3, { recentTries: 1_000, recentFailures: 900, breaker: "half_open" });
    const first = shares([best, worse, probed]);
    assert.ok(Math.abs((first[200] ?? 0) - 0.01) < 0.006, String(first[200]));
    assert.ok(Math.abs((first[300] ?? 0) - 0.1) < 0.02, String(first[300]));
    assert.equal(choose([best, worse], {}, {}, () => 0.001).strategy, "exploration");
  });

  it("leaves a session where it is, unless another offer is clearly better", () => {
    const home = candidate(1, { inputPrice: 12n, cachedBps: 1_000 });
    const other = candidate(2, { inputPrice: 10n });
    const session = { sessionListingId: 1, inputUnits: 2_000 };
    assert.deepEqual(choose([home, other], {}, session), {
      ranked: [100, 200],
      excluded: {},
      strategy: "session",
    });
    assert.deepEqual(shares([home, other], {}, session), { 100: 1 });
    const farCheaper = candidate(2, { inputPrice: 1n, outputPrice: 1n });
    assert.deepEqual(choose([home, farCheaper], {}, session).ranked, [200, 100]);
    const gone = doing(1, { breaker: "open" });
    assert.equal(choose([gone, other], {}, session).strategy, "cost");
  });

  it("takes the cheapest of a listing's offers, once", () => {
    const result = choose([candidate(1), candidate(1, { offerId: 101, inputPrice: 5n }), candidate(2)]);
    assert.deepEqual(result.ranked, [101, 200]);
    assert.deepEqual(result.excluded, { 100: "dearer_offer_of_listing" });
  });

  const exclusions: readonly (readonly [string, Candidate, Exclusion])[] = [
    ["retired", candidate(1, { retiresAtSec: 1_000 }), "not_billable"],
    ["not begun", candidate(1, { createdAtSec: 1_001 }), "not_billable"],
    ["of too small a stake", candidate(1, {}, { providerStakeWei: 999n }), "stake"],
    [
      "of too small a context",
      candidate(1, {}, { endpoint: sampleEndpoint({ listingId: 1, contextUnits: 100 }) }),
      "context",
    ],
    ["of an open breaker", candidate(1, {}, { health: { ...HEALTHY, breaker: "open" } }), "breaker"],
    ["at its cap", candidate(1, {}, { health: { ...HEALTHY, inFlight: 3, inFlightCap: 2.7 } }), "capacity"],
  ];
  for (const [name, offer, expected] of exclusions)
    it(`leaves out an offer that is ${name}`, () => {
      const result = choose([offer, candidate(2)]);
      assert.deepEqual(result.ranked, [200]);
      assert.deepEqual(result.excluded, { 100: expected });
    });

  it("keeps what is billable to the last second, and a breaker that lets one try", () => {
    const lastSecond = candidate(1, { retiresAtSec: 1_001 });
    const probing = candidate(2, {}, { health: { ...HEALTHY, breaker: "half_open" } });
    assert.deepEqual(choose([lastSecond, probing]).ranked, [100, 200]);
  });

  it("leaves out every offer of another kind of model", () => {
    assert.deepEqual(choose([candidate(1)], {}, { units: ["image"] }).excluded, { 100: "unit" });
  });

  const three = [candidate(1), candidate(2, { inputPrice: 20n }), candidate(3, { inputPrice: 30n })];
  const preferences: readonly (readonly [string, Partial<Preferences>, number[]])[] = [
    ["order", { order: ["3", "2"] }, [300, 200, 100]],
    ["order of one that is not there", { order: ["9", "2"] }, [200, 100, 300]],
    ["order without fallbacks", { order: ["3"], allowFallbacks: false }, [300]],
    ["no fallbacks", { allowFallbacks: false }, [100]],
    ["only", { only: ["2", "3"] }, [200, 300]],
    ["only nobody", { only: [] }, []],
    ["ignore", { ignore: ["1"] }, [200, 300]],
    ["a highest input price", { maxInputPrice: 20n }, [100, 200]],
    ["a highest output price", { maxOutputPrice: 29n }, []],
    ["a highest request price", { maxRequestPrice: 7n }, [100, 200, 300]],
    ["a highest price of images, which these are not", { maxImagePrice: 1n }, [100, 200, 300]],
  ];
  for (const [name, given, expected] of preferences)
    it(`follows a caller's preference: ${name}`, () =>
      assert.deepEqual(choose(three, given).ranked, expected));
});

describe("a caller's order", () => {
  const latency = (p50: number, p99: number) => ({ p50, p75: p50, p90: p99, p99 });
  const cheap = doing(1, { firstContentMs: 900, msPerOutputUnit: 50, latencyMs: latency(900, 2_000) });
  const quick = doing(
    2,
    { firstContentMs: 50, msPerOutputUnit: 30, latencyMs: latency(50, 5_000) },
    { inputPrice: 20n },
  );
  const fast = doing(
    3,
    { firstContentMs: 500, msPerOutputUnit: 5, recentTries: 50, latencyMs: latency(500, 600) },
    { inputPrice: 30n },
  );
  const three = [cheap, quick, fast];
  const orders: readonly (readonly [string, Partial<Preferences>, number[], Strategy])[] = [
    ["price", { sort: "price" }, [100, 200, 300], "price"],
    ["latency", { sort: "latency" }, [200, 300, 100], "latency"],
    ["throughput", { sort: "throughput" }, [300, 200, 100], "throughput"],
    ["rare failures", { sort: "exacto" }, [300, 100, 200], "exacto"],
    ["order, then price", { order: ["3"], sort: "price" }, [300, 100, 200], "order"],
    [
      "half of the requests within 600 ms",
      { preferredMaxLatencyMs: { p50: 600 }, sort: "price" },
      [200, 300, 100],
      "price",
    ],
    [
      "and 99 of 100 within a second",
      { preferredMaxLatencyMs: { p50: 600, p99: 1_000 }, sort: "price" },
      [300, 100, 200],
      "price",
    ],
    [
      "what nobody meets, which blocks nobody",
      { preferredMaxLatencyMs: { p50: 1 }, sort: "price" },
      [100, 200, 300],
      "price",
    ],
  ];
  for (const [name, preferences, expected, strategy] of orders)
    it(`is followed to the letter: ${name}`, () => {
      const result = choose(three, preferences);
      assert.deepEqual([result.ranked, result.strategy], [expected, strategy]);
      assert.deepEqual(shares(three, preferences, {}, 200), { [expected[0] ?? 0]: 1 }, "nothing is drawn");
    });

  it("prefers a throughput that is known to one that is not, and that to one that is too low", () => {
    const figures = (units: number) => ({ p50: units, p75: units, p90: units, p99: units });
    const low = doing(1, { throughput: figures(10) });
    const unknown = doing(2, {}, { inputPrice: 20n });
    const high = doing(3, { throughput: figures(60) }, { inputPrice: 30n });
    const wanted = { preferredMinThroughput: { p90: 50 } };
    assert.deepEqual(choose([low, unknown, high], wanted).ranked, [300, 200, 100]);
  });
});

describe("what an endpoint says of itself", () => {
  const plain = candidate(1);
  const endpoint = {
    ...sampleEndpoint({ listingId: 2 }),
    quantization: "fp8",
    supportedParameters: ["tools", "seed"],
  };
  const declared = candidate(2, {}, { endpoint });

  it("decides on quantizations; who says nothing is unknown", () => {
    assert.deepEqual(choose([plain, declared], { quantizations: ["fp8", "bf16"] }).excluded, {
      100: "quantization",
    });
    assert.deepEqual(choose([plain, declared], { quantizations: ["unknown"] }).excluded, {
      200: "quantization",
    });
  });

  it("decides on parameters, when they are required", () => {
    const needs = { parameters: ["tools"] };
    assert.deepEqual(choose([plain, declared], {}, needs).excluded, {});
    assert.deepEqual(choose([plain, declared], { requireParameters: true }, needs).excluded, {
      100: "parameters",
    });
    const more = { parameters: ["tools", "logprobs"] };
    assert.deepEqual(choose([plain, declared], { requireParameters: true }, more).ranked, []);
  });
});

describe("a price that may not be exceeded", () => {
  const units: readonly (readonly [Unit, Partial<Preferences>, boolean])[] = [
    ["image", { maxImagePrice: 29n }, false],
    ["image", { maxImagePrice: 30n, maxOutputPrice: 1n }, true],
    ["second", { maxAudioPrice: 29n }, false],
    ["second", { maxAudioPrice: 30n, maxImagePrice: 1n }, true],
    ["token", { maxOutputPrice: 29n }, false],
  ];
  for (const [unit, preferences, fits] of units)
    it(`is that of a ${unit} where that is what is billed (${fits ? "within" : "above"})`, () => {
      const model = { modelId: 1, name: "acme/one", unit };
      const result = choose([candidate(1, {}, { model })], preferences, { units: [unit] });
      assert.deepEqual(result.excluded, fits ? {} : { 100: "max_price" });
    });
});
