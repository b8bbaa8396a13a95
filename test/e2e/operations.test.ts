/** What an operator sees of a router, and what it must not show: figures, logs, traces, a graceful end. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { event, json, openStream, type Behaviour } from "../fakes/provider.ts";
import { startCollector, type Collector } from "./fixtures/collector.ts";
import { receiptsOf, startRig, untilAllSettled, type Rig } from "./fixtures/rig.ts";

const PROMPT = "the-prompt-of-somebody";
const ANSWER = "the-answer-for-somebody";
const DASHBOARD = new URL("../../router/operations/grafana-dashboard.json", import.meta.url);
const WORD_MS = 40;
const WEI_PER_TOKEN = 1e18;

const HEAD = { id: "c", created: 1, model: "m" };
const USAGE = { prompt_tokens: 10, completion_tokens: 8, total_tokens: 18 };

/** Fails with the prompt in its error when it is told to; else answers, as a stream in `max_tokens` words. */
const behave: Behaviour = async (res, req, body) => {
  if (req.method === "GET") return json(res, 200, { data: [] });
  const asked = JSON.stringify(body["messages"]);
  if (asked.includes("fail")) return json(res, 500, { error: { message: `can't do ${asked}` } });
  if (asked.includes("reject")) return json(res, 400, { error: { message: `won't do ${asked}` } });
  if (body["stream"] !== true) {
    const choices = [{ index: 0, message: { role: "assistant", content: ANSWER }, finish_reason: "stop" }];
    return json(res, 200, { ...HEAD, object: "chat.completion", choices, usage: USAGE });
  }
  openStream(res);
  const chunk = (fields: object): boolean =>
    res.write(event({ ...HEAD, object: "chat.completion.chunk", ...fields }));
  for (let i = 0; i < Number(body["max_tokens"]) && !res.destroyed; i++) {
    chunk({ choices: [{ index: 0, delta: { content: `${ANSWER} ` }, finish_reason: null }] });
    await sleep(WORD_MS);
  }
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  chunk({ choices: [], usage: USAGE });
  res.end("data: [DONE]\n\n");
  return undefined;
};

