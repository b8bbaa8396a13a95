/**
 * Every way a provider can fail, over real HTTP, alone and with another provider there: what the caller saw, what the
 * providers saw, what was charged, what the journal's rows are and what the Ledger will make of them.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { event, json, openStream, type Behaviour } from "../../fakes/provider.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { SPARE_TEXT, SPARE_WEI, setStage, type Seen, type Stage } from "./stage.ts";

/** No answer: a status instead. Another provider saves it. */
interface Refused {
  readonly kind: "refused";
  readonly status: number;
  readonly errorType: string;
  /** Requests that reach the provider when it is alone; also its failed rows, unless `rows` says otherwise. */
  readonly tries: number;
  readonly rows?: number;
  readonly mayRepeat: boolean;
  readonly retryAfter?: string;
}

/** Broken off after content: too late for another provider. */
interface Broken {
  readonly kind: "broken";
  readonly text: string;
}

interface Served {
  readonly kind: "served";
  readonly text: string;
  readonly inputUnits: number;
  readonly outputUnits: number;
}

/** Ended properly, with nothing in it: passed on, for nothing. */
interface Empty {
  readonly kind: "empty";
}

type Expected = Refused | Broken | Served | Empty;

const DONE = "data: [DONE]\n\n";
const hello = event(delta("Hello"));
const reset = (res: ServerResponse): void => void res.socket?.resetAndDestroy();

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

const unavailable = (tries: number, rest: Partial<Refused> = {}): Refused => ({
  kind: "refused",
  status: 502,
  errorType: "provider_unavailable",
  tries,
  mayRepeat: false,
  ...rest,
});
const late: Refused = { ...unavailable(1), status: 504, errorType: "timeout" };
const busy = (tries: number, retryAfter: string): Refused => ({
  kind: "refused",
  status: 429,
  errorType: "rate_limit_exceeded",
  tries,
  rows: 0,
  mayRepeat: true,
  retryAfter,
});
const broken: Broken = { kind: "broken", text: "Hello" };
const served = (inputUnits: number, outputUnits: number): Served => ({
  kind: "served",
  text: "Hello",
  inputUnits,
  outputUnits,
});
const sayHello = (usageFields: object = {}): Behaviour => {
  const reported = { choices: [], usage: usageFields };
  const events = [role, delta("Hello"), finish(), ...(Object.keys(usageFields).length > 0 ? [reported] : [])];
  const stream = play(...events.map((body) => event(body)), DONE);
  return async (res, req, body) => {
    if (body["stream"] === true) return stream(res, req, body);
    return json(res, 200, { ...answer("Hello"), ...(reported.usage && { usage: usageFields }) });
  };
};

type Mode = "whole" | "stream";
const both: readonly Mode[] = ["whole", "stream"];
/** `max_tokens` of every request here. */
const MOST_OUTPUT = 20;
/** "Say hello." and what is around a message. */
const PROMPT_UNITS = 3 + 4;

