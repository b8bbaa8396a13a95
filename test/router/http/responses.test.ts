/** OpenAI's Responses API, as a stock client asks for it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { costsOf, failure, startClient, type Costs } from "../../fakes/client.ts";
import { ACCOUNT, MODEL } from "../../fakes/world.ts";

const message = (text: string) => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
});
const reported = (input_tokens: number, output_tokens: number) => ({
  input_tokens,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens,
  output_tokens_details: { reasoning_tokens: 1 },
  total_tokens: input_tokens + output_tokens,
});
const response = (status: string, text?: string) => ({
  id: "resp_of_the_provider",
  object: "response",
  created_at: 1_800_000_000,
  status,
  model: "upstream-model",
  error: null,
  output: text === undefined ? [] : [message(text)],
  ...(text !== undefined && { usage: reported(12, 3) }),
});
const piece = (delta: string, n: number) => ({
  type: "response.output_text.delta",
  item_id: "msg_1",
  output_index: 0,
  content_index: 0,
  delta,
  sequence_number: n,
});
const begin = { type: "response.created", response: response("in_progress"), sequence_number: 0 };
const end = (text: string) => ({
  type: "response.completed",
  response: response("completed", text),
  sequence_number: 3,
});
const ENTRY = { model: MODEL, input: "Say hello." };

describe("POST /v1/responses", () => {
  it("answers whole, with cost and receipt", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { answer: response("completed", "Hello!") });
    const { data, response: http } = await client.responses
      .create({ ...ENTRY, instructions: "Be short.", max_output_tokens: 20 })
      .withResponse();
    assert.equal(data.output_text, "Hello!");
    assert.match(data.id, /^gen-/);
    assert.equal(http.headers.get("x-generation-id"), data.id);
    assert.equal(data.model, MODEL);
    assert.equal(data.usage?.input_tokens, 12);
    assert.equal(data.usage?.output_tokens_details.reasoning_tokens, 1);
    assert.equal(costsOf(data).usage.cost_wei, String(12 * 10 + 3 * 30 + 7));
    assert.equal(costsOf(data).receipt.id, `${ACCOUNT}-0`);
    assert.equal(upstream.requests[0]?.path, "/responses");
    assert.deepEqual(upstream.requests[0]?.body, {
      model: "upstream-model",
      input: "Say hello.",
      instructions: "Be short.",
      max_output_tokens: 20,
      store: false,
    });
  });

  it("streams its events, and commits to the same answer as whole", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(
      1,
      { answer: response("completed", "Hello!") },
      { chunks: [begin, piece("Hel", 1), piece("lo!", 2), end("Hello!")] },
    );
    const whole = await client.responses.create(ENTRY);
    const events = await Array.fromAsync(await client.responses.create({ ...ENTRY, stream: true }));
    assert.deepEqual(
      events.map(({ type }) => type),
      ["response.created", "response.output_text.delta", "response.output_text.delta", "response.completed"],
    );
    const first = events[0] as typeof begin;
    const last = events.at(-1) as unknown as {
      response: Costs & { id: string; model: string; status: string };
    };
    assert.match(first.response.id, /^gen-/);
    assert.equal(last.response.id, first.response.id);
    assert.equal(last.response.model, MODEL);
    assert.equal(last.response.usage.cost_wei, "217");
    const { responseHash } = last.response.receipt.fields;
    assert.equal(responseHash, costsOf(whole).receipt.fields.responseHash);
  });

  it("is understood by the client's own accumulator", async (t) => {
    const { client, upstream } = await startClient(t);
    const item = { ...message(""), content: [] };
    const added = { type: "response.output_item.added", output_index: 0, item, sequence_number: 1 };
    const part = {
      type: "response.content_part.added",
      item_id: "msg_1",
      output_index: 0,
      content_index: 0,
      part: { type: "output_text", text: "", annotations: [] },
      sequence_number: 2,
    };
    upstream.script(1, { chunks: [begin, added, part, piece("Hello!", 3), end("Hello!")] });
    const final = await client.responses.stream(ENTRY).finalResponse();
    assert.equal(final.output_text, "Hello!");
  });

  it("breaks in the open: the client throws, and nothing is charged", async (t) => {
    const { client, upstream, world } = await startClient(t);
    upstream.script(1, { chunks: [begin, piece("Hel", 1)], fault: "protocol" });
    const error = await failure(Array.fromAsync(await client.responses.create({ ...ENTRY, stream: true })));
    assert.equal(String(error.code), "502");
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 0n);
    assert.equal(world.journal.outcomes[0]?.receipts[0]?.receipt.timing, 0);
  });

  it("costs what was received when the caller leaves", async (t) => {
    const { client, upstream, world } = await startClient(t);
    const controller = new AbortController();
    const left = Promise.withResolvers<void>();
    const goOn = async () => {
      controller.abort();
      await left.promise;
    };
    upstream.script(1, { chunks: [begin, piece("hello world", 1), goOn, piece(" and more", 2), end("x")] });
    const stream = await client.responses.create({ ...ENTRY, stream: true }, { signal: controller.signal });
    await Array.fromAsync(stream).catch(() => undefined);
    // The router hears of it a moment later.
    await new Promise((resolve) => setTimeout(resolve, 50));
    left.resolve();
    while (world.journal.outcomes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const row = world.journal.outcomes[0]?.receipts[0]?.receipt;
    assert.equal(row?.outputUnits, 2);
    assert.ok(row && row.amountWei > 0n);
    while (world.accounts.heldWei(ACCOUNT) > 0n) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("goes to a provider that has the endpoint, without blame for the one that has not", async (t) => {
    const { client, upstream, world } = await startClient(t);
    upstream.script(1, { fault: "rejected", status: 404 });
    upstream.script(2, { answer: response("completed", "Hello!") });
    const data = await client.responses.create(ENTRY);
    assert.equal(data.output_text, "Hello!");
    assert.equal(world.journal.outcomes[0]?.receipts.length, 1, "no failed row");
  });

  it("holds the whole context for an image, and the bytes for text", async (t) => {
    const { client, upstream, world } = await startClient(t, { balanceWei: 10n ** 9n });
    const held: bigint[] = [];
    const complete = upstream.complete.bind(upstream);
    upstream.complete = async (...args) => {
      held.push(world.accounts.heldWei(ACCOUNT));
      return complete(...args);
    };
    upstream.script(1, { answer: response("completed", "Hello!") });
    const image = {
      type: "input_image" as const,
      image_url: "data:image/png;base64,AA",
      detail: "low" as const,
    };
    for (const content of ["Look.", [image]])
      await client.responses.create({
        model: MODEL,
        input: [{ role: "user", content }],
        max_output_tokens: 20,
      });
    const [text = 0n, picture = 0n] = held;
    assert.ok(text < 10n * 1_000n + 20n * 30n + 7n, String(text));
    assert.equal(picture, 10n * 8_000n + 20n * 30n + 7n);
  });

  it("refuses what would need somebody to remember, or tools without a price", async (t) => {
    const { client, upstream } = await startClient(t);
    const reference = { type: "item_reference" as const, id: "msg_1" };
    for (const body of [
      { ...ENTRY, previous_response_id: "resp_1" },
      { ...ENTRY, conversation: "conv_1" },
      { ...ENTRY, background: true },
      { ...ENTRY, store: true },
      { ...ENTRY, input: [reference] },
      { ...ENTRY, tools: [{ type: "web_search" as const }] },
    ])
      assert.equal((await failure(client.responses.create(body))).status, 400, JSON.stringify(body));
    assert.equal(upstream.requests.length, 0);
  });
});
