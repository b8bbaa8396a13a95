/** Whatever is wrong with a request, its sender is told in one shape. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runApp } from "../../fakes/app.ts";
import { answer } from "../../fakes/upstream.ts";
import { BEARER, MODEL } from "../../fakes/world.ts";

interface ErrorBody {
  readonly error: {
    readonly code: number;
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly metadata: { readonly error_type: string };
  };
}

async function start(test: TestContext) {
  const app = await runApp(test);
  app.world.upstream.script(1, { answer: answer("Hello!", 1, 1) });
  const send = async (
    path: string,
    init: { method?: string; body?: string; headers?: Record<string, string> } = {},
  ) => {
    const headers = { authorization: BEARER, "content-type": "application/json", ...init.headers };
    const response = await fetch(app.origin + path, { ...init, headers });
    const body = (await response.json()) as ErrorBody;
    assert.ok(response.headers.get("x-request-id"), "every answer has an id");
    if (response.status >= 400) assert.equal(body.error.code, response.status);
    return { response, body };
  };
  const chat = async (body: unknown, headers: Record<string, string> = {}) =>
    send("/v1/chat/completions", {
      method: "POST",
      headers,
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { ...app, send, chat };
}

const messages = [{ role: "user", content: "Say hello." }];
const good = { model: MODEL, messages };
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

describe("a request that is not right", () => {
  const cases: readonly (readonly [string, unknown, string | null, RegExp])[] = [
    ["no JSON", "{oops", null, /not valid JSON/],
    ["no object", "[]", null, /must be a JSON object/],
    ["nothing", "", null, /not valid JSON/],
    ["no model", { messages }, "model", /model: /],
    ["no messages", { model: MODEL }, "messages", /messages: must be an array/],
    ["empty messages", { model: MODEL, messages: [] }, "messages", /with something in it/],
    ["a message that is text", { model: MODEL, messages: ["hi"] }, "messages[0]", /must be an object/],
    [
      "a message without a role",
      { model: MODEL, messages: [{ content: "" }] },
      "messages[0].role",
      /must be a string/,
    ],
    [
      "odd content",
      { model: MODEL, messages: [{ role: "user", content: 5 }] },
      "messages[0].content",
      /must be/,
    ],
    ["too many choices", { ...good, n: 1_000 }, "n", /n: /],
    ["no room for output", { ...good, max_tokens: 0 }, "max_tokens", /max_tokens: /],
    ["fallback models that are no list", { ...good, models: "a" }, "models", /models: /],
    [
      "an unknown provider field",
      { ...good, provider: { cheapest: true } },
      "provider.cheapest",
      /not a known field/,
    ],
    [
      "a price in words",
      { ...good, provider: { max_price: { prompt: "low" } } },
      "provider.max_price.prompt",
      /decimal/,
    ],
    ["a promise nobody made", { ...good, provider: { zdr: true } }, "provider.zdr", /promises/],
    ["nesting", { ...good, metadata: nested(80) }, null, /nests deeper/],
    [
      "a lone surrogate",
      '{"model":"acme/summarizer","messages":[{"role":"user","content":"\\ud800"}]}',
      null,
      /canonical/,
    ],
  ];
  for (const [name, body, param, message] of cases)
    it(`is told 400 for ${name}`, async (t) => {
      const { chat, world } = await start(t);
      const { response, body: answered } = await chat(body);
      assert.equal(response.status, 400);
      assert.equal(answered.error.param, param);
      assert.match(answered.error.message, message);
      assert.equal(answered.error.type, "invalid_request_error");
      assert.equal(answered.error.metadata.error_type, "invalid_request");
      assert.equal(world.upstream.requests.length, 0);
    });

  it("is told nothing but 401 without a key, however bad its body", async (t) => {
    const { chat } = await start(t);
    const { response, body } = await chat("{oops", { authorization: "" });
    assert.equal(response.status, 401);
    assert.equal(body.error.metadata.error_type, "authentication");
  });

  it("is told 413 for a body that is too large, 415 for another format", async (t) => {
    const { chat } = await start(t);
    const large = await chat({ ...good, user: "x".repeat(4 * 1024 * 1024) });
    assert.equal(large.response.status, 413);
    assert.equal((await chat(good, { "content-type": "text/plain" })).response.status, 415);
    assert.equal((await chat(good, { "content-encoding": "gzip" })).response.status, 415);
  });

  it("is told 404 for an unknown path, 405 for a wrong method, 400 for a broken escape", async (t) => {
    const { send } = await start(t);
    assert.equal((await send("/v1/nothing")).response.status, 404);
    const wrong = await send("/v1/chat/completions");
    assert.equal(wrong.response.status, 405);
    assert.equal(wrong.response.headers.get("allow"), "POST");
    assert.equal((await send("/v1/receipts/%ff")).response.status, 400);
  });

  it("is told 404 when no provider is left by its preferences", async (t) => {
    const { chat } = await start(t);
    const { response, body } = await chat({ ...good, provider: { only: ["77"] } });
    assert.equal(response.status, 404);
    assert.match(body.error.message, /`provider` field/);
  });

  it("is told 400 when its prompt can't fit anywhere", async (t) => {
    const { chat } = await start(t);
    const { response, body } = await chat({
      model: MODEL,
      messages: [{ role: "user", content: "hello ".repeat(9_000) }],
    });
    assert.equal(response.status, 400);
    assert.equal(body.error.metadata.error_type, "context_length_exceeded");
  });

  it("is served with fields that only other gateways know", async (t) => {
    const { chat } = await start(t);
    const provider = { sort: "price", require_parameters: true, zdr: false, data_collection: "allow" };
    const { response } = await chat({ ...good, provider, usage: { include: true }, stream: null, n: null });
    assert.equal(response.status, 200);
  });

  it("is told little of what went wrong inside", async (t) => {
    const { chat, world } = await start(t);
    world.journal.delay = async () => {
      throw new TypeError("secret detail");
    };
    const { response, body } = await chat(good);
    assert.equal(response.status, 500);
    assert.equal(response.headers.get("x-should-retry"), "false");
    assert.ok(!JSON.stringify(body).includes("secret"));
  });
});
