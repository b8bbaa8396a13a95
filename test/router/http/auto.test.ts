/** Requests that leave the choice of the model to the router. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failure, startClient } from "../../fakes/client.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { BEARER, EMBEDDER, MODEL, PAINTER, SOLVER, sampleOffer } from "../../fakes/world.ts";

/** Listing 1 summarizes, 2 embeds, 3 paints, 5 solves. */
const offers = [1, 2, 3, 5].map((modelId) =>
  sampleOffer({ offerId: modelId * 100, listingId: modelId, providerId: modelId, modelId }),
);

interface Traced {
  readonly ai1net_trace?: {
    readonly requested: string;
    readonly strategy: string;
    readonly tasks: Readonly<Record<string, number>>;
    readonly models: readonly {
      readonly model: string;
      readonly selected: boolean;
      readonly utility: number;
    }[];
    readonly attempts: readonly object[];
  };
}

describe("model auto", () => {
  it("goes to the model that is made for what is asked", async (t) => {
    const { client, upstream } = await startClient(t, { offers });
    for (const listingId of [1, 5]) upstream.script(listingId, { answer: answer("Hello!", 1, 1) });
    const ask = async (content: string) =>
      (await client.chat.completions.create({ model: "auto", messages: [{ role: "user", content }] })).model;
    assert.equal(await ask("Summarize this in one sentence: it rained."), MODEL);
    assert.equal(await ask("What is 12% of 50?"), SOLVER);
    assert.deepEqual(
      upstream.requests.map(({ listingId }) => listingId),
      [1, 5],
    );
  });

  it("takes a task that is named, and sends none of this to the provider", async (t) => {
    const { client, upstream } = await startClient(t, { offers });
    upstream.script(5, { answer: answer("Hello!", 1, 1) });
    const extras = { task: "math", preferences: { quality: "high" } };
    const messages = [{ role: "user" as const, content: "hello" }];
    const data = await client.chat.completions.create({ model: "auto", messages, ...extras });
    assert.equal(data.model, SOLVER);
    assert.deepEqual(Object.keys(upstream.requests[0]?.body ?? {}).toSorted(), [
      "max_tokens",
      "messages",
      "model",
    ]);
  });

  it("says what was decided only when asked to", async (t) => {
    const { client, upstream } = await startClient(t, { offers });
    upstream.script(5, { fault: "server" }, { answer: answer("6", 1, 1) });
    upstream.script(5, { answer: answer("6", 1, 1) });
    const body = { model: "auto", messages: [{ role: "user" as const, content: "What is 12% of 50?" }] };
    const silent = (await client.chat.completions.create(body)) as Traced;
    assert.equal(silent.ai1net_trace, undefined);
    const headers = { "X-AI1NET-Trace": "true" };
    const { ai1net_trace: trace } = (await client.chat.completions.create(body, { headers })) as Traced;
    assert.equal(trace?.requested, "auto");
    assert.equal(trace?.strategy, "auto");
    assert.ok((trace?.tasks["math"] ?? 0) > 0.5);
    assert.deepEqual(
      trace?.models.map(({ model, selected }) => [model, selected]),
      [
        [SOLVER, true],
        [MODEL, false],
      ],
    );
    assert.deepEqual(trace?.attempts, [{ offer_id: 500, status: "served" }]);
  });

  it("says it in the last event of a stream, and beside an error", async (t) => {
    const { client, upstream } = await startClient(t, { offers });
    upstream.script(5, { chunks: [role, delta("6"), finish(), usage(1, 1)] });
    const body = {
      model: "auto",
      trace: true,
      messages: [{ role: "user" as const, content: "What is 2 + 2?" }],
    };
    const chunks = await Array.fromAsync(await client.chat.completions.create({ ...body, stream: true }));
    assert.equal((chunks.at(-1) as Traced).ai1net_trace?.strategy, "auto");
    assert.ok(chunks.slice(0, -1).every((chunk) => (chunk as Traced).ai1net_trace === undefined));
    upstream.script(5, { fault: "rejected", status: 400 });
    const error = await failure(client.chat.completions.create(body));
    const { metadata } = error.error as { metadata: { trace?: { strategy: string } } };
    assert.equal(metadata.trace?.strategy, "auto");
  });

  it("stays with what an endpoint can do", async (t) => {
    const { client, upstream } = await startClient(t, { offers });
    const data = [{ object: "embedding", index: 0, embedding: [1] }];
    upstream.script(2, { answer: { data, usage: { prompt_tokens: 1 } } });
    const vectors = await client.embeddings.create({ model: "auto", input: "x", encoding_format: "float" });
    assert.equal(vectors.model, EMBEDDER);
  });

  it("falls back on the next best model", async (t) => {
    const { client, upstream, world } = await startClient(t, { offers });
    upstream.script(5, { fault: "server" });
    upstream.script(1, { answer: answer("six", 1, 1) });
    const messages = [{ role: "user" as const, content: "What is 12% of 50?" }];
    const data = await client.chat.completions.create({ model: "auto", messages });
    assert.equal(data.model, MODEL);
    const rows = world.journal.outcomes[0]?.receipts.map(({ receipt }) => [
      receipt.offerId,
      receipt.timing > 0,
    ]);
    assert.deepEqual(rows, [
      [500, false],
      [100, true],
    ]);
  });

  it("is refused when nobody could serve it", async (t) => {
    const { client } = await startClient(t, { offers: offers.slice(1, 3) });
    const messages = [{ role: "user" as const, content: "hello" }];
    const error = await failure(
      client.chat.completions.create({ model: "auto", messages }, { maxRetries: 0 }),
    );
    assert.equal(error.status, 503);
  });
});

