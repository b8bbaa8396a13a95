import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ModelQuality } from "../../../router/market/modelQuality.ts";
import { BALANCED, chooseModel, type ModelOption } from "../../../router/routing/chooseModel.ts";
import { certainly, guessTask, type Task } from "../../../router/routing/tasks.ts";
import { randomFrom } from "../../fakes/random.ts";

const half = (): number => 0.5;

function option(
  modelId: number,
  mean: number,
  overrides: Partial<ModelOption> & { trials?: number } = {},
): ModelOption {
  const { trials = 10_000, ...rest } = overrides;
  return {
    model: { modelId, name: `m${modelId}`, unit: "token" },
    priceWei: 1_000,
    durationMs: 1_000,
    belief: () => ({ mean, trials }),
    ...rest,
  };
}

const first = (options: readonly ModelOption[], weights = BALANCED, random = half): string | undefined =>
  chooseModel(options, certainly("chat"), weights, random).ranked[0]?.name;

describe("the choice of a model", () => {
  it("is the better one at the same price and pace", () => {
    assert.equal(first([option(1, 0.6), option(2, 0.8)]), "m2");
  });

  it("is the cheaper or the faster one at the same quality", () => {
    assert.equal(first([option(1, 0.7, { priceWei: 5_000 }), option(2, 0.7)]), "m2");
    assert.equal(first([option(1, 0.7, { durationMs: 9_000 }), option(2, 0.7)]), "m2");
  });

  it("follows the caller's weights", () => {
    const options = [
      option(1, 0.95, { priceWei: 50_000, durationMs: 5_000 }),
      option(2, 0.6, { durationMs: 8_000 }),
      option(3, 0.6, { priceWei: 30_000, durationMs: 200 }),
    ];
    assert.equal(first(options, { quality: 1, cost: 0, speed: 0 }), "m1");
    assert.equal(first(options, { quality: 0, cost: 1, speed: 0 }), "m2");
    assert.equal(first(options, { quality: 0, cost: 0, speed: 1 }), "m3");
  });

  it("weighs every task that a request might be", () => {
    const specialist = (modelId: number, good: Task): ModelOption =>
      option(modelId, 0, { belief: (task) => ({ mean: task === good ? 0.9 : 0.1, trials: 10_000 }) });
    const options = [specialist(1, "code"), specialist(2, "math")];
    const choose = (code: number): string | undefined =>
      chooseModel(
        options,
        new Map([
          ["code", code],
          ["math", 1 - code],
        ]),
        BALANCED,
        half,
      ).ranked[0]?.name;
    assert.equal(choose(0.6), "m1");
    assert.equal(choose(0.4), "m2");
  });

  it("tries what it knows little of, as long as it may be as good", () => {
    const random = randomFrom(7);
    const options = [option(1, 0.7), option(2, 0.68, { trials: 4 }), option(3, 0.2, { trials: 4 })];
    const tally = new Map<string, number>();
    for (let i = 0; i < 500; i++) {
      const name = first(options, BALANCED, random) ?? "";
      tally.set(name, (tally.get(name) ?? 0) + 1);
    }
    assert.ok((tally.get("m2") ?? 0) > 100, "the uncertain one gets its chance");
    assert.ok((tally.get("m1") ?? 0) > 100);
    assert.equal(tally.get("m3"), undefined, "one that is much worse by all that is known does not");
  });

  it("does not depend on the order of the models, and puts all of them in order", () => {
    const options = [option(1, 0.3), option(2, 0.8), option(3, 0.5)];
    const names = (list: ModelOption[]) =>
      chooseModel(list, certainly("chat"), BALANCED, half).ranked.map(({ name }) => name);
    assert.deepEqual(names(options), ["m2", "m3", "m1"]);
    assert.deepEqual(names(options.toReversed()), ["m2", "m3", "m1"]);
    assert.deepEqual(names([]), []);
  });
});

