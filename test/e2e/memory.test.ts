/** Complaint 9 about gateways: they leak. Whatever a request came to, nothing of it stays in memory. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { freePort } from "../../scripts/demo/freePort.ts";
import { startRig, untilAllSettled, type Rig } from "./fixtures/rig.ts";
import { scriptedModel } from "./fixtures/scriptedModel.ts";

const WARM_UP = 1_000;
const REQUESTS = 2_000;
const AT_ONCE = 16;
/** What the prompts alone would be, if they were kept: 2,000 of 16 kB are 32 MB. */
const PROMPT = "x".repeat(16_384);
const MOST_GROWTH_MB = 8;
const MB = 1024 * 1024;

/** Live objects of a process that listens to its inspector, garbage collected first. */
async function liveHeapMb(inspectorPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${inspectorPort}/json`);
  const [{ webSocketDebuggerUrl }] = (await response.json()) as [{ webSocketDebuggerUrl: string }];
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", reject, { once: true });
  });
  const call = (id: number, method: string): Promise<{ usedSize?: number }> =>
    new Promise((resolve) => {
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(String(data)) as { id?: number; result: { usedSize?: number } };
        if (message.id === id) resolve(message.result);
      });
      socket.send(JSON.stringify({ id, method }));
    });
  await call(1, "HeapProfiler.collectGarbage");
  await call(2, "HeapProfiler.collectGarbage");
  const { usedSize = Number.NaN } = await call(3, "Runtime.getHeapUsage");
  socket.close();
  return usedSize / MB;
}

describe("a router's memory", () => {
  let rig: Rig;
  let key: string;
  let inspectorPort: number;

  before(async () => {
    inspectorPort = await freePort(24_700);
    const env = { NODE_OPTIONS: `--inspect=127.0.0.1:${inspectorPort}`, AI1NET_LOG_LEVEL: "error" };
    rig = await startRig({ behave: scriptedModel(), env });
    key = await rig.key(rig.anvil.economy.accountId);
  });
  after(async () => {
    await rig?.close();
  });

  /** One of everything, in turn: whole, streamed, left in the middle, refused. */
  async function request(i: number): Promise<void> {
    const kind = i % 5;
    const abort = new AbortController();
    const response = await fetch(`${rig.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${kind === 3 ? "sk-ai1-nobody" : key}`,
      },
      body: JSON.stringify({
        model: kind === 4 ? "nobody/nothing" : rig.model,
        max_tokens: 16,
        messages: [{ role: "user", content: `${i} ${PROMPT}` }],
        ...(kind === 1 || kind === 2 ? { stream: true } : {}),
      }),
      signal: abort.signal,
    });
    assert.equal(response.status, [200, 200, 200, 401, 404][kind]);
    if (kind !== 2) await response.text();
    else abort.abort();
  }

  async function requests(from: number, count: number): Promise<void> {
    let next = from;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (next < from + count) await request(next++);
      }),
    );
    await untilAllSettled(rig);
  }

  it("does not grow with the requests that it has served", async (t) => {
    await requests(0, WARM_UP);
    const warmMb = await liveHeapMb(inspectorPort);
    await requests(WARM_UP, REQUESTS);
    const grownMb = (await liveHeapMb(inspectorPort)) - warmMb;
    t.diagnostic(
      `${warmMb.toFixed(1)} MB after ${WARM_UP} requests, ${grownMb.toFixed(2)} MB more after ${REQUESTS} more`,
    );
    assert.ok(grownMb < MOST_GROWTH_MB, `${grownMb.toFixed(1)} MB more after ${REQUESTS} requests`);
  });
});
