/** Requests that come again: answered from the first, billed once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Recorder, replay } from "../../../router/request/recording.ts";
import { CallerLeft, Refusal } from "../../../router/request/refusal.ts";
import { Repeats, type RepeatMarks } from "../../../router/request/repeats.ts";
import { serve } from "../../../router/request/serve.ts";
import { sampleCall, sampleDemand } from "../../fakes/demand.ts";
import { FakeReply } from "../../fakes/reply.ts";
import { FakeStore } from "../../fakes/store.ts";
import { sampleOutcome } from "../../fakes/samples.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, fakeWorld, MODEL, sampleKey, type FakeWorld } from "../../fakes/world.ts";

const NAMED: Partial<RepeatMarks> = { idempotencyKey: "order-66" };
const retry = (retryCount: number): Partial<RepeatMarks> => ({ retryCount });
const ask = (text: string, stream = false) =>
  sampleDemand({ stream, body: { model: MODEL, messages: [{ role: "user", content: text }] } });

async function send(
  world: FakeWorld,
  marks: Partial<RepeatMarks>,
  demand = sampleDemand(),
): Promise<FakeReply> {
  const reply = new FakeReply();
  await serve(world, sampleCall(demand, marks), reply);
  return reply;
}

async function refusal(promise: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await promise.then(
    () => "it was served",
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Refusal, String(error));
  return error;
}

function serving(chunks = false): FakeWorld {
  const world = fakeWorld();
  const streamed = { chunks: [role, delta("Hel"), delta("lo"), finish(), usage(12, 2)] };
  world.upstream.script(1, chunks ? streamed : { answer: answer("Hello!", 12, 3) });
  return world;
}

const billedRows = (world: FakeWorld): number =>
  world.journal.outcomes.flatMap(({ receipts }) => receipts).filter(({ receipt }) => receipt.timing > 0)
    .length;

for (const [what, marks, again] of [
  ["an Idempotency-Key", NAMED, NAMED],
  ["an SDK's retry header", retry(0), retry(1)],
] as const)
  describe(`a request that comes again with ${what}`, () => {
    for (const streamed of [false, true])
      it(`gets the very same ${streamed ? "stream" : "answer"}, and is billed once`, async () => {
        const world = serving(streamed);
        const demand = sampleDemand({ stream: streamed });
        const first = await send(world, marks, demand);
        const second = await send(world, again, demand);
        assert.deepEqual(
          [second.body, second.events, second.head, second.receipt, second.isDone],
          [first.body, first.events, first.head, first.receipt, first.isDone],
        );
        assert.deepEqual([first.isRepeated, second.isRepeated], [false, true]);
        assert.equal(world.upstream.requests.length, 1);
        assert.equal(billedRows(world), 1);
        assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
      });

    it("is served when the first has failed", async () => {
      const world = fakeWorld();
      world.upstream.script(1, { fault: "rejected", status: 400 }, { answer: answer("Hello!", 12, 3) });
      await refusal(send(world, marks));
      assert.equal((await send(world, again)).isRepeated, false);
      assert.equal(billedRows(world), 1);
    });

    it("is served when the first caller left before there was anything to pay for", async () => {
      const world = serving();
      const reply = new FakeReply();
      reply.leave();
      await assert.rejects(serve(world, sampleCall(sampleDemand(), marks), reply), CallerLeft);
      assert.equal((await send(world, again)).isRepeated, false);
    });

    it("gets only the receipt after a restart, and is not billed again", async () => {
      const world = serving();
      const first = await send(world, marks);
      const restarted = {
        ...world,
        repeats: new Repeats({ store: new FakeStore(world.journal), clock: world.clock }),
      };
      const { status, errorType, details } = await refusal(send(restarted, again));
      assert.deepEqual([status, errorType, details.shouldRetry], [409, "already_served", false]);
      assert.equal(details.metadata?.["receipt_id"], `${ACCOUNT}-${first.receipt?.receipt.seq}`);
      assert.ok(details.headers?.["x-ai1net-receipt"]);
      assert.equal(billedRows(world), 1);
      // And still so the next time.
      assert.equal((await refusal(send(restarted, again))).errorType, "already_served");
    });
  });

describe("an Idempotency-Key", () => {
  it("of a request that is still running is told to wait: of 20 at once, one is served", async () => {
    const world = serving();
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => send(world, NAMED)));
    const refused = results.flatMap((each) => (each.status === "rejected" ? [each.reason as Refusal] : []));
    assert.equal(refused.length, 19);
    for (const { status, errorType, details } of refused)
      assert.deepEqual(
        [status, errorType, details.retryAfterSec, details.metadata?.["reason"]],
        [409, "idempotency_conflict", 1, "in_progress"],
      );
    assert.equal(billedRows(world), 1);
  });

  it("does not fit another body, before or after a restart", async () => {
    const world = serving();
    await send(world, NAMED);
    const restarted = {
      ...world,
      repeats: new Repeats({ store: new FakeStore(world.journal), clock: world.clock }),
    };
    for (const each of [world, restarted]) {
      const { status, details } = await refusal(send(each, NAMED, ask("Something else.")));
      assert.deepEqual(
        [status, details.shouldRetry, details.metadata?.["reason"]],
        [409, false, "other_body"],
      );
    }
    assert.equal(billedRows(world), 1);
  });

  it("is one API key's own", async () => {
    const world = serving();
    const mine = await world.repeats.begin(
      sampleKey,
      sampleCall(ask(""), NAMED),
      ask(""),
      "0x01",
      new FakeReply(),
    );
    const other = { ...sampleKey, keyId: "b".repeat(16) };
    const theirs = await world.repeats.begin(
      other,
      sampleCall(ask(""), NAMED),
      ask(""),
      "0x01",
      new FakeReply(),
    );
    assert.deepEqual([mine?.kind, theirs?.kind], ["first", "first"]);
  });

  it("of a stream that was left gives what was paid for, and then an error", async () => {
    const world = fakeWorld();
    const first = new FakeReply();
    const leave = (): void => first.leave();
    world.upstream.script(1, { chunks: [role, delta("Hel"), leave, delta("lo"), finish(), usage(12, 2)] });
    await serve(world, sampleCall(ask("x", true), NAMED), first);
    assert.equal(billedRows(world), 1);
    const second = new FakeReply();
    const { errorType } = await refusal(serve(world, sampleCall(ask("x", true), NAMED), second));
    assert.deepEqual([errorType, second.text(), second.isDone], ["already_served", "Hel", false]);
    assert.equal(billedRows(world), 1);
  });
});

describe("an SDK's retry", () => {
  it("of an answer that got lost is not mistaken for another request like it", async () => {
    const world = serving();
    const lost = new FakeReply();
    await serve(world, sampleCall(sampleDemand(), retry(0)), lost);
    lost.leave();
    await send(world, retry(0));
    assert.equal(billedRows(world), 2);
    assert.deepEqual((await send(world, retry(1))).body, lost.body);
  });

  it("of one that failed is served, although another like it was answered", async () => {
    const world = fakeWorld();
    world.upstream.script(
      1,
      { answer: answer("one", 12, 3) },
      { fault: "rejected", status: 400 },
      {
        answer: answer("two", 12, 3),
      },
    );
    await send(world, retry(0));
    await refusal(send(world, retry(0)));
    assert.equal((await send(world, retry(1))).isRepeated, false);
    assert.equal(billedRows(world), 2);
  });

  it("is no repetition of an earlier request once the window has passed", async () => {
    let nowMs = Date.now();
    const world = { ...serving(), clock: { nowMs: () => nowMs } };
    const repeats = new Repeats({ store: new FakeStore(world.journal), clock: world.clock });
    await send({ ...world, repeats }, retry(0));
    nowMs += 3 * 60_000;
    assert.equal((await send({ ...world, repeats }, retry(1))).isRepeated, false);
  });
});

describe("an answer in bytes", () => {
  const head = { id: "gen-1", created: 1, model: MODEL };
  const bytes = [Uint8Array.of(1, 2), Uint8Array.of(3)] as const;
  const record = async (mostBytes: number, isWhole: boolean) => {
    const first = new FakeReply();
    const recorder = new Recorder(first, mostBytes);
    recorder.openBytes(head, "audio/mpeg");
    void recorder.sendBytes(bytes[0]);
    const [receipt] = await fakeWorld().journal.commit(sampleOutcome());
    assert.ok(receipt);
    if (isWhole) recorder.doneBytes(bytes[1], receipt);
    recorder.close(receipt);
    return recorder.recording;
  };

  it("is given again, with its receipt", async () => {
    const recording = await record(100, true);
    const second = new FakeReply();
    assert.ok(recording);
    await replay(recording, second);
    assert.ok(second.isRepeated && second.isDone && second.receipt);
    assert.equal(Buffer.concat(second.chunks).toString("hex"), "010203");
  });

  it("breaks off where its caller left, and is not kept when it is too big", async () => {
    const cut = await record(100, false);
    const second = new FakeReply();
    assert.ok(cut);
    assert.equal((await refusal(replay(cut, second))).errorType, "already_served");
    assert.equal(second.isDone, false);
    assert.equal(await record(2, true), undefined);
  });
});

describe("what is kept of answers", () => {
  it("is bounded; for what does not fit the receipt is given", async () => {
    const world = serving();
    const store = new FakeStore(world.journal);
    const repeats = new Repeats({ store, clock: world.clock, mostBytes: 8_000, mostBytesEach: 1_000 });
    for (let i = 0; i < 50; i++) {
      await send({ ...world, repeats }, { idempotencyKey: `n${i}` }, ask(`${i}`));
      assert.ok(repeats.bytes <= 8_000, `${repeats.bytes} bytes`);
    }
    assert.equal((await send({ ...world, repeats }, { idempotencyKey: "n49" }, ask("49"))).isRepeated, true);
    const old = await refusal(send({ ...world, repeats }, { idempotencyKey: "n0" }, ask("0")));
    assert.equal(old.errorType, "already_served");

    world.upstream.script(1, { answer: answer("x".repeat(2_000), 12, 3) });
    const big = await send({ ...world, repeats }, { idempotencyKey: "big" }, ask("big"));
    assert.ok(big.body);
    const again = await refusal(send({ ...world, repeats }, { idempotencyKey: "big" }, ask("big")));
    assert.equal(again.errorType, "already_served");
    assert.equal(billedRows(world), 51);
  });
});
