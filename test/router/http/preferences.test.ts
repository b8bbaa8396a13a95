/** The `provider` field, from the wire to the provider that is asked. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runApp } from "../../fakes/app.ts";
import { answer } from "../../fakes/upstream.ts";
import { BEARER, fakeWorld, MODEL, sampleOffer } from "../../fakes/world.ts";

/** Three providers, each dearer and quicker than the one before; price 30 wei per unit is 0.00000000003 per million. */
async function start(test: TestContext) {
  const offers = [1, 2, 3].map((n) =>
    sampleOffer({ offerId: 100 * n, listingId: n, providerId: n, outputPrice: BigInt(30 * n) }),
  );
  const world = fakeWorld({ offers });
  const app = await runApp(test, world);
  for (const n of [1, 2, 3]) {
    world.upstream.script(n, { answer: answer("Hello!", 1, 1) });
    const ongoing = world.market.begin(n);
    ongoing?.firstContent();
    ongoing?.end({ kind: "served", outputUnits: 10 });
  }
  const ask = async (provider: unknown, fields: object = {}) => {
    const response = await fetch(`${app.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: BEARER, "content-type": "application/json" },
      body: JSON.stringify({
        model: MODEL,
        messages: [{ role: "user", content: "Hi" }],
        provider,
        ...fields,
      }),
    });
    const { error } = (await response.json()) as { error?: { message: string; param: string | null } };
    return { status: response.status, error, asked: world.upstream.requests.at(-1)?.listingId };
  };
  return { ask, world };
}

describe("the provider field", () => {
  const fields: readonly (readonly [object, number])[] = [
    [{ sort: "price" }, 1],
    [{ sort: { by: "price", partition: "none" } }, 1],
    [{ order: ["3"] }, 3],
    [{ only: ["2", "3"], sort: "price" }, 2],
    [{ ignore: ["1"], sort: { by: "price" } }, 2],
    [{ max_price: { completion: "0.00000000003", prompt: 1, request: "0.1", image: "2", audio: 3 } }, 1],
    [{ quantizations: ["unknown", "fp8"], sort: "price" }, 1],
    [{ preferred_max_latency: 5, preferred_min_throughput: { p90: 0.1 }, sort: "price" }, 1],
    [{ sort: null, data_collection: "allow", zdr: false }, 1],
  ];
  for (const [provider, expected] of fields)
    it(`${JSON.stringify(provider)} asks provider ${expected}`, async (t) => {
      const { ask } = await start(t);
      const { status, asked } = await ask(provider);
      assert.deepEqual([status, asked], [200, expected]);
    });

  const blocking: readonly (readonly [object, RegExp])[] = [
    [{ max_price: { completion: "0.00000000002" } }, /no provider of .* is left by the request's `provider`/],
    [{ quantizations: ["fp8"] }, /no provider of/],
  ];
  for (const [provider, expected] of blocking)
    it(`${JSON.stringify(provider)} leaves nobody, and says so`, async (t) => {
      const { ask, world } = await start(t);
      world.upstream.requests.length = 0;
      const { status, error, asked } = await ask(provider);
      assert.deepEqual([status, asked], [404, undefined]);
      assert.match(error?.message ?? "", expected);
    });

  it("with require_parameters leaves those who know each of them", async (t) => {
    const { ask } = await start(t);
    assert.equal((await ask({ require_parameters: true })).status, 200, "none is set");
    assert.equal((await ask({ require_parameters: true }, { temperature: 0 })).status, 404, "nobody says so");
  });

  const wrong: readonly (readonly [object, string])[] = [
    [{ sort: "cheapest" }, "provider.sort"],
    [{ sort: { by: "price", partition: "some" } }, "provider.sort"],
    [{ preferred_max_latency: -1 }, "provider.preferred_max_latency"],
    [{ preferred_min_throughput: { p42: 1 } }, "provider.preferred_min_throughput.p42"],
    [{ quantizations: ["int3"] }, "provider.quantizations[0]"],
    [{ max_price: { image: "dear" } }, "provider.max_price.image"],
    [{ zdr: true }, "provider.zdr"],
    [{ cheapest: true }, "provider.cheapest"],
  ];
  for (const [provider, param] of wrong)
    it(`${JSON.stringify(provider)} is refused, by name`, async (t) => {
      const { ask } = await start(t);
      const { status, error } = await ask(provider);
      assert.deepEqual([status, error?.param], [400, param]);
    });
});
