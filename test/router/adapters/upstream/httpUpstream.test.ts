/** A provider's misbehaviour, as faults. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { refuseEndpoint, type ResolveName } from "../../../../router/adapters/upstream/endpointPolicy.ts";
import { HttpUpstream } from "../../../../router/adapters/upstream/httpUpstream.ts";
import { UpstreamError, type UpstreamChunk } from "../../../../router/ports.ts";
import { chat } from "../../../../router/request/wire/chat.ts";
import {
  event,
  json,
  openStream,
  runProvider,
  type Behaviour,
  type Provider,
} from "../../../fakes/provider.ts";
import { answer, delta, finish, role, usage } from "../../../fakes/upstream.ts";
import { sampleEndpoint } from "../../../fakes/world.ts";

const SHAPE = { ...chat.shape, answers: 1 };

const LIMITS = {
  connectMs: 300,
  headersMs: 300,
  firstContentMs: 400,
  msPerUnit: 5,
  idleMs: 200,
  tailMs: 100,
  totalMs: 2_000,
  mostAnswerBytes: 10_000,
  mostEventCharacters: 1_000,
  mostHeaderBytes: 4_096,
};

async function start(test: TestContext, behave: Behaviour) {
  const provider = await runProvider(test, behave);
  const upstream = new HttpUpstream({ allowLoopback: true }, LIMITS);
  test.after(async () => upstream.close());
  const endpoint = sampleEndpoint({ baseUrl: provider.baseUrl, apiKey: "sk-provider" });
  const controller = new AbortController();
  const complete = async (fields: object = {}): Promise<unknown> =>
    upstream.complete(endpoint, "/chat/completions", { model: "m", ...fields }, controller.signal);
  const stream = async (onChunk?: (chunk: UpstreamChunk) => unknown): Promise<UpstreamChunk[]> => {
    const chunks: UpstreamChunk[] = [];
    const body = { model: "m", stream: true };
    for await (const chunk of await upstream.stream(
      endpoint,
      "/chat/completions",
      body,
      controller.signal,
      SHAPE,
    )) {
      chunks.push(chunk);
      await onChunk?.(chunk);
    }
    return chunks;
  };
  return { provider, upstream, endpoint, controller, complete, stream };
}

async function fault(promise: Promise<unknown>): Promise<UpstreamError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof UpstreamError, String(error));
    return error;
  }
  return assert.fail("it succeeded");
}

/** Until `condition` holds, a second at most. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i++) await setTimeout(10);
  assert.ok(condition());
}

describe("a provider's whole answer", () => {
  it("is its JSON and its usage; the key goes along", async (t) => {
    const { provider, complete } = await start(t, (res) => json(res, 200, answer("Hi", 3, 1)));
    assert.deepEqual(await complete(), {
      body: answer("Hi", 3, 1),
      usage: { inputUnits: 3, outputUnits: 1, cachedUnits: undefined },
    });
    assert.deepEqual(provider.seen, [
      { method: "POST", url: "/v1/chat/completions", auth: "Bearer sk-provider", body: '{"model":"m"}' },
    ]);
  });

  const statuses: readonly (readonly [number, string])[] = [
    [400, "rejected"],
    [401, "credentials"],
    [402, "credentials"],
    [403, "credentials"],
    [404, "rejected"],
    [422, "rejected"],
    [408, "timeout"],
    [429, "rate_limited"],
    [500, "server"],
    [503, "server"],
    [529, "server"],
    [302, "protocol"],
    [204, "protocol"],
  ];
  for (const [status, expected] of statuses)
    it(`is ${expected} for ${status}`, async (t) => {
      const { provider, complete, stream } = await start(t, (res) => {
        const headers = { "retry-after": "2", location: "http://127.0.0.1:1/elsewhere" };
        json(res, status, { error: { message: "no\nwith sk-provider" } }, headers);
      });
      const error = await fault(complete());
      assert.equal(error.fault, expected);
      assert.equal(error.status, status);
      assert.equal(error.retryAfterMs, 2_000);
      assert.ok(!error.message.includes("sk-provider"), "the key is not repeated");
      assert.equal((await fault(stream())).fault, expected);
      assert.equal(provider.seen.length, 2, "redirects are not followed");
    });

  const bodies: readonly (readonly [string, Behaviour, string])[] = [
    ["an error inside a 200", (res) => json(res, 200, { error: { message: "overloaded" } }), "in_band"],
    ["a 429 inside a 200", (res) => json(res, 200, { error: { code: 429 } }), "rate_limited"],
    ["a page of HTML", (res) => void res.end("<html>"), "protocol"],
    ["an array", (res) => json(res, 200, []), "protocol"],
    ["too much", (res) => json(res, 200, { a: "x".repeat(20_000) }), "oversized"],
    ["a cut connection", (res) => void res.destroy(), "connect"],
    ["silence", () => undefined, "timeout"],
    ["endless headers", (res) => json(res, 200, {}, { "x-long": "x".repeat(5_000) }), "oversized"],
    ["what is no HTTP", (res) => void res.socket?.end("SSH-2.0-OpenSSH_9.9\r\n"), "protocol"],
    ["a body that never ends", (res) => void res.write("{"), "timeout"],
  ];
  for (const [name, behave, expected] of bodies)
    it(`is ${expected} for ${name}`, async (t) => {
      const { complete } = await start(t, behave);
      assert.equal((await fault(complete())).fault, expected);
    });

  it("may take as long as its units take: it begins when all of it has been generated", async (t) => {
    const slow = await start(t, async (res) => {
      await setTimeout(1_700);
      json(res, 200, answer("Hi", 3, 1));
    });
    // The limits are 400 + 300 * 5 and 400 + 10 * 5 ms; the client looks at its clock twice a second.
    const [long, short] = await Promise.allSettled([
      slow.complete({ max_tokens: 100, n: 3 }),
      fault(slow.complete({ max_tokens: 10 })),
    ]);
    assert.equal(long.status, "fulfilled");
    assert.equal(short.status === "fulfilled" && short.value.fault, "timeout");
  });

  it("never comes from a name that turned to this machine after it was registered", async (t) => {
    let connections = 0;
    const inside = createServer(() => connections++);
    await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
    t.after(() => inside.close());
    const { port } = inside.address() as AddressInfo;
    const baseUrl = `https://rebinding.example:${port}/v1`;
    const answers = ["93.184.215.14", "127.0.0.1", "127.0.0.1"];
    const asked: string[] = [];
    const resolveName: ResolveName = (host, _options, done) => {
      asked.push(host);
      done(null, [{ address: answers.shift() ?? "", family: 4 }]);
    };
    const policy = { allowLoopback: false };
    assert.equal(await refuseEndpoint(baseUrl, policy, resolveName), undefined);
    const upstream = new HttpUpstream(policy, LIMITS, resolveName);
    t.after(async () => upstream.close());
    const endpoint = sampleEndpoint({ baseUrl });
    const error = await fault(upstream.complete(endpoint, "/x", {}, new AbortController().signal));
    assert.equal(error.fault, "connect");
    assert.match(String(error.cause), /not public/);
    assert.deepEqual(asked, ["rebinding.example", "rebinding.example"], "once for each connection");
    assert.equal(connections, 0);
  });

  it("is connect where nobody listens, and where nobody may listen", async (t) => {
    const { upstream, endpoint, controller } = await start(t, () => undefined);
    for (const baseUrl of ["http://127.0.0.1:1/v1", "https://10.0.0.1/v1", "http://example.com/v1"]) {
      const elsewhere = { ...endpoint, baseUrl };
      const error = await fault(upstream.complete(elsewhere, "/x", {}, controller.signal));
      assert.equal(error.fault, "connect");
    }
  });

  it("is cancelled at the provider as soon as the caller leaves", async (t) => {
    const { provider, controller, complete } = await start(
      t,
      () => void setTimeout(20).then(() => controller.abort()),
    );
    assert.equal((await fault(complete())).fault, "aborted");
    await until(() => provider.cut === 1);
  });

  const lists: readonly (readonly [string, unknown, object])[] = [
    [
      "parameters",
      { quantization: "FP8", supported_parameters: ["tools", "seed"] },
      { quantization: "fp8", supportedParameters: ["tools", "seed"] },
    ],
    [
      "features",
      { supported_sampling_parameters: ["temperature"], supported_features: ["json_mode", "tools"] },
      { supportedParameters: ["temperature", "response_format", "tools", "tool_choice"] },
    ],
    ["nothing", {}, {}],
    [
      "nonsense",
      { quantization: 8, supported_parameters: [1, "", "x".repeat(100), "top_p"] },
      { supportedParameters: ["top_p"] },
    ],
  ];
  for (const [name, fields, expected] of lists)
    it(`is described by its list of models: ${name}`, async (t) => {
      const others = { object: "list", data: [null, { id: "another", quantization: "int4" }] };
      const { upstream, endpoint, controller } = await start(t, (res) =>
        json(res, 200, {
          ...others,
          data: [...others.data, { id: "upstream-model", ...(fields as object) }],
        }),
      );
      assert.deepEqual(await upstream.probe(endpoint, controller.signal), expected);
    });

  it("is not described by a page of HTML, but answers", async (t) => {
    const { upstream, endpoint, controller } = await start(t, (res) => void res.end("<html>"));
    assert.deepEqual(await upstream.probe(endpoint, controller.signal), {});
  });

  it("is probed by asking for the models, which need not be there", async (t) => {
    const { upstream, endpoint, controller } = await start(t, (res) => json(res, 404, {}));
    assert.deepEqual(await upstream.probe(endpoint, controller.signal), {});
    const refused = await start(t, (res) => json(res, 401, {}));
    const error = await fault(refused.upstream.probe(refused.endpoint, controller.signal));
    assert.equal(error.fault, "credentials");
  });
});

/** Sends events with pauses between; numbers are milliseconds. */
const play =
  (...steps: (string | number)[]): Behaviour =>
  async (res) => {
    openStream(res);
    for (const step of steps)
      if (typeof step === "number") await setTimeout(step);
      else res.write(step);
    res.end();
  };

