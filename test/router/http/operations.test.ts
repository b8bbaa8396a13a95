import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Registry } from "prom-client";
import { createMetrics } from "../../../router/adapters/metrics.ts";
import { runApp } from "../../fakes/app.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, MODEL, fakeWorld } from "../../fakes/world.ts";

const CHAT = { model: MODEL, messages: [{ role: "user", content: "Say hello." }] };

const post = async (origin: string, body: object, signal?: AbortSignal): Promise<Response> =>
  fetch(`${origin}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: BEARER, "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await setTimeout(10);
  assert.ok(condition());
}

describe("operations", () => {
  it("say whether the process lives, and whether it can serve", async (t) => {
    let problems: string[] = [];
    const { origin, world } = await runApp(t, fakeWorld(), { problems: () => problems });
    const ready = async () => {
      const response = await fetch(`${origin}/readyz`);
      return [response.status, ((await response.json()) as { problems: string[] }).problems];
    };
    assert.deepEqual(await ready(), [200, []]);
    problems = ["the chain is not read yet"];
    assert.deepEqual(await ready(), [503, problems]);
    problems = [];
    world.journal.broken = new Error("disk full");
    assert.deepEqual(await ready(), [503, ["the journal can't write"]]);
    assert.equal((await fetch(`${origin}/healthz`)).status, 200);
  });

  it("count requests, tries, stages and money, and nothing that was said", async (t) => {
    const registry = new Registry();
    const world = fakeWorld();
    const metrics = createMetrics(registry, world.accounts);
    const { origin } = await runApp(t, { ...world, metrics } as typeof world, { registry });
    world.upstream.script(1, { fault: "server" });
    world.upstream.script(2, { answer: answer("Hello!", 10, 1) });
    await (await post(origin, CHAT)).text();
    const text = await (await fetch(`${origin}/metrics`)).text();
    assert.match(text, /ai1net_requests_total\{route="\/v1\/chat\/completions",status="200"\} 1/);
    assert.match(text, /ai1net_attempts_total\{result="server"\} 1/);
    assert.match(text, /ai1net_attempts_total\{result="served"\} 1/);
    assert.match(text, /ai1net_stage_seconds_count\{stage="commit"\} 1/);
    assert.match(text, /ai1net_held_tokens 0\n/);
    assert.match(text, /ai1net_unsettled_tokens 2\.67e-16\n/);
    assert.ok(!/hello/i.test(text));
  });

  it("let requests in flight end, and no other in, when the process stops", async (t) => {
    const { origin, world, deps } = await runApp(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    world.upstream.script(1, { chunks: [role, delta("Hello"), async () => promise, finish(), usage(1, 1)] });
    const response = await post(origin, { ...CHAT, stream: true });
    assert.equal(deps.gate.inFlight(), 1);
    const drained = deps.gate.drain();
    const refused = await post(origin, CHAT);
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal((await fetch(`${origin}/healthz`)).status, 200);
    assert.equal((await fetch(`${origin}/readyz`)).status, 503);
    resolve();
    await drained;
    assert.match(await response.text(), /data: \[DONE\]\n\n$/);
    assert.equal(deps.gate.inFlight(), 0);
  });
});

async function start(test: TestContext) {
  const app = await runApp(test);
  const endless = Array.from({ length: 100_000 }, () => delta("hello ".repeat(200)));
  app.world.upstream.script(1, { chunks: [role, delta("hello"), ...endless, finish()] });
  return app;
}

describe("a caller on a socket", () => {
  it("who leaves in mid-stream stops the provider and pays for what came", async (t) => {
    const { origin, world, deps } = await start(t);
    const controller = new AbortController();
    const response = await post(origin, { ...CHAT, stream: true }, controller.signal);
    await response.body?.getReader().read();
    controller.abort();
    await until(() => world.journal.outcomes.length === 1);
    const [row] = world.journal.outcomes[0]?.receipts ?? [];
    assert.ok((row?.receipt.timing ?? 0) > 0 && (row?.receipt.amountWei ?? 0n) > 0n);
    assert.equal(world.upstream.cancelled, 1);
    await until(() => deps.gate.inFlight() === 0);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), row?.receipt.amountWei);
  });

  it("who does not read holds the provider back", async (t) => {
    const { server, world } = await start(t);
    const address = server.address();
    assert.ok(typeof address === "object" && address);
    const socket = connect(address.port, "127.0.0.1");
    await once(socket, "connect");
    const body = JSON.stringify({ ...CHAT, stream: true });
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: ${BEARER}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    let asked = 0;
    const stream = world.upstream.stream.bind(world.upstream);
    world.upstream.stream = async (...args) => {
      const chunks = await stream(...args);
      return (async function* counted() {
        for await (const chunk of chunks) {
          asked++;
          yield chunk;
        }
      })();
    };
    await until(() => asked > 100);
    let before = -1;
    for (let i = 0; i < 100 && before !== asked; i++) {
      before = asked;
      await setTimeout(100);
    }
    assert.equal(asked, before, "it goes on although nobody reads");
    assert.ok(asked < 50_000);
    socket.destroy();
    await until(() => world.journal.outcomes.length === 1);
  });
});
