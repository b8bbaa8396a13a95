/** Requests that name several models, a suffix or a session. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runApp } from "../../fakes/app.ts";
import { answer, delta, finish, role, usage, type Script } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, fakeWorld, OWNER, sampleEndpoint, sampleOffer } from "../../fakes/world.ts";

const [A, B, C] = ["acme/a", "acme/b", "acme/c"] as const;
const good: Script = {
  answer: answer("Hello!", 1, 100),
  chunks: [role, delta("Hello!"), finish(), usage(1, 100)],
};

/** Three models; each has two listings (11 and 12 of the first, ...), the second of which is dearer and quicker. */
async function start(test: TestContext) {
  const world = fakeWorld({ balanceWei: 10n ** 9n });
  const models = [A, B, C].map((name, i) => ({ modelId: i + 1, name, unit: "token" as const }));
  const offers = models.flatMap(({ modelId }) =>
    [1, 2].map((n) =>
      sampleOffer({
        offerId: 100 * modelId + n,
        listingId: 10 * modelId + n,
        providerId: n,
        modelId,
        outputPrice: BigInt(100 * n - 10 * modelId),
      }),
    ),
  );
  world.market.refresh({
    blockNumber: 1n,
    models,
    providers: [1, 2].map((providerId) => ({ providerId, owner: OWNER, payee: OWNER, stakeWei: 1_000n })),
    listings: offers.map(({ listingId, providerId, modelId }) => ({ listingId, providerId, modelId })),
    offers,
    apps: [],
    minProviderStakeWei: 1_000n,
  });
  for (const { listingId } of offers) {
    world.market.setEndpoint(sampleEndpoint({ listingId }));
    world.upstream.script(listingId, good);
  }
  const app = await runApp(test, world);
  /** As the providers got them, of the latest request. */
  const bodies: object[] = [];
  const ask = async (fields: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${app.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: BEARER, "content-type": "application/json", ...headers },
      body: JSON.stringify({ messages: [{ role: "user", content: "Hi" }], ...fields }),
    });
    const text = await response.text();
    const json = text.startsWith("data: ") ? text.slice(6, text.indexOf("\n")) : text;
    const body = JSON.parse(json) as { model?: string; error?: { message: string; param: string | null } };
    const asked = world.upstream.requests.map(({ listingId }) => listingId);
    bodies.splice(0, bodies.length, ...world.upstream.requests.map((request) => request.body));
    world.upstream.requests.length = 0;
    return { status: response.status, ...body, asked };
  };
  return { ask, world, bodies };
}

describe("several models", () => {
  it("are asked one after the other, each two times at most; the answer says which it is", async (t) => {
    for (const stream of [false, true]) {
      const { ask, world } = await start(t);
      for (const listingId of [11, 12]) world.upstream.script(listingId, { fault: "server", status: 500 });
      const seen = await ask({ model: A, models: [B, C], stream });
      assert.deepEqual([seen.status, seen.model, seen.asked], [200, B, [11, 12, 21]]);
      assert.equal(world.journal.outcomes.at(-1)?.model, B);
      const rows = world.journal.outcomes.at(-1)?.receipts.map(({ receipt }) => receipt.offerId);
      assert.deepEqual(rows, [101, 102, 201]);
    }
  });

  it("are asked when the first refuses the request, too", async (t) => {
    const { ask, world } = await start(t);
    world.upstream.script(11, { fault: "rejected", status: 400 });
    const seen = await ask({ model: A, models: [B] });
    assert.deepEqual([seen.status, seen.model, seen.asked], [200, B, [11, 21]]);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
  });

  it("may have unknown ones among them, but not only those", async (t) => {
    const { ask } = await start(t);
    assert.deepEqual((await ask({ model: "acme/none", models: [C] })).model, C);
    const { status, error } = await ask({ model: "acme/none", models: ["acme/neither"] });
    assert.equal(status, 404);
    assert.match(error?.message ?? "", /acme\/none, acme\/neither/);
  });

  it("are put in one order where that is asked for", async (t) => {
    const { ask } = await start(t);
    const provider = { sort: { by: "price", partition: "none" } };
    assert.deepEqual((await ask({ model: A, models: [B, C], provider })).model, C);
    assert.deepEqual((await ask({ model: A, models: [B, C], provider: { sort: "price" } })).model, A);
  });

  it("are not told to the provider, and not more than eight", async (t) => {
    const { ask, bodies } = await start(t);
    const { status, error } = await ask({ model: A, models: Array.from({ length: 9 }, () => B) });
    assert.deepEqual([status, error?.param], [400, "models"]);
    await ask({ model: A, models: [B], session_id: "s" });
    const [sent] = bodies;
    assert.deepEqual(Object.keys(sent ?? {}).toSorted(), ["max_tokens", "messages", "model"]);
  });

  it("are named in the refusal when none can serve", async (t) => {
    const { ask, world } = await start(t);
    for (const listingId of [11, 12, 21, 22])
      world.upstream.script(listingId, { fault: "server", status: 500 });
    const seen = await ask({ model: A, models: [B] });
    assert.deepEqual([seen.status, seen.asked], [502, [11, 12, 21, 22]]);
  });
});

