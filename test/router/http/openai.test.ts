/** What a stock OpenAI client sees. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import OpenAI, { AuthenticationError, NotFoundError } from "openai";
import { failure, startClient } from "../../fakes/client.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, EMBEDDER, MODEL, sampleOffer } from "../../fakes/world.ts";

const messages = [{ role: "user" as const, content: "Say hello." }];

describe("a stock OpenAI client", () => {
  it("gets a whole answer with its cost and receipt", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { answer: answer("Hello!", 12, 3) });
    const { data, response } = await client.chat.completions
      .create({ model: MODEL, messages })
      .withResponse();
    assert.equal(data.choices[0]?.message.content, "Hello!");
    assert.equal(data.model, MODEL);
    assert.equal(data.object, "chat.completion");
    assert.match(data.id, /^gen-/);
    assert.equal(response.headers.get("x-generation-id"), data.id);
    assert.ok(response.headers.get("x-request-id"));
    const { usage: used, receipt } = data as unknown as {
      usage: object;
      receipt: { id: string; fields: object };
    };
    assert.deepEqual(used, {
      prompt_tokens: 12,
      completion_tokens: 3,
      total_tokens: 15,
      cost: 2.17e-16,
      cost_wei: "217",
    });
    assert.equal(receipt.id, `${ACCOUNT}-0`);
    assert.equal(
      Object.keys(receipt.fields).toSorted().join(" "),
      "accountId amount appId inputUnits offerId operatorId outputUnits requestHash responseHash seq servedAt timing",
    );
    const header = Buffer.from(response.headers.get("x-ai1net-receipt") ?? "", "base64url").toString();
    assert.deepEqual(JSON.parse(header), receipt);
  });

  it("gets a stream with content, finish reason, usage and receipt", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { chunks: [role, delta("Hel"), delta("lo"), finish(), usage(12, 2)] });
    const stream = await client.chat.completions.create({ model: MODEL, messages, stream: true });
    const chunks = await Array.fromAsync(stream);
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "Hello");
    assert.ok(chunks.every(({ id, model, object }) => id === chunks[0]?.id && model === MODEL && object));
    assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, "stop");
    const last = chunks.at(-1) as unknown as {
      choices: [];
      usage: { cost_wei: string };
      receipt: { id: string };
    };
    assert.deepEqual(last.choices, []);
    assert.equal(last.usage.cost_wei, "187");
    assert.equal(last.receipt.id, `${ACCOUNT}-0`);
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === undefined));
  });

  it("gets embeddings", async (t) => {
    const offers = [sampleOffer({ modelId: 2 })];
    const { client, upstream } = await startClient(t, { offers });
    const data = [{ object: "embedding", index: 0, embedding: [0.5, -0.25] }];
    upstream.script(1, { answer: { object: "list", data, usage: { prompt_tokens: 4, total_tokens: 4 } } });
    const result = await client.embeddings.create({
      model: EMBEDDER,
      input: "hello",
      encoding_format: "float",
    });
    assert.deepEqual(result.data, data);
    assert.equal(result.model, EMBEDDER);
    assert.equal((result.usage as unknown as { cost_wei: string }).cost_wei, "47");
    assert.equal(upstream.requests[0]?.path, "/embeddings");
    assert.equal(upstream.requests[0]?.body["max_tokens"], undefined);
  });

  it("sends the provider its own model and never more than what is held", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { answer: answer("Hello!", 12, 3) });
    const provider = { only: ["1"] };
    const body = { model: MODEL, messages, max_completion_tokens: 9, temperature: 0, provider };
    await client.chat.completions.create(body);
    assert.deepEqual(upstream.requests[0]?.body, {
      model: "upstream-model",
      messages,
      temperature: 0,
      max_tokens: 9,
    });
  });

  it("is told at once, with one try, when a provider broke off in mid-answer", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { chunks: [role, delta("Hel")], fault: "protocol" });
    const stream = await client.chat.completions.create({ model: MODEL, messages, stream: true });
    const seen: string[] = [];
    const error = await failure(
      (async () => {
        for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? "");
      })(),
    );
    assert.equal(seen.join(""), "Hel");
    assert.equal(error.code, 502);
    assert.equal(upstream.requests.length, 1);
  });

  it("does not repeat a request that a provider may have worked on", async (t) => {
    const { client, upstream } = await startClient(t);
    for (const listingId of [1, 2]) upstream.script(listingId, { fault: "server", status: 500 });
    const error = await failure(client.chat.completions.create({ model: MODEL, messages }));
    assert.equal(error.status, 502);
    assert.equal(upstream.requests.length, 2);
  });

  it("repeats a request that was only turned away", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { fault: "rate_limited", status: 429 }, { answer: answer("Hello!", 1, 1) });
    upstream.script(2, { fault: "rate_limited", status: 429 }, { fault: "server" });
    const data = await client.chat.completions.create({ model: MODEL, messages });
    assert.equal(data.choices[0]?.message.content, "Hello!");
  });

  it("gets 402 once, with what is missing", async (t) => {
    const { client } = await startClient(t, { balanceWei: 5n });
    const error = await failure(client.chat.completions.create({ model: MODEL, messages }));
    assert.equal(error.status, 402);
    const { metadata } = error.error as { metadata: Record<string, string> };
    assert.equal(metadata["error_type"], "payment_required");
    assert.equal(metadata["limit_source"], "account_balance");
    assert.equal(metadata["available"], "0.000000000000000005");
  });

  it("gets 401 for a wrong key and 404 for a model that is not there", async (t) => {
    const { client, origin } = await startClient(t);
    const stranger = new OpenAI({ baseURL: `${origin}/v1`, apiKey: "sk-ai1-nobody" });
    const denied = await failure(stranger.chat.completions.create({ model: MODEL, messages }));
    assert.ok(denied instanceof AuthenticationError);
    const missing = await failure(client.chat.completions.create({ model: "nobody/none", messages }));
    assert.ok(missing instanceof NotFoundError);
  });

  it("lists models, and finds one whose name has a slash", async (t) => {
    const { client, origin } = await startClient(t);
    const { data } = await client.models.list();
    assert.deepEqual(
      data.map(({ id }) => id),
      [MODEL],
    );
    const model = (await client.models.retrieve(MODEL)) as unknown as Record<string, unknown>;
    assert.deepEqual(model["pricing"], {
      prompt: "0.00000000000000001",
      completion: "0.00000000000000003",
      request: "0.000000000000000007",
      input_cache_read: "0.00000000000000001",
    });
    assert.equal(model["providers"], 2);
    for (const path of [MODEL, encodeURIComponent(MODEL)]) {
      const response = await fetch(`${origin}/v1/models/${path}/endpoints`);
      const listed = (await response.json()) as {
        data: { endpoints: { offer_id: number; status: string }[] };
      };
      assert.deepEqual(
        listed.data.endpoints.map(({ offer_id, status }) => [offer_id, status]),
        [
          [100, "unknown"],
          [200, "unknown"],
        ],
      );
    }
  });
});
