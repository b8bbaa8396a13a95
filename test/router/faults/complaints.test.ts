/** What users of other gateways complain about, as tests of this one; test/README.md has the list. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import OpenAI, { APIError } from "openai";
import { event, json, openStream, type Behaviour } from "../../fakes/provider.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { MODEL, SECRET } from "../../fakes/world.ts";
import { setStage, SPARE_TEXT, SPARE_WEI, type Stage } from "./stage.ts";

const DONE = "data: [DONE]\n\n";
const hello = event(delta("hello"));

/** Sends what it is given, as a stream; numbers are milliseconds. */
const play =
  (...steps: (string | number)[]): Behaviour =>
  async (res) => {
    openStream(res);
    for (const step of steps) {
      if (res.destroyed) return;
      if (typeof step === "number") await setTimeout(step);
      else res.write(step);
    }
    res.end();
  };

const clientOf = (stage: Stage): OpenAI =>
  new OpenAI({ baseURL: `${stage.origin}/v1`, apiKey: `sk-ai1-${"a".repeat(16)}-${SECRET}` });
const messages = [{ role: "user" as const, content: "Say hello." }];

/** Leaves a stream after `count` chunks of content. */
async function leaveAfter(stage: Stage, count: number): Promise<void> {
  const stream = await clientOf(stage).chat.completions.create({ model: MODEL, messages, stream: true });
  let seen = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) seen++;
    if (seen === count) break;
  }
  stream.controller.abort();
  for (let i = 0; i < 200 && !stage.world.metrics.seen.some(([name]) => name === "request"); i++)
    await setTimeout(5);
}

const endpointsOf = async (stage: Stage) => {
  const response = await fetch(`${stage.origin}/v1/models/${MODEL}/endpoints`);
  return ((await response.json()) as { data: { endpoints: Record<string, unknown>[] } }).data.endpoints;
};

describe("complaint 1: usage lost when the client disconnects", () => {
  it("is in the journal, with a signed row for what was received", async (t) => {
    const stage = await setStage(t, play(event(role), hello, 20, hello, 2_000));
    await leaveAfter(stage, 2);
    const chargedWei = await stage.charged();
    const [row, ...others] = await stage.rows();
    assert.deepEqual(others, []);
    assert.ok(row && row.receipt.timing > 0);
    assert.deepEqual([row.receipt.inputUnits, row.receipt.outputUnits], [7, 2]);
    assert.equal(chargedWei, 7n * 10n + 2n * 30n + 7n);
  });
});

describe("complaint 2: over-billing on abort", () => {
  it("is not an estimate where the provider has said what it was, even zero", async (t) => {
    const counted = (output: number) =>
      event({
        ...delta("hello"),
        usage: { prompt_tokens: output === 0 ? 0 : 12, completion_tokens: output },
      });
    for (const [output, expected] of [
      [0, 7n],
      [5, 12n * 10n + 5n * 30n + 7n],
    ] as const) {
      const stage = await setStage(t, play(event(role), counted(output), 20, counted(output), 2_000));
      await leaveAfter(stage, 2);
      assert.equal(await stage.charged(), expected);
    }
  });

  it("is the winner's price alone when another provider failed first", async (t) => {
    const stage = await setStage(t, play(event(role), event({ error: { message: "no" } })), { spare: true });
    const seen = await stage.ask({ stream: true });
    assert.equal(seen.costWei, SPARE_WEI);
    assert.equal(await stage.charged(), SPARE_WEI);
  });
});