const hello = event(delta("hello"));
const done = "data: [DONE]\n\n";

describe("a provider's stream", () => {
  it("is its events and their usage, over one connection for many", async (t) => {
    const { provider, stream } = await start(
      t,
      play(event(role), hello, event(finish()), event(usage(4, 1)), done),
    );
    for (let i = 0; i < 3; i++) {
      const chunks = await stream();
      assert.equal(chunks.length, 4);
      assert.deepEqual(chunks[3]?.usage, { inputUnits: 4, outputUnits: 1, cachedUnits: undefined });
      await setTimeout(20);
    }
    assert.equal(provider.connections, 1);
  });

  const cases: readonly (readonly [string, Behaviour, string | undefined])[] = [
    ["an end without [DONE] but with a finish reason", play(hello, event(finish())), undefined],
    ["silence after the finish reason", play(hello, event(finish()), 500), undefined],
    [
      "heartbeats with content between",
      play(hello, ": ping\n\n", 100, hello, 100, event(finish()), done),
      undefined,
    ],
    ["an end with neither", play(hello), "protocol"],
    ["an end before anything", play(), "protocol"],
    ["something that is no JSON", play(hello, "data: {oops\n\n"), "protocol"],
    ["an error in an event", play(hello, event({ error: { message: "overloaded" } })), "in_band"],
    ["an event named error", play(hello, "event: error\ndata: {}\n\n"), "in_band"],
    ["finish_reason error", play(hello, event(finish("error"))), "in_band"],
    ["a whole answer instead", (res) => json(res, 200, answer("Hi")), "protocol"],
    ["an error instead", (res) => json(res, 200, { error: { message: "no" } }), "in_band"],
    ["an endless line", play(`data: ${"x".repeat(2_000)}`, 100), "oversized"],
    [
      "an endless stream",
      play(...Array.from({ length: 50 }, () => event(delta("x".repeat(500))))),
      "oversized",
    ],
    ["silence before content", play(event(role), 800, hello), "timeout"],
    ["silence between contents", play(hello, 500, hello), "timeout"],
    [
      "heartbeats for content",
      play(hello, ...Array.from({ length: 6 }, () => [": ping\n\n", 80]).flat()),
      "timeout",
    ],
    [
      "a cut connection",
      async (res) => {
        openStream(res);
        res.write(hello);
        await setTimeout(20);
        res.destroy();
      },
      "connect",
    ],
  ];
  for (const [name, behave, expected] of cases)
    it(`is ${expected ?? "fine"} with ${name}`, async (t) => {
      const { stream } = await start(t, behave);
      if (expected === undefined) await stream();
      else assert.equal((await fault(stream())).fault, expected);
    });

  it("does not blame the provider for a caller who reads slowly", async (t) => {
    const { stream } = await start(t, play(hello, hello, event(finish()), done));
    assert.equal((await stream(async () => setTimeout(300))).length, 3);
  });

  it("is cancelled at the provider when the caller leaves, or stops reading", async (t) => {
    const endless: Behaviour = async (res) => {
      openStream(res);
      for (let i = 0; i < 200 && !res.destroyed; i++) {
        res.write(hello);
        await setTimeout(10);
      }
    };
    const left = await start(t, endless);
    assert.equal((await fault(left.stream(() => left.controller.abort()))).fault, "aborted");
    const stopped = await start(t, endless);
    await assert.rejects(
      stopped.stream(() => {
        throw new Error("enough");
      }),
    );
    const isCut = ({ provider }: { provider: Provider }): boolean => provider.cut === 1;
    await until(() => isCut(left) && isCut(stopped));
  });
});

