import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MAX_UNITS } from "../../../router/model/offer.ts";
import type { Demand } from "../../../router/request/demand.ts";
import { countPrompt, countUnits } from "../../../router/request/countUnits.ts";
import { embeddings } from "../../../router/request/wire/embeddings.ts";
import { ceilingAt, sizePrompt, type Ceiling } from "../../../router/request/price.ts";
import { sampleDemand } from "../../fakes/demand.ts";
import { MODEL, fakeWorld, sampleEndpoint } from "../../fakes/world.ts";

const say = (content: string): Demand["body"] => ({ model: MODEL, messages: [{ role: "user", content }] });

async function ceiling(
  demand: Demand,
  endpoint: { maxOutputUnits?: number; contextUnits?: number } = {},
): Promise<Ceiling> {
  const [candidate] = fakeWorld().market.candidates(1);
  assert.ok(candidate);
  const chosen = { ...candidate, endpoint: sampleEndpoint(endpoint) };
  return ceilingAt(demand, await sizePrompt(demand, "token", [chosen]), chosen);
}

describe("the ceiling of a request", () => {
  it("bounds the input whatever the text, in any tokenizer that covers a byte with a token", async () => {
    for (const text of [
      "",
      "hello",
      "日本語のテキスト",
      "🎉".repeat(50),
      '\u0000\u0001\n\t"\\',
      "a b c d e f g",
    ]) {
      const demand = sampleDemand({ body: say(text) });
      const { inputUnits } = await ceiling(demand, { contextUnits: 100_000 });
      assert.ok(inputUnits >= Buffer.byteLength(text) + 16, JSON.stringify(text));
      assert.ok(inputUnits >= (await countPrompt(demand.body)));
    }
  });

  it("never exceeds what the endpoint can read", async () => {
    const { inputUnits } = await ceiling(sampleDemand({ body: say("x".repeat(50_000)) }));
    assert.equal(inputUnits, 8_000);
  });

  it("takes the whole context for what it can't measure", async () => {
    const { inputUnits } = await ceiling(sampleDemand({ isTextOnly: false }));
    assert.equal(inputUnits, 8_000);
  });

  it("takes the endpoint's own limit on output, unless less is asked for, times the choices", async () => {
    assert.equal((await ceiling(sampleDemand())).outputUnits, 100);
    assert.equal((await ceiling(sampleDemand({ outputUnits: 7 }))).outputUnits, 7);
    assert.equal((await ceiling(sampleDemand({ outputUnits: 7_000 }))).outputUnits, 100);
    const many = await ceiling(sampleDemand({ outputUnits: 7, choices: 3 }));
    assert.deepEqual([many.outputUnits, many.outputUnitsEach], [21, 7]);
  });

  it("leaves the output what the prompt leaves of the context", async () => {
    const demand = sampleDemand({ body: say("hello ".repeat(500)) });
    const { outputUnitsEach } = await ceiling(demand, { contextUnits: 600, maxOutputUnits: 500 });
    assert.equal(outputUnitsEach, 600 - (await countPrompt(demand.body)));
  });

  it("counts tools twice, since templates print them at length", async () => {
    const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
    const without = await ceiling(sampleDemand());
    const demand = sampleDemand({ body: { ...say("Say hello."), tools } });
    const withTools = await ceiling(demand);
    assert.ok(withTools.inputUnits >= without.inputUnits + 2 * JSON.stringify(tools).length);
  });

  it("fits into the Ledger's units", async () => {
    const huge = sampleDemand({ wire: embeddings, bodyBytes: 2 ** 30 });
    const { inputUnits, outputUnits } = await ceiling(huge);
    assert.deepEqual([inputUnits, outputUnits], [MAX_UNITS, 0]);
    const each = await ceiling(sampleDemand({ choices: 16 }), {
      maxOutputUnits: MAX_UNITS,
      contextUnits: MAX_UNITS,
    });
    assert.ok(each.outputUnits <= MAX_UNITS);
  });
});

describe("counting where a provider did not", () => {
  it("agrees with the tokenizer, and takes special tokens for text", async () => {
    assert.equal(await countUnits(["hello world"]), 2);
    assert.ok((await countUnits(["<|endoftext|>"])) > 1);
    assert.equal(await countUnits([]), 0);
  });

  it("cuts long texts without changing much, and takes no time by the square", async () => {
    const prose = "The quick brown fox jumps over the lazy dog. ".repeat(1_000);
    const units = await countUnits([prose]);
    assert.ok(Math.abs(units - 10_000) < 100, String(units));
    const startedAtMs = performance.now();
    await countUnits(["a".repeat(4_000_000)]);
    assert.ok(performance.now() - startedAtMs < 3_000);
  });

  it("counts inputs given as tokens, and no base64", async () => {
    assert.equal(await countPrompt({ input: [1, 2, 3] }), 3);
    assert.equal(await countPrompt({ input: [[1, 2], [3]] }), 3);
    assert.equal(await countPrompt({ input: ["hello world", "hello"] }), 3);
    const parts = [
      { type: "text", text: "hello" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(10_000)}` } },
    ];
    assert.equal(await countPrompt({ messages: [{ role: "user", content: parts }] }), 1 + 4);
  });
});
