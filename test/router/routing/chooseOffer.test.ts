import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Candidate } from "../../../router/model/candidate.ts";
import { chooseOffer, type Exclusion, type Needs } from "../../../router/routing/chooseOffer.ts";
import { NO_PREFERENCES, type Preferences } from "../../../router/routing/preferences.ts";
import { HEALTHY, sampleCandidate as candidate } from "../../fakes/candidate.ts";
import { sampleEndpoint } from "../../fakes/world.ts";

const NEEDS: Needs = { unit: "token", inputUnits: 100, outputUnits: undefined };

function choose(
  candidates: readonly Candidate[],
  preferences: Partial<Preferences> = {},
  needs: Partial<Needs> = {},
  random = () => 0.5,
): { ranked: number[]; excluded: Record<number, Exclusion> } {
  const now = { nowMs: 1_000_000, minProviderStakeWei: 1_000n, random };
  const all = { ...NO_PREFERENCES, ...preferences };
  const route = chooseOffer(candidates, "token", { ...NEEDS, ...needs }, all, now);
  assert.equal(route.trace.length, candidates.length, "every candidate is accounted for");
  const excluded: Record<number, Exclusion> = {};
  for (const judgement of route.trace)
    if (judgement.excluded) excluded[judgement.offerId] = judgement.excluded;
  return { ranked: route.ranked.map(({ offer }) => offer.offerId), excluded };
}

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
    const draws = [0.1, 0.9, 0.2];
    assert.deepEqual(
      choose([busy, candidate(2), candidate(3)], {}, {}, () => draws.shift() ?? 0).ranked,
      [300, 200, 100],
    );
  });

  it("takes the cheapest of a listing's offers, once", () => {
    const result = choose([candidate(1), candidate(1, { offerId: 101, inputPrice: 5n }), candidate(2)]);
    assert.deepEqual(result, { ranked: [101, 200], excluded: { 100: "dearer_offer_of_listing" } });
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
      assert.deepEqual(choose([offer, candidate(2)]), { ranked: [200], excluded: { 100: expected } });
    });

  it("keeps what is billable to the last second, and a breaker that lets one try", () => {
    const lastSecond = candidate(1, { retiresAtSec: 1_001 });
    const probing = candidate(2, {}, { health: { ...HEALTHY, breaker: "half_open" } });
    assert.deepEqual(choose([lastSecond, probing]).ranked, [100, 200]);
  });

  it("leaves out every offer of another kind of model", () => {
    assert.deepEqual(choose([candidate(1)], {}, { unit: "image" }).excluded, { 100: "unit" });
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
  ];
  for (const [name, given, expected] of preferences)
    it(`follows a caller's preference: ${name}`, () =>
      assert.deepEqual(choose(three, given).ranked, expected));
});