const faults: readonly (readonly [string, readonly Mode[], Behaviour | "nobody listens", Expected])[] = [
  ["connection refused", both, "nobody listens", unavailable(3, { mayRepeat: true })],
  ["a reset before headers", both, reset, unavailable(3, { mayRepeat: true })],
  ["429 without Retry-After", both, (res) => json(res, 429, { error: {} }), busy(3, "1")],
  [
    "429 with a long Retry-After",
    both,
    (res) => json(res, 429, { error: {} }, { "retry-after": "30" }),
    busy(1, "30"),
  ],
  [
    "401",
    both,
    (res) => json(res, 401, { error: { message: "bad key" } }),
    unavailable(1, { mayRepeat: true }),
  ],
  [
    "402",
    both,
    (res) => json(res, 402, { error: { message: "no money" } }),
    unavailable(1, { mayRepeat: true }),
  ],
  [
    "403",
    both,
    (res) => json(res, 403, { error: { message: "not you" } }),
    unavailable(1, { mayRepeat: true }),
  ],
  ["500", both, (res) => json(res, 500, { error: { message: "oops" } }), unavailable(1)],
  ["503", both, (res) => json(res, 503, { error: { message: "loading" } }), unavailable(3)],
  [
    "slow headers",
    both,
    async (res) => {
      await setTimeout(1_000);
      res.end();
    },
    late,
  ],
  ["a slow first token", ["stream"], play(event(role), 1_000, hello, event(finish()), DONE), late],
  [
    "heartbeats for a first token",
    ["stream"],
    play(event(role), ...Array.from({ length: 20 }, () => [": thinking\n\n", 50]).flat()),
    late,
  ],
  [
    "a cut in mid-stream",
    ["stream"],
    async (res) => {
      openStream(res);
      res.write(event(role) + hello);
      await setTimeout(30);
      reset(res);
    },
    broken,
  ],
  [
    "a cut answer",
    ["whole"],
    (res) => void res.write('{"choices":', () => reset(res)),
    unavailable(3, { mayRepeat: true }),
  ],
  ["a stall in mid-stream", ["stream"], play(event(role), hello, 1_000, event(finish()), DONE), broken],
  [
    "heartbeats in mid-stream",
    ["stream"],
    play(hello, ...Array.from({ length: 20 }, () => [": still here\n\n", 50]).flat()),
    broken,
  ],
  [
    "a missing [DONE]",
    ["stream"],
    play(event(role), hello, event(finish()), event(usage(12, 3))),
    served(12, 3),
  ],
  [
    "a missing [DONE], the connection left open",
    ["stream"],
    play(event(role), hello, event(finish()), event(usage(12, 3)), 1_000),
    served(12, 3),
  ],
  ["a missing end", ["stream"], play(event(role), hello), broken],
  ["malformed SSE before content", ["stream"], play(event(role), "data: {oops\n\n"), unavailable(1)],
  ["malformed SSE after content", ["stream"], play(event(role), hello, "data: {oops\n\n"), broken],
  [
    "an error inside a 200",
    both,
    (res) => json(res, 200, { error: { message: "overloaded" } }),
    unavailable(1),
  ],
  [
    "an error event before content",
    ["stream"],
    play(event(role), event({ error: { message: "overloaded" } })),
    unavailable(1),
  ],
  [
    "an error event after content",
    ["stream"],
    play(event(role), hello, event({ error: { message: "overloaded" } })),
    broken,
  ],
  [
    "an empty completion",
    both,
    async (res, req, body) => {
      if (body["stream"] !== true) return json(res, 200, answer("", 12, 0));
      return play(event(role), event(finish()), event(usage(12, 0)), DONE)(res, req, body);
    },
    { kind: "empty" },
  ],
  [
    "a wrong content type",
    both,
    (res) => void res.writeHead(200, { "content-type": "text/html" }).end("<html>sign in</html>"),
    unavailable(1),
  ],
  ["an oversized chunk", ["stream"], play(event(role), event(delta("x".repeat(20_000)))), unavailable(1)],
  [
    "an oversized chunk after content",
    ["stream"],
    play(event(role), hello, 30, event(delta("x".repeat(20_000)))),
    broken,
  ],
  ["an oversized answer", ["whole"], (res) => json(res, 200, answer("x".repeat(300_000))), unavailable(1)],
  ["missing usage", both, sayHello(), served(PROMPT_UNITS, 1)],
  ["usage of zero", both, sayHello({ prompt_tokens: 0, completion_tokens: 0 }), served(0, 0)],
  [
    "usage that is no number",
    both,
    sayHello({ prompt_tokens: "12", completion_tokens: -3 }),
    served(PROMPT_UNITS, 1),
  ],
  [
    "usage that lies beyond the ceiling",
    both,
    sayHello({ prompt_tokens: 12, completion_tokens: 1_000_000 }),
    served(12, MOST_OUTPUT),
  ],
];

const priceOf = ({ inputUnits, outputUnits }: Served, spare = false): bigint =>
  BigInt(inputUnits) * (spare ? 20n : 10n) + BigInt(outputUnits) * (spare ? 60n : 30n) + 7n;

/** Rows as [offer, whether it was served, amount]. */
const rowsOf = async (stage: Stage) =>
  (await stage.rows()).map(({ receipt }) => [receipt.offerId, receipt.timing > 0, receipt.amountWei]);
const failedRow = [100, false, 0n];

function assertAnswered(seen: Seen, mode: Mode, text: string, costWei: bigint): void {
  assert.deepEqual(
    [seen.status, seen.errorType, seen.text, seen.finishReason, seen.costWei],
    [200, undefined, text, "stop", costWei],
  );
  assert.equal(seen.isDone, mode === "stream");
}

async function assertReceipt(stage: Stage, seen: Seen): Promise<void> {
  const last = (await stage.rows()).at(-1);
  assert.equal(seen.receipt?.signature, last?.signature, "the caller has the journal's receipt");
}

/** What it comes to when the provider is the only one. */
async function assertAlone(stage: Stage, seen: Seen, mode: Mode, expected: Expected): Promise<void> {
  const { bad } = stage;
  const chargedWei = await stage.charged();
  if (expected.kind === "refused") {
    const { status, errorType, tries, rows = tries, mayRepeat, retryAfter = null } = expected;
    assert.deepEqual(
      [seen.status, seen.errorType, seen.mayRepeat, seen.retryAfter],
      [status, errorType, mayRepeat, retryAfter],
    );
    assert.equal(seen.previousErrors?.length, tries);
    if (bad) assert.equal(bad.seen.length, tries);
    assert.deepEqual(
      await rowsOf(stage),
      Array.from({ length: rows }, () => failedRow),
    );
    assert.equal(chargedWei, 0n);
    return;
  }
  assert.equal(bad?.seen.length, 1);
  if (expected.kind === "broken") {
    assert.deepEqual(
      [seen.status, seen.errorType, seen.text, seen.finishReason, seen.isDone, seen.costWei],
      [200, "provider_unavailable", expected.text, "error", false, undefined],
    );
    assert.deepEqual(await rowsOf(stage), [failedRow]);
    assert.equal(chargedWei, 0n);
  } else if (expected.kind === "empty") {
    assertAnswered(seen, mode, "", 0n);
    assert.deepEqual(await rowsOf(stage), [failedRow]);
    assert.equal(chargedWei, 0n);
    await assertReceipt(stage, seen);
  } else {
    assertAnswered(seen, mode, expected.text, priceOf(expected));
    assert.deepEqual(await rowsOf(stage), [[100, true, priceOf(expected)]]);
    assert.equal(chargedWei, priceOf(expected));
    await assertReceipt(stage, seen);
  }
}

