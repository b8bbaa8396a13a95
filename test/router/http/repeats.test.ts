/** The stock SDK's retries, over HTTP. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import OpenAI from "openai";
import { runApp } from "../../fakes/app.ts";
import { answer } from "../../fakes/upstream.ts";
import { BEARER, fakeWorld, MODEL } from "../../fakes/world.ts";

const messages = [{ role: "user" as const, content: "Say hello." }];

describe("a repeated request over HTTP", () => {
  it("by the stock SDK, after its answer got lost on the way, is billed once", async (t) => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    const { server, origin } = await runApp(t, world);
    let answers = 0;
    server.prependListener("request", (_req, res) => {
      // The first answer's connection breaks before a byte of it is sent.
      if (answers++ > 0) return;
      res.writeHead = () => res.destroy();
    });
    const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: BEARER.slice("Bearer ".length) });
    const { data, response } = await client.chat.completions
      .create({ model: MODEL, messages })
      .withResponse();
    assert.equal(data.choices[0]?.message.content, "Hello!");
    assert.equal(response.headers.get("idempotent-replayed"), "true");
    assert.equal(answers, 2);
    assert.equal(world.journal.outcomes.length, 1);
  });

  it("by an Idempotency-Key gets the very same bytes", async (t) => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    const { origin } = await runApp(t, world);
    const post = async (key: string) => {
      const headers = { authorization: BEARER, "content-type": "application/json", "idempotency-key": key };
      const body = JSON.stringify({ model: MODEL, messages });
      const response = await fetch(`${origin}/v1/chat/completions`, { method: "POST", headers, body });
      return { status: response.status, headers: response.headers, text: await response.text() };
    };
    const first = await post("order-66");
    const second = await post("order-66");
    assert.deepEqual([first.status, second.text], [200, first.text]);
    for (const name of ["x-ai1net-receipt", "x-generation-id"])
      assert.equal(second.headers.get(name), first.headers.get(name));
    assert.equal(first.headers.get("idempotent-replayed"), null);
    assert.equal((await post("x".repeat(256))).status, 400);
    assert.equal(world.journal.outcomes.length, 1);
  });
});