describe("a provider's bytes", () => {
  const read = async ({ upstream, endpoint, controller }: Awaited<ReturnType<typeof start>>) => {
    const { contentType, chunks } = await upstream.bytes(
      endpoint,
      "/audio/speech",
      { model: "m" },
      controller.signal,
    );
    return { contentType, bytes: Buffer.concat(await Array.fromAsync(chunks)) };
  };
  const sound = { "content-type": "audio/wav" };

  it("come as they are, and their connection is used again", async (t) => {
    const sent = Buffer.alloc(5_000, 7);
    const stage = await start(t, (res) => void res.writeHead(200, sound).end(sent));
    for (let i = 0; i < 2; i++) {
      const { contentType, bytes } = await read(stage);
      assert.equal(contentType, "audio/wav");
      assert.deepEqual(bytes, sent);
      // The connection is free a moment later.
      await setTimeout(20);
    }
    assert.equal(stage.provider.connections, 1);
  });

  const faults: readonly (readonly [string, string, Behaviour])[] = [
    ["are cut", "connect", (res) => void res.writeHead(200, sound).write("a", () => res.destroy())],
    ["stop coming", "timeout", (res) => void res.writeHead(200, sound).write("a")],
    ["never begin", "timeout", (res) => res.writeHead(200, sound).flushHeaders()],
    ["never end", "oversized", (res) => void res.writeHead(200, sound).end(Buffer.alloc(20_000))],
    ["are an error", "in_band", (res) => json(res, 200, { error: { message: "no voice" } })],
    ["are a page", "protocol", (res) => void res.writeHead(200, { "content-type": "text/html" }).end("<p>")],
    ["are refused", "rejected", (res) => json(res, 400, { error: { message: "no voice" } })],
  ];
  for (const [what, expected, behave] of faults)
    it(`${what}: ${expected}`, async (t) => {
      const stage = await start(t, behave);
      assert.equal((await fault(read(stage))).fault, expected);
    });

  it("are no longer wanted when the caller leaves", async (t) => {
    const stage = await start(t, (res) => void res.writeHead(200, sound).write("a"));
    const reading = fault(read(stage));
    await setTimeout(50);
    stage.controller.abort();
    assert.equal((await reading).fault, "aborted");
    await setTimeout(20);
    assert.equal(stage.provider.cut, 1);
  });
});
