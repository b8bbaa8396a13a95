import assert from "node:assert/strict";
import { crc32, inflateSync } from "node:zlib";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { APIError } from "openai";
import { DEMO_PROVIDERS } from "../../../scripts/demo/providers/catalog.ts";
import { startProvider, type RunningProvider } from "../../../scripts/demo/providers/server.ts";
import { countTokens } from "../../../scripts/demo/providers/tokenizer.ts";

const KEY = "sk-test-provider";
const QUICK = { firstTokenMs: 0, tokensPerSec: 100_000 };
const ARTICLE =
  "The router sends each request to an offer of a provider. A provider stakes tokens before its offer is listed. " +
  "The weather in the mountains changed twice that day. Every request is priced by the contract from the offer. " +
  "The contract credits the provider after the request was priced. Somebody ate a sandwich.";

describe("demo providers", () => {
  const running = new Map<string, RunningProvider>();
  const client = (name: string, apiKey = KEY): OpenAI =>
    new OpenAI({ baseURL: running.get(name)?.baseUrl ?? "", apiKey, maxRetries: 0 });

  before(async () => {
    for (const { name, model, ability } of DEMO_PROVIDERS) {
      const pace = name === "slow-tales" ? { firstTokenMs: 20, tokensPerSec: 40 } : QUICK;
      running.set(
        name,
        await startProvider({ ability: ability(), model, pace, port: 0, apiKey: KEY, maxInFlight: 2 }),
      );
    }
  });
  after(async () => {
    await Promise.all([...running.values()].map((provider) => provider.close(200)));
  });

  it("list the model they serve", async () => {
    for (const { name, model } of DEMO_PROVIDERS) {
      assert.deepEqual(
        (await client(name).models.list()).data.map(({ id }) => id),
        [model],
      );
      assert.equal((await client(name).models.retrieve(model)).id, model);
    }
  });

  it("answer at once, with exact usage", async () => {
    const content = "What is 2^64?";
    const answer = await client("abacus").chat.completions.create({
      model: "ai1net/solver",
      messages: [{ role: "user", content }],
    });
    const text = "2^64 = 18446744073709551616";
    assert.equal(answer.choices[0]?.message.content, text);
    assert.equal(answer.choices[0]?.finish_reason, "stop");
    assert.deepEqual(answer.usage, {
      prompt_tokens: countTokens(content) + 4,
      completion_tokens: countTokens(text),
      total_tokens: countTokens(content) + 4 + countTokens(text),
    });
  });

  it("answer the Responses API, whole and as a stream, with the same words and usage", async () => {
    const { responses } = client("abacus");
    const body = { model: "ai1net/solver", input: "What is 2^64?", instructions: "Be exact." };
    const whole = await responses.create(body);
    const text = "2^64 = 18446744073709551616";
    assert.equal(whole.output_text, text);
    assert.equal(whole.status, "completed");
    assert.equal(whole.usage?.output_tokens, countTokens(text));
    const streamed = await responses.stream(body).finalResponse();
    assert.equal(streamed.output_text, text);
    assert.deepEqual(streamed.usage, whole.usage);
    const cut = await responses.create({ ...body, max_output_tokens: 3 });
    assert.equal(cut.status, "incomplete");
    assert.equal(cut.usage?.output_tokens, 3);
  });

  it("answer text completions, whole and as a stream, with the same words", async () => {
    const body = { model: "ai1net/solver", prompt: "What is 2^64?" };
    const whole = await client("abacus").completions.create(body);
    assert.equal(whole.object, "text_completion");
    assert.equal(whole.choices[0]?.text, "2^64 = 18446744073709551616");
    const options = { stream: true, stream_options: { include_usage: true } } as const;
    const chunks = await Array.fromAsync(await client("abacus").completions.create({ ...body, ...options }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join(""), whole.choices[0]?.text);
    assert.equal(chunks.at(-1)?.usage?.completion_tokens, whole.usage?.completion_tokens);
  });

  it("paint PNG files, the same for the same words and others for others", async () => {
    const paint = async (prompt: string, n = 1): Promise<Buffer[]> => {
      const painted = await client("easel").images.generate({ model: "ai1net/painter", prompt, n });
      return (painted.data ?? []).map(({ b64_json }) => Buffer.from(b64_json ?? "", "base64"));
    };
    const [first, second] = await paint("A lighthouse at sunset", 2);
    assert.ok(first && second);
    assert.ok(!first.equals(second));
    assert.deepEqual((await paint("A lighthouse at sunset"))[0], first);
    assert.ok(!(await paint("A lighthouse at night"))[0]?.equals(first));
    assert.deepEqual([first.readUInt32BE(16), first.readUInt32BE(20)], [256, 256]);
    const length = first.readUInt32BE(33);
    assert.equal(first.subarray(37, 41).toString("latin1"), "IDAT");
    assert.equal(inflateSync(first.subarray(41, 41 + length)).length, 256 * (3 * 256 + 1));
    assert.equal(crc32(first.subarray(37, 41 + length)), first.readUInt32BE(41 + length));
    assert.equal(first.subarray(-8, -4).toString("latin1"), "IEND");
  });

  it("hum a text: WAV or bare samples, as long as the text", async () => {
    const hum = async (input: string, response_format: "wav" | "pcm" | "mp3"): Promise<Buffer> => {
      const request = { model: "ai1net/speaker", voice: "alloy", input, response_format } as const;
      return Buffer.from(await (await client("hum").audio.speech.create(request)).arrayBuffer());
    };
    const pcm = await hum("Hello, world", "pcm");
    const wav = await hum("Hello, world", "wav");
    assert.deepEqual(wav.subarray(44), pcm);
    assert.equal(wav.readUInt32LE(40), pcm.length);
    assert.equal(wav.readUInt32LE(24), 24_000);
    assert.equal((await hum("Hello, worldHello, world", "pcm")).length, 2 * pcm.length);
    assert.ok(pcm.some((byte) => byte !== 0));
    await assert.rejects(hum("Hello", "mp3"), { status: 400, param: "response_format" });
  });

  it("stream the same answer, with the same usage when asked", async () => {
    const request = {
      model: "ai1net/storyteller",
      messages: [{ role: "user", content: "Tell me about the White Rabbit" }],
      seed: 11,
    } as const;
    const whole = await client("rabbit-hole").chat.completions.create({
      ...request,
      messages: [...request.messages],
    });
    const stream = await client("rabbit-hole").chat.completions.create({
      ...request,
      messages: [...request.messages],
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    const reasons: string[] = [];
    const usages = [];
    let events = 0;
    for await (const chunk of stream) {
      events++;
      text += chunk.choices[0]?.delta.content ?? "";
      if (chunk.choices[0]?.finish_reason) reasons.push(chunk.choices[0].finish_reason);
      if (chunk.usage) usages.push(chunk.usage);
    }
    assert.equal(text, whole.choices[0]?.message.content);
    assert.deepEqual(reasons, ["stop"]);
    assert.deepEqual(usages, [whole.usage]);
    assert.ok(events > 50, `${events} events`);
  });

  it("leave usage out of a stream that did not ask for it", async () => {
    const stream = await client("abacus").chat.completions.create({
      model: "ai1net/solver",
      messages: [{ role: "user", content: "1+1" }],
      stream: true,
    });
    for await (const chunk of stream) assert.equal(chunk.usage ?? undefined, undefined);
  });

  it("tell other stories for other seeds, and the likeliest one at temperature 0", async () => {
    const tell = async (options: { seed?: number; temperature?: number }): Promise<string> => {
      const answer = await client("rabbit-hole").chat.completions.create({
        model: "ai1net/storyteller",
        messages: [{ role: "user", content: "Alice" }],
        ...options,
      });
      return answer.choices[0]?.message.content ?? "";
    };
    assert.notEqual(await tell({ seed: 1 }), await tell({ seed: 2 }));
    assert.equal(await tell({ seed: 1, temperature: 0 }), await tell({ seed: 1, temperature: 0 }));
  });

  it("honour max_tokens and stop", async () => {
    const short = await client("rabbit-hole").chat.completions.create({
      model: "ai1net/storyteller",
      messages: [{ role: "user", content: "Alice" }],
      max_tokens: 9,
      seed: 3,
    });
    assert.equal(short.choices[0]?.finish_reason, "length");
    assert.ok((short.usage?.completion_tokens ?? 99) <= 9);
    const stopped = await client("abacus").chat.completions.create({
      model: "ai1net/solver",
      messages: [{ role: "user", content: "6*7" }],
      stop: [" ="],
    });
    assert.equal(stopped.choices[0]?.message.content, "6*7");
  });

  it("summarize with sentences of the text, in its order", async () => {
    const answer = await client("abridge").chat.completions.create({
      model: "ai1net/summarizer",
      messages: [{ role: "user", content: `Summarize in two sentences: ${ARTICLE}` }],
    });
    const text = answer.choices[0]?.message.content ?? "";
    const sentences = text.split(/(?<=\.) /u);
    assert.equal(sentences.length, 2);
    const places = sentences.map((sentence) => ARTICLE.indexOf(sentence));
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? -1)),
      text,
    );
    assert.doesNotMatch(text, /sandwich|weather/u);
  });

  it("embed texts as unit vectors, near for like texts, in both encodings", async () => {
    const input = ["the cat sat on the mat", "cats sitting on mats", "quarterly revenue growth"];
    const asBase64 = await client("compass").embeddings.create({ model: "ai1net/embedder", input });
    const asFloats = await client("compass").embeddings.create({
      model: "ai1net/embedder",
      input,
      encoding_format: "float",
    });
    const [a, b, c] = asFloats.data.map(({ embedding }) => embedding) as [number[], number[], number[]];
    const dot = (x: number[], y: number[]): number =>
      x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
    assert.ok(Math.abs(dot(a, a) - 1) < 1e-9);
    assert.ok(dot(a, b) > dot(a, c));
    asBase64.data[0]?.embedding.forEach((value, i) => assert.ok(Math.abs(value - (a[i] ?? 0)) < 1e-6));
    assert.equal(
      asFloats.usage.prompt_tokens,
      input.reduce((sum, text) => sum + countTokens(text), 0),
    );
    const small = await client("compass").embeddings.create({
      model: "ai1net/embedder",
      input: "cat",
      dimensions: 64,
      encoding_format: "float",
    });
    assert.equal(small.data[0]?.embedding.length, 64);
  });

  it("take as long as their pace says", async () => {
    const startedAt = performance.now();
    await client("slow-tales").chat.completions.create({
      model: "ai1net/storyteller",
      messages: [{ role: "user", content: "Alice" }],
      max_tokens: 20,
    });
    const elapsedMs = performance.now() - startedAt;
    assert.ok(elapsedMs > 400, `${elapsedMs} ms for 20 tokens at 40 per second`);
  });

  it("stop working when the caller leaves", async () => {
    const stream = await client("slow-tales").chat.completions.create({
      model: "ai1net/storyteller",
      messages: [{ role: "user", content: "Alice" }],
      stream: true,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    stream.controller.abort();
    for (let i = 0; i < 100 && running.get("slow-tales")?.inFlight() !== 0; i++) await sleep(10);
    assert.equal(running.get("slow-tales")?.inFlight(), 0);
  });

  it("refuse what they can't do, in OpenAI's shape", async () => {
    const messages = [{ role: "user" as const, content: "1+1" }];
    const refusals: readonly (readonly [() => Promise<unknown>, number, string])[] = [
      [() => client("abacus", "sk-wrong").models.list(), 401, "invalid_api_key"],
      [() => client("abacus").chat.completions.create({ model: "gpt-4o", messages }), 404, "model_not_found"],
      [
        () => client("abacus").chat.completions.create({ model: "ai1net/solver", messages: [] }),
        400,
        "invalid_value",
      ],
      [
        () => client("abacus").chat.completions.create({ model: "ai1net/solver", messages, n: 2 }),
        400,
        "invalid_value",
      ],
      [() => client("abacus").embeddings.create({ model: "ai1net/solver", input: "x" }), 404, "not_found"],
      [
        () =>
          client("abacus").chat.completions.create({
            model: "ai1net/solver",
            messages: [{ role: "user", content: "word ".repeat(40_000) }],
          }),
        400,
        "context_length_exceeded",
      ],
      [
        () =>
          client("abacus").chat.completions.create({
            model: "ai1net/solver",
            messages: [{ role: "user", content: "x".repeat(1_100_000) }],
          }),
        413,
        "request_too_large",
      ],
    ];
    for (const [refusal, status, code] of refusals) {
      await assert.rejects(refusal(), (error: unknown) => {
        assert.ok(error instanceof APIError);
        assert.equal(error.status, status);
        assert.equal(error.code, code);
        return true;
      });
    }
  });

  it("answer 429 above what they can do at once", async () => {
    const ask = () =>
      client("slow-tales").chat.completions.create({
        model: "ai1net/storyteller",
        messages: [{ role: "user", content: "Alice" }],
        max_tokens: 20,
      });
    const outcomes = await Promise.allSettled([ask(), ask(), ask()]);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(refused.length, 1);
    assert.ok(refused[0]?.reason instanceof APIError);
    assert.equal(refused[0].reason.status, 429);
  });

  it("close while a request runs, and let it end", async () => {
    const demo = DEMO_PROVIDERS.find(({ name }) => name === "slow-tales");
    assert.ok(demo);
    const provider = await startProvider({
      ability: demo.ability(),
      model: demo.model,
      pace: { firstTokenMs: 100, tokensPerSec: 200 },
      port: 0,
    });
    const asked = new OpenAI({ baseURL: provider.baseUrl, apiKey: "none" }).chat.completions.create({
      model: demo.model,
      messages: [{ role: "user", content: "Alice" }],
      max_tokens: 10,
    });
    await sleep(50);
    await provider.close();
    assert.equal((await asked).object, "chat.completion");
  });
});