describe("the guess of a task", () => {
  const likeliest = (text: string): Task =>
    [...guessTask(text)].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? "chat";

  const rows: readonly (readonly [string, Task])[] = [
    ["Hello, how are you?", "chat"],
    ["Summarize this article in two sentences: The parliament met on Monday.", "summarize"],
    ["What is 12% of 50?", "math"],
    ["(3 + 4) * 5 = ?", "math"],
    ["Fix this: ```python\ndef f(x):\n  return x\n```", "code"],
    ["Tell me a story about a rabbit.", "write"],
    ["Translate into French: good morning", "translate"],
    ["Extract the names and return them as JSON.", "extract"],
    ["Classify the sentiment of this review: it was fine.", "classify"],
  ];
  for (const [text, task] of rows)
    it(`takes "${text.slice(0, 30)}" for ${task}`, () => {
      assert.equal(likeliest(text), task);
    });

  it("adds up to one, and looks at both ends of a long text", () => {
    const belief = guessTask(`${"The parliament met. ".repeat(5_000)}\nSummarize this text.`);
    assert.ok(Math.abs([...belief.values()].reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
    assert.ok((belief.get("summarize") ?? 0) > 0.5);
  });
});

describe("what is known of models", () => {
  const model = { modelId: 1, name: "acme/math-solver" };
  const general = { modelId: 2, name: "acme/large" };

  it("begins with what they claim", () => {
    const quality = new ModelQuality();
    assert.ok(quality.belief(model, "math").mean > quality.belief(general, "math").mean);
    assert.ok(quality.belief(model, "write").mean < quality.belief(general, "write").mean);
  });

  it("is what was seen, once enough was", () => {
    const quality = new ModelQuality();
    for (let i = 0; i < 200; i++) {
      const said = { voice: `caller ${i}`, task: "math" } as const;
      quality.learn({ ...said, id: `a${i}`, modelId: model.modelId, score: 0.2 });
      quality.learn({ ...said, id: `b${i}`, modelId: general.modelId, score: 0.9 });
    }
    assert.ok(quality.belief(model, "math").mean < 0.3);
    assert.ok(quality.belief(general, "math").mean > 0.8);
    assert.ok(quality.belief(general, "math").trials > 150);
    assert.ok(
      quality.belief(general, "write").mean < 0.6,
      "being good at one thing proves nothing about another",
    );
  });

  it("counts a voice three times at the most, with its average, however often it is raised", () => {
    const quality = new ModelQuality();
    const beliefOf = () => quality.belief(model, "math");
    for (let i = 0; i < 1_000; i++)
      quality.learn({ id: `loud ${i}`, voice: "loud", modelId: 1, task: "math", score: 0 });
    const loud = beliefOf();
    assert.equal(loud.trials, 23);
    for (let i = 0; i < 9; i++)
      quality.learn({ id: `quiet ${i}`, voice: `quiet ${i % 3}`, modelId: 1, task: "math", score: 1 });
    assert.ok(beliefOf().mean > loud.mean);
    assert.equal(beliefOf().trials, 32, "three others outweigh it");
  });

  it("is as if a rating had never been, when that is replaced or forgotten", () => {
    const quality = new ModelQuality();
    const before = quality.belief(model, "math");
    const rating = { id: "11-0", voice: "a", modelId: 1, task: "math" } as const;
    quality.learn({ ...rating, score: 0 });
    quality.learn({ ...rating, score: 1 });
    assert.equal(quality.belief(model, "math").trials, 21);
    assert.ok(quality.belief(model, "math").mean > before.mean);
    quality.forget("11-0");
    assert.deepEqual(quality.belief(model, "math"), before);
  });

  it("takes a rating of no task for what the model is for", () => {
    const quality = new ModelQuality();
    const [math, write] = [quality.belief(model, "math").mean, quality.belief(model, "write").mean];
    quality.learn({ id: "11-0", voice: "a", modelId: 1, task: undefined, score: 1 });
    assert.ok(quality.belief(model, "math").mean > math);
    assert.equal(quality.belief(model, "write").mean, write);
  });
});