describe("a suffix", () => {
  it("asks for the cheapest, or for the fastest", async (t) => {
    const { ask, world } = await start(t);
    for (const [listingId, units] of [
      [11, 10],
      [12, 100_000],
    ] as const) {
      const ongoing = world.market.begin(listingId);
      await new Promise((resolve) => setTimeout(resolve, 5));
      ongoing?.end({ kind: "served", outputUnits: units });
    }
    const floor = await ask({ model: `${A}:floor` });
    assert.deepEqual([floor.model, floor.asked], [A, [11]]);
    const nitro = await ask({ model: `${A}:nitro` });
    assert.deepEqual([nitro.model, nitro.asked], [A, [12]]);
    const told = await ask({ model: `${A}:nitro`, provider: { sort: "price" } });
    assert.deepEqual(told.asked, [11], "a sort that is spelled out counts more");
    assert.equal((await ask({ model: `${A}:quick` })).status, 404);
  });
});

describe("a session", () => {
  it("stays with the listing that served it, under any of its names", async (t) => {
    const names: readonly (readonly [object, Record<string, string>])[] = [
      [{ session_id: "s" }, {}],
      [{}, { "x-session-id": "s" }],
      [{ prompt_cache_key: "s" }, {}],
    ];
    for (const [fields, headers] of names) {
      const { ask } = await start(t);
      const first = await ask({ model: A, provider: { order: ["2"] }, ...fields }, headers);
      assert.deepEqual(first.asked, [12]);
      assert.deepEqual((await ask({ model: A, ...fields }, headers)).asked, [12]);
      assert.deepEqual((await ask({ model: A }, {})).asked, [11], "others go where it costs least");
      assert.deepEqual(
        (await ask({ model: B, ...fields }, headers)).asked,
        [21],
        "another model has its own",
      );
    }
  });

  it("moves to where it was served when its listing fails", async (t) => {
    const { ask, world } = await start(t);
    await ask({ model: A, session_id: "s", provider: { order: ["2"] } });
    world.upstream.script(12, { fault: "server", status: 500 });
    assert.deepEqual((await ask({ model: A, session_id: "s" })).asked, [12, 11]);
    assert.deepEqual((await ask({ model: A, session_id: "s" })).asked, [11]);
  });

  it("has a name of bounded length", async (t) => {
    const { ask } = await start(t);
    const long = "s".repeat(257);
    assert.equal((await ask({ model: A, session_id: long })).error?.param, "session_id");
    assert.equal((await ask({ model: A }, { "x-session-id": long })).error?.param, "x-session-id");
  });
});
