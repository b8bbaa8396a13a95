/** Whoever stops early, the other side learns of it: callers that leave, callers that don't read, providers given up on. */
import assert from "node:assert/strict";
import http from "node:http";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { event, openStream, type Behaviour, type Provider } from "../../fakes/provider.ts";
import { delta, finish, role } from "../../fakes/upstream.ts";
import { BEARER, MODEL } from "../../fakes/world.ts";
import { setStage, type Stage } from "./stage.ts";

const messages = [{ role: "user", content: "Say hello." }];
const hello = event(delta("hello "));

/** Content every 10 ms, for two seconds or until it is cut. */
const goOn: Behaviour = async (res) => {
  openStream(res);
  res.write(event(role));
  for (let i = 0; i < 200 && !res.destroyed; i++) {
    res.write(hello);
    await setTimeout(10);
  }
  res.end(event(finish()));
};

/** Until `condition` holds; `ms` at most. */
async function until(condition: () => boolean, ms = 2_000): Promise<number> {
  const sinceMs = performance.now();
  while (!condition()) {
    assert.ok(performance.now() - sinceMs < ms, "it did not happen in time");
    await setTimeout(5);
  }
  return performance.now() - sinceMs;
}

/** Sends a request and returns how to leave; `onData` is told what has come. */
function call(stage: Stage, fields: object, onData: (text: string) => void = () => undefined) {
  const request = http.request(`${stage.origin}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: BEARER, "content-type": "application/json" },
    agent: new http.Agent({ keepAlive: false }),
  });
  let text = "";
  request.on("error", () => undefined);
  request.on("response", (response) =>
    response.on("error", () => undefined).on("data", (chunk: Buffer) => onData((text += chunk.toString()))),
  );
  request.end(JSON.stringify({ model: MODEL, messages, ...fields }));
  return { leave: () => request.destroy(), text: () => text };
}

describe("a caller who leaves", () => {
  it("cancels the request at the provider, 20 of 20, and pays for what came", async (t) => {
    const stage = await setStage(t, goOn);
    const bad = stage.bad as Provider;
    let reading = 0;
    const callers = Array.from({ length: 20 }, () => {
      let hasBegun = false;
      return call(stage, { stream: true }, (text) => {
        if (!hasBegun && text.includes("hello")) {
          hasBegun = true;
          reading++;
        }
      });
    });
    await until(() => reading === 20);
    for (const caller of callers) caller.leave();
    const ms = await until(() => bad.cut === 20);
    assert.ok(ms < 500, `it took ${Math.round(ms)} ms`);
    await until(() => stage.world.metrics.seen.filter(([name]) => name === "request").length === 20);
    const chargedWei = await stage.charged();
    const rows = await stage.rows();
    assert.equal(rows.length, 20);
    for (const { receipt } of rows) assert.ok(receipt.timing > 0 && receipt.outputUnits >= 1);
    assert.ok(chargedWei >= 20n * (7n * 10n + 30n + 7n));
  });

  it("cancels before there is anything, and pays nothing", async (t) => {
    for (const stream of [true, false]) {
      const stage = await setStage(t, () => undefined, { spare: true });
      const bad = stage.bad as Provider;
      const caller = call(stage, { stream });
      await until(() => bad.seen.length === 1);
      caller.leave();
      await until(() => bad.cut === 1);
      assert.equal(await stage.charged(), 0n);
      assert.deepEqual(await stage.rows(), []);
      assert.equal(stage.spare?.seen.length, 0);
      assert.equal(
        stage.world.market.health(1).successRate,
        undefined,
        "that says nothing about the provider",
      );
    }
  });
});

describe("a caller who does not read", () => {
  it("stops the provider, not the router's memory", async (t) => {
    const chunk = event(delta("x".repeat(8_000)));
    let sent = 0;
    let isFull = false;
    const flood: Behaviour = async (res) => {
      openStream(res);
      while (!res.destroyed && sent < 4_000) {
        sent++;
        if (res.write(chunk)) continue;
        isFull = true;
        await new Promise<void>((resolve) => {
          const go = (): void => {
            res.off("drain", go).off("close", go);
            resolve();
          };
          res.once("drain", go).once("close", go);
        });
        isFull = false;
      }
      res.end(event(finish()));
    };
    const limits = { mostAnswerBytes: 64 * 1024 * 1024, totalMs: 10_000 };
    const stage = await setStage(t, flood, { limits });
    const request = http.request(`${stage.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: BEARER, "content-type": "application/json" },
    });
    request.on("error", () => undefined);
    const response = await new Promise<http.IncomingMessage>((resolve) => {
      request.once("response", resolve);
      request.end(JSON.stringify({ model: MODEL, messages, stream: true }));
    });
    response.on("error", () => undefined).pause();
    await until(() => isFull);
    await setTimeout(300);
    const sentBefore = sent;
    await setTimeout(300);
    assert.equal(sent, sentBefore, "the provider is not read from either");
    assert.ok(sent < 3_000, `${sent} chunks of 8 kB went somewhere`);
    // Waiting for the caller is not the provider's fault: it goes on when the caller does.
    response.resume();
    await until(() => sent === 4_000, 5_000);
    request.destroy();
  });
});

describe("a provider that is given up on", () => {
  const faults: readonly (readonly [string, Behaviour])[] = [
    ["is late with its headers", () => undefined],
    ["is late with its first content", (res) => openStream(res)],
    [
      "stalls",
      (res) => {
        openStream(res);
        res.write(hello);
      },
    ],
    [
      "sends too much",
      (res) => {
        openStream(res);
        res.write(event(delta("x".repeat(20_000))));
      },
    ],
    [
      "sends an error and goes on",
      (res) => {
        openStream(res);
        res.write(event({ error: { message: "overloaded" } }));
      },
    ],
  ];
  for (const [name, behave] of faults)
    it(`has its connection closed when it ${name}`, async (t) => {
      const stage = await setStage(t, behave);
      const seen = await stage.ask({ stream: true });
      assert.ok(seen.errorType);
      await until(() => stage.bad?.cut === 1);
      assert.equal(await stage.charged(), 0n);
    });
});