describe("operating a router", () => {
  let rig: Rig;
  let collector: Collector;
  let key: string;
  let account: number;

  const ask = (content: string, more: object = {}): Promise<Response> =>
    fetch(`${rig.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${key}`,
        traceparent: `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`,
      },
      body: JSON.stringify({
        model: rig.model,
        max_tokens: 8,
        messages: [{ role: "user", content }],
        ...more,
      }),
    });

  before(async () => {
    collector = await startCollector();
    rig = await startRig({
      behave,
      env: {
        AI1NET_LOG_LEVEL: "trace",
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_BSP_SCHEDULE_DELAY: "200",
        AI1NET_DRAIN_MS: "3000",
      },
    });
    account = rig.anvil.economy.accountId;
    key = await rig.key(account);
    assert.equal((await ask(`${PROMPT} 1`)).status, 200);
    assert.match(await (await ask(`${PROMPT} 2`, { stream: true })).text(), /\[DONE\]/);
    assert.equal((await ask(`${PROMPT} fail`)).status, 502);
    assert.equal((await ask(`${PROMPT} reject`)).status, 400);
    assert.equal((await ask(PROMPT, { max_tokens: PROMPT })).status, 400);
    assert.equal((await ask(PROMPT, { model: "nobody/nothing" })).status, 404);
  });
  after(async () => {
    await rig?.close();
    collector?.stop();
  });

  it("has a figure for every quantity of money, and they agree with the receipts", async () => {
    await untilAllSettled(rig);
    const receipts = await receiptsOf(rig, account, key);
    const costWei = receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
    assert.ok(costWei > 0n);
    const tokens = Number(costWei) / WEI_PER_TOKEN;
    const isNear = (figure: number | undefined): boolean =>
      Math.abs((figure ?? Number.NaN) - tokens) < tokens * 1e-9;
    assert.ok(isNear(await rig.metric("ai1net_journaled_tokens_total")));
    // Final a moment after it is settled.
    for (let i = 0; i < 100 && !isNear(await rig.metric("ai1net_settled_tokens_total")); i++) await sleep(50);
    assert.ok(isNear(await rig.metric("ai1net_settled_tokens_total")));
    assert.equal(await rig.metric("ai1net_journaled_rows_total"), receipts.length);
    for (const name of ["held", "unsettled", "exposed", "shortfall"])
      assert.equal(await rig.metric(`ai1net_${name}_tokens${name === "shortfall" ? "_total" : ""}`), 0, name);
    for (const stage of ["read", "price", "first_content", "upstream", "meter", "commit"])
      assert.ok(((await rig.metric(`ai1net_stage_seconds_count{stage="${stage}"}`)) ?? 0) > 0, stage);
  });

  it("has every figure that the dashboard shows, and the dashboard every one of money", async () => {
    const text = await (await rig.get("/metrics")).text();
    const families = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name));
    const { panels } = JSON.parse(readFileSync(DASHBOARD, "utf8")) as {
      panels: { targets?: { expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const names = expressions.flatMap((expr) => expr.match(/\b(?:ai1net|nodejs|process)_\w+/g) ?? []);
    const shown = new Set(
      names.map((name) => (families.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, ""))),
    );
    assert.ok(shown.size > 20);
    assert.deepEqual(
      [...shown].filter((name) => !families.has(name)),
      [],
      "shown, and not there",
    );
    const money = [...families].filter((name) => /_tokens(?:_total)?$/.test(name));
    assert.ok(money.length >= 7);
    assert.deepEqual(
      money.filter((name) => !shown.has(name)),
      [],
      "there, and not shown",
    );
  });

  it("logs what happened in JSON, and nothing that was said, and no secret", () => {
    const lines = rig.log().trim().split("\n");
    const entries = lines
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as { msg?: string });
    assert.ok(entries.some(({ msg }) => msg === "a provider failed"));
    assert.ok(entries.some(({ msg }) => msg === "request"));
    const secrets = { prompt: PROMPT, answer: ANSWER, key, secret: key.slice("sk-ai1-".length + 17) };
    const keys = { receiptKey: rig.anvil.receiptKey.slice(2), settlerKey: rig.anvil.settlerKey.slice(2) };
    for (const [name, secret] of Object.entries({ ...secrets, ...keys })) {
      assert.ok(secret.length > 8, name);
      assert.ok(!rig.log().includes(secret), `the log shows the ${name}`);
    }
  });

  it("traces requests to a collector: a span each, within the caller's trace, and one per stage", async () => {
    const isServed = ({ name }: { name: string }): boolean => name === "POST /v1/chat/completions";
    for (let i = 0; i < 100 && collector.spans.filter(isServed).length < 6; i++) await sleep(50);
    const served = collector.spans.filter(isServed);
    assert.ok(served.length >= 6);
    assert.ok(
      served.every(
        ({ traceId, parentSpanId }) => traceId === "ab".repeat(16) && parentSpanId === "cd".repeat(8),
      ),
    );
    const statusOf = (span: (typeof served)[number]): unknown =>
      span.attributes.find(({ key: name }) => name === "http.response.status_code")?.value["intValue"];
    assert.deepEqual(
      served
        .map(statusOf)
        .map(Number)
        .toSorted((a, b) => a - b),
      [200, 200, 400, 400, 404, 502],
    );
    const first = served.find((span) => Number(statusOf(span)) === 200);
    const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === first?.spanId);
    for (const stage of ["read", "price", "upstream", "meter", "commit"])
      assert.ok(
        children.some(({ name }) => name === stage),
        stage,
      );
    assert.ok(
      children.every(
        ({ endTimeUnixNano, startTimeUnixNano }) => BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano),
      ),
    );
    assert.ok(first?.events.some(({ name }) => name === "attempt"));
    for (const secret of [PROMPT, ANSWER, key]) assert.ok(!collector.text().includes(secret));
  });

  it("ends streams in flight at SIGTERM, cuts those that take too long, and settles all of it", async () => {
    const before_ = (await receiptsOf(rig, account, key)).length;
    const short = await Promise.all(
      Array.from({ length: 8 }, (_, i) => ask(`short ${i}`, { stream: true, max_tokens: 20 })),
    );
    // Twice as long as it waits.
    const long = await Promise.all(
      Array.from({ length: 3 }, (_, i) => ask(`long ${i}`, { stream: true, max_tokens: 150 })),
    );
    const texts = Promise.all(short.map((response) => response.text()));
    const cut = Promise.allSettled(long.map((response) => response.text()));
    const stopped = rig.stop();
    await sleep(100);
    await assert.rejects(ask("too late"), "it takes no new connection");
    for (const text of await texts) {
      assert.match(text, /"finish_reason":"stop"/);
      assert.match(text, /"receipt":\{/);
      assert.ok(text.endsWith("data: [DONE]\n\n"));
    }
    assert.ok(
      (await cut).every((result) => result.status === "rejected" || !result.value.includes("[DONE]")),
    );
    assert.equal(await stopped, 0);
    assert.match(rig.log(), /router: stopped/);

    await rig.start();
    const receipts = (await receiptsOf(rig, account, key)).slice(before_);
    // Who was cut off pays for what was received.
    assert.equal(receipts.length, 11);
    assert.ok(receipts.every(({ fields }) => BigInt(fields.amount) > 0n));
    assert.equal(await rig.metric("ai1net_exposed_tokens"), 0, "everything was settled before it ended");
  });
});
