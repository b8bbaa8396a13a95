/** What a router has measured of its listings outlives it, and so does what it knows of past requests. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { event, json, openStream, type Behaviour } from "../fakes/provider.ts";
import { startRig, type Rig } from "./fixtures/rig.ts";

const HEAD = { id: "c", created: 1, model: "m", object: "chat.completion.chunk" };
const USAGE = { prompt_tokens: 10, completion_tokens: 8, total_tokens: 18 };
const behave: Behaviour = async (res, req, body) => {
  if (req.method === "GET") return json(res, 200, { data: [] });
  if (JSON.stringify(body["messages"]).includes("fail")) return json(res, 500, { error: { message: "no" } });
  openStream(res);
  await sleep(30);
  res.write(event({ ...HEAD, choices: [{ index: 0, delta: { content: "a" }, finish_reason: null }] }));
  await sleep(30);
  res.write(event({ ...HEAD, choices: [{ index: 0, delta: {}, finish_reason: "length" }] }));
  res.write(event({ ...HEAD, choices: [], usage: USAGE }));
  return void res.end("data: [DONE]\n\n");
};

// oxlint-disable-next-line typescript/no-explicit-any -- JSON of many shapes, compared right away
type Json = any;

describe("a router that was killed and started again", () => {
  let rig: Rig;
  let key: string;
  let served: string;
  let known: Json;

  const ask = async (content: string): Promise<string> => {
    const messages = [{ role: "user", content }];
    const response = await fetch(`${rig.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: rig.model, messages, max_tokens: 20, stream: true }),
    });
    await response.text();
    return response.headers.get("x-generation-id") ?? "";
  };
  const get = async (path: string): Promise<Json> => (await rig.get(path, key)).json();
  const endpoint = async (): Promise<Json> =>
    (await get(`/v1/models/${rig.model}/endpoints`)).data.endpoints[0];

  before(async () => {
    rig = await startRig({ behave });
    key = await rig.key(rig.anvil.economy.accountId);
    for (let i = 0; i < 4; i++) served = await ask(`hello ${i}`);
    await ask("fail");
    // Percentiles are sorted anew once a second.
    await sleep(1_100);
    known = { endpoint: await endpoint(), generation: await get(`/v1/generation?id=${served}`) };
    await rig.kill();
    await rig.start();
  });
  after(() => rig.close());

  it("still knows how its listings have been doing", async () => {
    const then = known.endpoint;
    const now = await endpoint();
    for (const { latency_last_30m: latency } of [then, now]) assert.ok(latency.p50 >= 0.03);
    for (const figure of ["uptime_last_5m", "uptime_last_30m", "uptime_last_1d", "success_rate", "requests"])
      assert.equal(now[figure], then[figure], figure);
    assert.ok(now.uptime_last_1d < 1, "the failures count");
    assert.ok(now.throughput_last_30m.p50 > 0);
    assert.equal(now.status, "up");
    const rankings = await get("/v1/rankings?by=latency");
    assert.ok(rankings.data[0].latency_p50_ms >= 30);
  });

  it("still knows a past request", async () => {
    const { data } = await get(`/v1/generation?id=${served}`);
    assert.deepEqual(data, known.generation.data);
    assert.deepEqual([data.streamed, data.cancelled, data.finish_reason], [true, false, "length"]);
    assert.deepEqual([data.native_tokens_prompt, data.native_tokens_completion], [10, 8]);
    assert.ok(data.latency >= 30 && data.generation_time >= data.latency);
  });
});