describe("complaint 3: streamed calls logged at nothing", () => {
  const streams: readonly (readonly [string, string[], bigint])[] = [
    ["no usage at all", [event(role), hello, event(finish()), DONE], 7n * 10n + 30n + 7n],
    [
      "usage in a chunk of its own",
      [hello, event(finish()), event(usage(12, 1)), DONE],
      12n * 10n + 30n + 7n,
    ],
    [
      "usage in the chunk of the finish reason",
      [hello, event({ ...finish(), usage: { prompt_tokens: 12, completion_tokens: 1 } }), DONE],
      12n * 10n + 30n + 7n,
    ],
    [
      "usage of the output alone",
      [hello, event(finish()), event({ choices: [], usage: { completion_tokens: 4 } }), DONE],
      7n * 10n + 4n * 30n + 7n,
    ],
    [
      "null usage until the last chunk",
      [event({ ...delta("hello"), usage: null }), event(finish()), event(usage(12, 1)), DONE],
      12n * 10n + 30n + 7n,
    ],
  ];
  for (const [name, events, expected] of streams)
    it(`is charged with ${name}`, async (t) => {
      const stage = await setStage(t, play(...events));
      const seen = await stage.ask({ stream: true });
      assert.equal(seen.costWei, expected);
      assert.equal(await stage.charged(), expected);
    });
});

describe("complaint 10: a truncated stream shown as success, a fallback never tried", () => {
  it("is an exception of the stock client, after what had come", async (t) => {
    const stage = await setStage(t, play(event(role), hello), { spare: true });
    const stream = await clientOf(stage).chat.completions.create({ model: MODEL, messages, stream: true });
    let text = "";
    await assert.rejects(
      async () => {
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      },
      (error: unknown) => error instanceof APIError && Number(error.code) === 502,
    );
    assert.equal(text, "hello");
    assert.equal(await stage.charged(), 0n);
  });

  it("is another provider's answer while nothing has come", async (t) => {
    const stage = await setStage(t, play(event(role)), { spare: true });
    const seen = await stage.ask({ stream: true });
    assert.deepEqual([seen.text, seen.finishReason, seen.isDone], [SPARE_TEXT, "stop", true]);
  });
});

describe("complaint 11: fallback in mid-stream done wrong", () => {
  it("never mixes two answers, nor asks another provider once content has come", async (t) => {
    const stage = await setStage(t, play(event(role), hello, 600), { spare: true });
    const seen = await stage.ask({ stream: true });
    assert.deepEqual([seen.text, seen.finishReason, seen.isDone], ["hello", "error", false]);
    assert.equal(stage.spare?.seen.length, 0);
  });

  it("never happens with allow_fallbacks false", async (t) => {
    const stage = await setStage(t, (res) => json(res, 500, { error: { message: "oops" } }), { spare: true });
    const seen = await stage.ask({ stream: true, provider: { allow_fallbacks: false } });
    assert.equal(seen.status, 502);
    assert.equal(stage.spare?.seen.length, 0);
  });

  it("tells the cause, with every try, and the provider's own words for a refused request", async (t) => {
    const failing = await setStage(t, (res) => json(res, 500, { error: { message: "oops" } }));
    const failed = await failing.ask();
    assert.deepEqual(failed.previousErrors, [{ provider: "1", code: "server", status: 500 }]);
    const stage = await setStage(
      t,
      (res) => json(res, 400, { error: { message: "assistant prefill is not supported" } }),
      { spare: true },
    );
    const refused = await clientOf(stage)
      .chat.completions.create({ model: MODEL, messages })
      .catch((error: unknown) => error);
    assert.ok(refused instanceof APIError);
    assert.equal(refused.status, 400);
    assert.match(refused.message, /assistant prefill is not supported/);
    assert.equal(stage.spare?.seen.length, 0, "another provider is no cure for a bad request");
  });
});

