/** Text completions, as a stock OpenAI client asks for them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { costsOf, failure, startClient } from "../../fakes/client.ts";
import { usage } from "../../fakes/upstream.ts";
import { ACCOUNT, MODEL } from "../../fakes/world.ts";

const choice = (text: string, finish_reason: string | null, index = 0) => ({
  index,
  text,
  finish_reason,
  logprobs: null,
});
const piece = (text: string, finish_reason: string | null = null) => ({
  choices: [choice(text, finish_reason)],
});

describe("text completions", () => {
  it("answer whole, with cost and receipt", async (t) => {
    const { client, upstream } = await startClient(t);
    const reported = { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 };
    upstream.script(1, { answer: { choices: [choice(" upon a time", "stop")], usage: reported } });
    const data = await client.completions.create({ model: MODEL, prompt: "Once", max_tokens: 5 });
    assert.equal(data.object, "text_completion");
    assert.equal(data.model, MODEL);
    assert.equal(data.choices[0]?.text, " upon a time");
    assert.equal(costsOf(data).usage.cost_wei, String(4 * 10 + 3 * 30 + 7));
    assert.equal(costsOf(data).receipt.id, `${ACCOUNT}-0`);
    const [request] = upstream.requests;
    assert.equal(request?.path, "/completions");
    assert.deepEqual(request?.body, { model: "upstream-model", prompt: "Once", max_tokens: 5 });
  });

  it("stream, and commit to the same answer as whole", async (t) => {
    const { client, upstream } = await startClient(t);
    const reported = { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 };
    upstream.script(
      1,
      { answer: { choices: [choice(" upon a time", "stop")], usage: reported } },
      { chunks: [piece(" upon"), piece(" a time"), piece("", "stop"), usage(4, 3)] },
    );
    const whole = await client.completions.create({ model: MODEL, prompt: "Once" });
    const stream = await client.completions.create({ model: MODEL, prompt: "Once", stream: true });
    const chunks = await Array.fromAsync(stream);
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join(""), " upon a time");
    assert.ok(chunks.every((chunk) => chunk.object === "text_completion" && chunk.id === chunks[0]?.id));
    assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, "stop");
    const last = costsOf(chunks.at(-1));
    assert.equal(last.usage.cost_wei, costsOf(whole).usage.cost_wei);
    assert.equal(last.receipt.fields.responseHash, costsOf(whole).receipt.fields.responseHash);
    assert.equal(upstream.requests[1]?.body["max_tokens"], 16, "what OpenAI takes when nothing is said");
  });

  it("hold for every answer that is generated, also for those that nobody gets", async (t) => {
    const { client, upstream, world } = await startClient(t);
    let heldWei = 0n;
    const complete = upstream.complete.bind(upstream);
    upstream.complete = async (...args) => {
      heldWei = world.accounts.heldWei(ACCOUNT);
      return complete(...args);
    };
    const choices = [choice("a", "stop"), choice("b", "stop", 1)];
    upstream.script(1, { answer: { choices, usage: { prompt_tokens: 2, completion_tokens: 40 } } });
    const body = { model: MODEL, prompt: ["x", "y"], best_of: 4, n: 1, max_tokens: 5 };
    const data = await client.completions.create(body);
    const outputWei = BigInt(2 * 4 * 5 * 30);
    assert.ok(heldWei > outputWei && heldWei < outputWei + 10n * 1_000n, String(heldWei));
    assert.equal(costsOf(data).receipt.fields.outputUnits, 40);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
  });

  it("break in the open: an error, and nothing is charged", async (t) => {
    const { client, upstream, world } = await startClient(t);
    upstream.script(1, { chunks: [piece(" upon")], fault: "protocol" });
    const stream = await client.completions.create({ model: MODEL, prompt: "Once", stream: true });
    const error = await failure(Array.fromAsync(stream));
    assert.equal(error.code, 502);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 0n);
  });

  it("are counted where the provider does not", async (t) => {
    const { client, upstream } = await startClient(t);
    upstream.script(1, { answer: { choices: [choice("hello world", "stop")] } });
    const data = await client.completions.create({ model: MODEL, prompt: "hello there" });
    const { inputUnits, outputUnits } = costsOf(data).receipt.fields;
    assert.deepEqual([inputUnits, outputUnits], [2, 2]);
  });

  it("refuse what can't be", async (t) => {
    const { client, upstream } = await startClient(t);
    const prompt = Array.from({ length: 129 }, () => "x");
    for (const body of [
      { model: MODEL, prompt: "x", best_of: 2, stream: true as const },
      { model: MODEL, prompt },
      { model: MODEL, prompt: "x", n: 17 },
    ])
      assert.equal((await failure(client.completions.create(body))).status, 400);
    assert.equal(upstream.requests.length, 0);
  });
});