describe("POST /v1/ai/request", () => {
  const post = async (origin: string, body: object) => {
    const headers = { authorization: BEARER, "content-type": "application/json" };
    const response = await fetch(`${origin}/v1/ai/request`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it("does a task without naming a model", async (t) => {
    const { upstream, origin } = await startClient(t, { offers });
    upstream.script(1, { answer: answer("It rained.", 9, 3) });
    const preferences = { speed: 0.2, cost: 0.3, quality: 0.9 };
    const { status, body } = await post(origin, {
      task: "summarize",
      input: "It rained all day.",
      preferences,
    });
    assert.equal(status, 200);
    assert.equal(body["model"], MODEL);
    assert.equal((body["usage"] as { cost_wei: string }).cost_wei, String(9 * 10 + 3 * 30 + 7));
    const messages = upstream.requests[0]?.body["messages"] as unknown[] | undefined;
    assert.deepEqual(messages?.at(-1), {
      role: "user",
      content: "It rained all day.",
    });
  });

  it("commits to the body as it was received", async (t) => {
    const { upstream, origin, world } = await startClient(t, { offers });
    upstream.script(5, { answer: answer("4", 1, 1) });
    await post(origin, { task: "math", input: "2 + 2" });
    await post(origin, { input: "2 + 2", task: "math" });
    await post(origin, { task: "math", input: "2 + 3" });
    const hashes = world.journal.outcomes.map(({ receipts }) => receipts[0]?.receipt.requestHash);
    assert.equal(hashes[0], hashes[1]);
    assert.notEqual(hashes[0], hashes[2]);
  });

  it("reaches every kind of endpoint", async (t) => {
    const { upstream, origin } = await startClient(t, { offers });
    upstream.script(2, { answer: { data: [{ embedding: [1] }], usage: { prompt_tokens: 2 } } });
    upstream.script(3, { answer: { data: [{ b64_json: "AA==" }] } });
    const embedded = await post(origin, { task: "embed", input: ["a", "b"] });
    assert.equal(embedded.body["model"], EMBEDDER);
    const painted = await post(origin, { task: "image", input: "a house", options: { size: "64x64" } });
    assert.equal(painted.body["model"], PAINTER);
    assert.deepEqual(
      upstream.requests.map(({ path }) => path),
      ["/embeddings", "/images/generations"],
    );
    assert.equal(upstream.requests[1]?.body["size"], "64x64");
  });

  it("streams, and takes options of the endpoint", async (t) => {
    const { upstream, origin } = await startClient(t, { offers });
    upstream.script(5, { chunks: [role, delta("4"), finish(), usage(1, 1)] });
    const headers = { authorization: BEARER, "content-type": "application/json" };
    const body = {
      task: "math",
      input: "2 + 2",
      stream: true,
      max_output_units: 9,
      options: { temperature: 0 },
    };
    const response = await fetch(`${origin}/v1/ai/request`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    const text = await response.text();
    assert.match(text, /"content":"4"/);
    assert.match(text, /"receipt"/);
    assert.ok(text.endsWith("data: [DONE]\n\n"));
    assert.equal(upstream.requests[0]?.body["max_tokens"], 9);
    assert.equal(upstream.requests[0]?.body["temperature"], 0);
  });

  it("says what is wrong", async (t) => {
    const { origin } = await startClient(t, { offers });
    for (const [body, field] of [
      [{ task: "dance", input: "x" }, "task"],
      [{ task: "math" }, "input"],
      [{ task: "math", input: "x", preferences: { speed: 2 } }, "preferences"],
      [{ task: "image", input: ["x"] }, "input"],
      [{ task: "math", input: "x", extra: 1 }, "extra"],
    ] as const) {
      const { status, body: answered } = await post(origin, body);
      assert.equal(status, 400, JSON.stringify(body));
      assert.match((answered["error"] as { param: string }).param, new RegExp(`^${field}`));
    }
  });
});