describe("complaint 12: timeouts that never fire", () => {
  const silences: readonly (readonly [string, Behaviour])[] = [
    ["a provider that says nothing", () => undefined],
    ["a provider that only opens a stream", (res) => openStream(res)],
    ["heartbeats without content", play(...Array.from({ length: 40 }, () => [": ping\n\n", 25]).flat())],
    [
      "empty chunks without content",
      play(...Array.from({ length: 40 }, () => [event(delta("")), 25]).flat()),
    ],
    ["a stream that stalls", play(hello, 5_000)],
    [
      "a stream that drips heartbeats",
      play(hello, ...Array.from({ length: 40 }, () => [event(role), 25]).flat()),
    ],
  ];
  for (const [name, behave] of silences)
    it(`are none for ${name}`, async (t) => {
      const stage = await setStage(t, behave);
      const sinceMs = performance.now();
      const seen = await stage.ask({ stream: true });
      assert.ok(performance.now() - sinceMs < 2_000);
      assert.ok(seen.status === 504 || seen.finishReason === "error");
      assert.equal(await stage.charged(), 0n);
    });

  it("are none for an answer without end: a whole request has a limit, too", async (t) => {
    const drip = play(...Array.from({ length: 200 }, () => [hello, 20]).flat());
    const stage = await setStage(t, drip, { limits: { totalMs: 700 } });
    const sinceMs = performance.now();
    const seen = await stage.ask({ stream: true });
    assert.ok(performance.now() - sinceMs < 1_500);
    assert.equal(seen.finishReason, "error");
    assert.equal(await stage.charged(), 0n);
  });

  it("are not needed for a missing [DONE]", async (t) => {
    const stage = await setStage(t, play(hello, event(finish()), 5_000));
    const sinceMs = performance.now();
    const seen = await stage.ask({ stream: true });
    assert.ok(performance.now() - sinceMs < 1_000);
    assert.deepEqual([seen.text, seen.finishReason, seen.isDone], ["hello", "stop", true]);
  });
});

describe("complaint 14: the price of cached tokens wrong", () => {
  const cached = (details: object): Behaviour => {
    const used = { prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: details };
    return (res) => json(res, 200, { ...answer("hello"), usage: used });
  };
  // Every ceiling is higher than the 100 units of the prompt.
  const prices: readonly (readonly [string, object, number, bigint])[] = [
    ["none cached", {}, 2_500, 100n],
    ["a part cached, rounded up", { cached_tokens: 41 }, 2_500, 59n + 11n],
    ["all cached", { cached_tokens: 100 }, 2_500, 25n],
    ["cached for nothing", { cached_tokens: 100 }, 0, 0n],
    ["cached at the full price", { cached_tokens: 100 }, 10_000, 100n],
    ["more cached than there is", { cached_tokens: 5_000 }, 2_500, 25n],
    ["written to the cache, which is no discount", { cache_write_tokens: 60 }, 2_500, 100n],
    ["read and written", { cached_tokens: 40, cache_write_tokens: 60 }, 2_500, 60n + 10n],
    ["a count that is none", { cached_tokens: -7 }, 2_500, 100n],
  ];
  for (const [name, details, cachedBps, units] of prices)
    it(`is the price list's with ${name}`, async (t) => {
      const stage = await setStage(t, cached(details), { offer: { cachedBps } });
      const seen = await stage.ask();
      const expected = units * 10n + 30n + 7n;
      assert.equal(seen.costWei, expected);
      assert.equal(await stage.charged(), expected);
      assert.equal(seen.usage?.["prompt_tokens"], 100, "the caller sees the whole prompt");
      const [row] = await stage.rows();
      assert.equal(row?.receipt.inputUnits, Number(units), "the row has the billed units");
    });
});

describe("complaint 15: a breaker that is opaque or inert", () => {
  const dead: readonly (readonly [string, Behaviour | "nobody listens", number])[] = [
    ["a dead host", "nobody listens", 0],
    ["one that answers 500", (res) => json(res, 500, {}), 3],
    ["one that breaks off in mid-stream", play(event(role), hello), 3],
    ["one whose key is refused", (res) => json(res, 401, {}), 1],
  ];
  for (const [name, behave, asked] of dead)
    it(`takes ${name} out of rotation, and says so`, async (t) => {
      const stage = await setStage(t, behave, { spare: true });
      for (let i = 0; i < 25; i++) await stage.ask({ stream: true, provider: { order: ["1"] } });
      if (stage.bad) assert.equal(stage.bad.seen.length, asked, "of 25 requests");
      const [first, second] = await endpointsOf(stage);
      assert.deepEqual([first?.["status"], first?.["breaker"]], ["down", "open"]);
      assert.ok(Number(first?.["retry_at"]) > Date.now());
      assert.deepEqual(
        [second?.["status"], second?.["breaker"], second?.["retry_at"]],
        ["up", "closed", null],
      );
    });
});
