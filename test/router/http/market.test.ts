/** What can be read of the market and of one's own use. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startClient } from "../../fakes/client.ts";
import { answer } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, MODEL, PAINTER, sampleKey, SOLVER, sampleOffer } from "../../fakes/world.ts";

/** Listing 1 summarizes, 3 paints, 5 solves for less. */
const offers = [
  sampleOffer({ offerId: 100, listingId: 1, providerId: 1, modelId: 1 }),
  sampleOffer({ offerId: 300, listingId: 3, providerId: 3, modelId: 3, outputPrice: 4_000_000n }),
  sampleOffer({ offerId: 500, listingId: 5, providerId: 5, modelId: 5, inputPrice: 1n, outputPrice: 2n }),
];

interface Row {
  readonly [field: string]: unknown;
  readonly id: string;
}

async function start(t: Parameters<typeof startClient>[0]) {
  const app = await startClient(t, { offers });
  const get = async (path: string) => {
    const response = await fetch(`${app.origin}${path}`, { headers: { authorization: BEARER } });
    return { status: response.status, body: (await response.json()) as { data: Row[] } };
  };
  const names = async (query: string): Promise<string[]> =>
    (await get(`/v1/models${query}`)).body.data.map(({ id }) => id);
  const chat = async (model: string): Promise<void> => {
    await app.client.chat.completions.create({ model, messages: [{ role: "user", content: "hello" }] });
  };
  return { ...app, get, names, chat };
}

describe("the models of the market", () => {
  it("are narrowed by unit, task and price", async (t) => {
    const { names } = await start(t);
    assert.deepEqual(await names(""), [MODEL, PAINTER, SOLVER]);
    assert.deepEqual(await names("?unit=image"), [PAINTER]);
    assert.deepEqual(await names("?task=math"), [SOLVER]);
    // 30 wei per unit are 0.00000000003 tokens per million.
    assert.deepEqual(await names("?max_price=0.00000000003"), [MODEL, SOLVER]);
    assert.deepEqual(await names("?max_price=0.000000000002&unit=token"), [SOLVER]);
  });

  it("are put in order by what is asked for", async (t) => {
    const { names, upstream, chat } = await start(t);
    assert.deepEqual(await names("?sort=price"), [SOLVER, MODEL, PAINTER]);
    upstream.script(1, { answer: answer("hi", 1, 1) });
    await chat(MODEL);
    assert.equal((await names("?sort=requests"))[0], MODEL);
  });

  it("say which words they know", async (t) => {
    const { get } = await start(t);
    for (const query of [
      "unit=litre",
      "task=dance",
      "max_price=cheap",
      "sort=beauty",
      "unit=image&unit=token",
    ])
      assert.equal((await get(`/v1/models?${query}`)).status, 400, query);
  });

  it("are ranked by their use, with their figures", async (t) => {
    const { get, upstream, chat } = await start(t);
    for (const listingId of [1, 5]) upstream.script(listingId, { answer: answer("hi", 1, 1) });
    await chat(SOLVER);
    await chat(SOLVER);
    await chat(MODEL);
    const { body } = await get("/v1/rankings");
    assert.deepEqual(
      body.data.map(({ rank, id, requests, uptime_last_1d: uptime }) => [rank, id, requests, uptime]),
      [
        [1, SOLVER, 2, 1],
        [2, MODEL, 1, 1],
        [3, PAINTER, 0, null],
      ],
    );
    const byPrice = await get("/v1/rankings?by=price&task=math");
    assert.deepEqual(
      byPrice.body.data.map(({ id }) => id),
      [SOLVER],
    );
  });

  it("come from providers, with what backs them", async (t) => {
    const { get, upstream, chat } = await start(t);
    upstream.script(1, { answer: answer("hi", 1, 1) });
    await chat(MODEL);
    const { body } = await get("/v1/providers");
    assert.deepEqual(
      body.data.map(({ id, stake, models, status, requests }) => [id, stake, models, status, requests]),
      [
        [1, "0.000000000000001", [MODEL], "up", 1],
        [3, "0.000000000000001", [PAINTER], "unknown", 0],
        [5, "0.000000000000001", [SOLVER], "unknown", 0],
      ],
    );
  });
});

describe("an account's activity", () => {
  it("is its use by day, model and key, to the wei", async (t) => {
    const { get, upstream, chat, world } = await start(t);
    upstream.script(1, { answer: answer("hi", 12, 3) });
    upstream.script(5, { answer: answer("hi", 2, 1) });
    await chat(MODEL);
    await chat(MODEL);
    await chat(SOLVER);
    const { body } = await get("/v1/activity?days=1");
    const date = new Date().toISOString().slice(0, 10);
    const common = { date, key_id: sampleKey.keyId, failed_attempts: 0 };
    assert.deepEqual(body.data, [
      {
        ...common,
        model: MODEL,
        requests: 2,
        input_units: 24,
        output_units: 6,
        cost: "0.000000000000000434",
        cost_wei: "434",
      },
      {
        ...common,
        model: SOLVER,
        requests: 1,
        input_units: 2,
        output_units: 1,
        cost: "0.000000000000000011",
        cost_wei: "11",
      },
    ]);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 445n);
  });

  it("is shown to its own keys, for as many days as there may be", async (t) => {
    const { get, origin } = await start(t);
    assert.equal((await fetch(`${origin}/v1/activity`)).status, 401);
    for (const days of ["0", "91", "x", "-1"])
      assert.equal((await get(`/v1/activity?days=${days}`)).status, 400);
  });
});