const outcome = (expected: Expected): string =>
  expected.kind === "refused" ? String(expected.status) : expected.kind;

describe("a provider's fault", () => {
  for (const [name, modes, behave, expected] of faults)
    for (const mode of modes) {
      const fields = { stream: mode === "stream", max_tokens: MOST_OUTPUT };

      it(`${name} (${mode}) is ${outcome(expected)} when there is no other provider`, async (t) => {
        const stage = await setStage(t, behave);
        const seen = await stage.ask(fields);
        await assertAlone(stage, seen, mode, expected);
        const { bad } = stage;
        for (const { url, body } of bad?.seen ?? []) {
          assert.equal(url, "/v1/chat/completions");
          assert.equal(
            (JSON.parse(body) as { max_tokens: number }).max_tokens,
            MOST_OUTPUT,
            "never more than is held",
          );
        }
      });

      const isRescued = expected.kind === "refused";
      it(`${name} (${mode}) is ${isRescued ? "another's answer" : outcome(expected)} when there is another`, async (t) => {
        const stage = await setStage(t, behave, { spare: true });
        const seen = await stage.ask(fields);
        if (!isRescued) {
          await assertAlone(stage, seen, mode, expected);
          assert.equal(stage.spare?.seen.length, 0, "the other one was not asked");
          return;
        }
        assertAnswered(seen, mode, SPARE_TEXT, SPARE_WEI);
        assert.equal(await stage.charged(), SPARE_WEI);
        const isFailure = expected.rows !== 0;
        assert.deepEqual(await rowsOf(stage), [...(isFailure ? [failedRow] : []), [200, true, SPARE_WEI]]);
        await assertReceipt(stage, seen);
        if (stage.bad) assert.equal(stage.bad.seen.length, 1);
        assert.equal(stage.spare?.seen.length, 1);
      });
    }

  for (const mode of both)
    it(`usage that lies below the ceiling (${mode}) is charged, noticed and remembered`, async (t) => {
      const stage = await setStage(t, sayHello({ prompt_tokens: 12, completion_tokens: MOST_OUTPUT }));
      const seen = await stage.ask({ stream: mode === "stream", max_tokens: MOST_OUTPUT });
      const lie: Served = { kind: "served", text: "Hello", inputUnits: 12, outputUnits: MOST_OUTPUT };
      assertAnswered(seen, mode, "Hello", priceOf(lie));
      assert.equal(await stage.charged(), priceOf(lie));
      await setTimeout(50);
      const compared = stage.world.metrics.seen.filter(([name]) => name === "compared");
      assert.deepEqual(compared, [["compared", 1, "output", MOST_OUTPUT, 1, true]]);
      assert.equal(stage.world.market.health(1).usageRatio, 10, "as much as one count can say");
    });

  for (const status of [400, 404, 422])
    for (const mode of both)
      it(`${status} (${mode}) is the caller's own: no other is asked, nothing is charged, nobody is blamed`, async (t) => {
        const refuse: Behaviour = (res) => json(res, status, { error: { message: "no such tool" } });
        const stage = await setStage(t, refuse, { spare: true });
        const seen = await stage.ask({ stream: mode === "stream", max_tokens: MOST_OUTPUT });
        assert.deepEqual([seen.status, seen.errorType], [status, "invalid_request"]);
        assert.deepEqual([stage.bad?.seen.length, stage.spare?.seen.length], [1, 0]);
        assert.equal(await stage.charged(), 0n);
        assert.deepEqual(await rowsOf(stage), []);
        assert.equal(stage.world.market.health(1).successRate, undefined);
      });

  it("429 with a long Retry-After keeps everybody away for that long, and is no outage", async (t) => {
    const busyFor30: Behaviour = (res) => json(res, 429, { error: {} }, { "retry-after": "30" });
    const stage = await setStage(t, busyFor30);
    assert.deepEqual([(await stage.ask()).status, stage.bad?.seen.length], [429, 1]);
    const next = await stage.ask();
    assert.deepEqual([next.status, next.errorType, next.mayRepeat], [503, "provider_overloaded", true]);
    assert.ok(Number(next.retryAfter) > 25, String(next.retryAfter));
    assert.equal(stage.bad?.seen.length, 1, "it was not asked again");
    assert.equal(stage.world.market.health(1).breaker, "closed");
    assert.equal(await stage.charged(), 0n);
  });
});
