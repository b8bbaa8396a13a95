/** Where the money is after every way out of a request. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { UpstreamFault } from "../../../router/ports.ts";
import { CallerLeft, Refusal } from "../../../router/request/refusal.ts";
import { serve } from "../../../router/request/serve.ts";
import { sampleCall, sampleDemand } from "../../fakes/demand.ts";
import { FakeReply } from "../../fakes/reply.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, fakeWorld, sampleOffer, type FakeWorld } from "../../fakes/world.ts";

const BALANCE = 1_000_000n;
const STREAM = sampleDemand({ stream: true });
const timings = (world: FakeWorld) =>
  world.journal.outcomes.flatMap(({ receipts }) =>
    receipts.map(({ receipt }) => [receipt.offerId, receipt.timing > 0, receipt.amountWei]),
  );

/** Nothing is held, and exactly `costWei` is gone. */
function assertSpent(world: FakeWorld, costWei: bigint): void {
  assert.equal(world.accounts.heldWei(ACCOUNT), 0n, "something is still held");
  assert.equal(world.accounts.unsettledWei(ACCOUNT), costWei);
  assert.equal(world.accounts.availableWei(ACCOUNT), BALANCE - costWei);
  for (const listingId of [1, 2]) assert.equal(world.market.health(listingId).inFlight, 0);
}

async function refusal(promise: Promise<void>): Promise<Refusal> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error;
  }
  return assert.fail("it was served");
}

describe("the money of a request", () => {
  it("becomes the exact amount when it is served", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    const reply = new FakeReply();
    await serve(world, sampleCall(), reply);
    assertSpent(world, 12n * 10n + 3n * 30n + 7n);
    assert.equal(reply.receipt?.receipt.amountWei, 217n);
    assert.equal((reply.body?.["usage"] as { cost_wei: string } | undefined)?.cost_wei, "217");
  });

  it("becomes the exact amount when it is streamed, and the journal comes before the end", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { chunks: [role, delta("Hel"), delta("lo"), finish(), usage(12, 2)] });
    const reply = new FakeReply();
    let seenAtCommit: unknown;
    world.journal.delay = async () => {
      seenAtCommit = {
        text: reply.text(),
        count: reply.events.length,
        held: world.accounts.heldWei(ACCOUNT) > 0n,
      };
    };
    await serve(world, sampleCall(STREAM), reply);
    assert.deepEqual(seenAtCommit, { text: "Hello", count: 3, held: true });
    const last = reply.events.at(-1) as { choices: unknown[]; usage: object; receipt: { id: string } };
    assert.deepEqual(last.choices, []);
    assert.deepEqual(last.usage, {
      prompt_tokens: 12,
      completion_tokens: 2,
      total_tokens: 14,
      cost: 1.87e-16,
      cost_wei: "187",
    });
    assert.equal(last.receipt.id, `${ACCOUNT}-0`);
    assert.ok(reply.isDone);
    assertSpent(world, 187n);
  });

  it("goes to the fallback that served; the failed try is a free row", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { fault: "server", status: 500 });
    world.upstream.script(2, { answer: answer("Hello!", 10, 1) });
    await serve(world, sampleCall(), new FakeReply());
    assert.deepEqual(timings(world), [
      [100, false, 0n],
      [200, true, 10n * 20n + 60n + 7n],
    ]);
    assertSpent(world, 267n);
  });

  it("is never more than was held, whatever the provider reports", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 5_000_000, 9_999) });
    const demand = sampleDemand({ outputUnits: 5 });
    await serve(world, sampleCall(demand), new FakeReply());
    const [row] = world.journal.outcomes[0]?.receipts ?? [];
    assert.equal(row?.receipt.outputUnits, 5);
    assert.equal(row?.receipt.inputUnits, demand.bodyBytes + 512 + 16);
    assert.ok(world.metrics.seen.some(([name]) => name === "overreported"));
    assertSpent(world, row?.receipt.amountWei ?? 0n);
  });

  it("is nothing for reported zeros but the price of a request", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 0, 0) });
    await serve(world, sampleCall(), new FakeReply());
    assertSpent(world, 7n);
  });

  it("is counted by the router where the provider reports nothing", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("hello world") });
    await serve(world, sampleCall(), new FakeReply());
    const [row] = world.journal.outcomes[0]?.receipts ?? [];
    assert.equal(row?.receipt.outputUnits, 2);
    assert.equal(row?.receipt.inputUnits, 3 + 4, "`Say hello.` and what is around a message");
  });

  it("is nothing when nothing was generated", async () => {
    for (const stream of [false, true]) {
      const world = fakeWorld();
      world.upstream.script(1, { answer: answer("", 12, 0), chunks: [role, finish(), usage(12, 0)] });
      const reply = new FakeReply();
      await serve(world, sampleCall(sampleDemand({ stream })), reply);
      assert.deepEqual(timings(world), [[100, false, 0n]]);
      assert.ok(stream ? reply.isDone : reply.body);
      assertSpent(world, 0n);
    }
  });

  it("covers the app's fee, rounded up", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    await serve(world, sampleCall(sampleDemand({ appId: 5 })), new FakeReply());
    assertSpent(world, 217n + 11n);
  });

  it("stays when there is not enough: 402 says what is missing", async () => {
    const world = fakeWorld({ balanceWei: 1_000n });
    const { status, details } = await refusal(serve(world, sampleCall(), new FakeReply()));
    assert.equal(status, 402);
    const { limit_source, reason, available, needed, missing } = details.metadata ?? {};
    assert.deepEqual(
      [limit_source, reason, available],
      ["account_balance", "insufficient", "0.000000000000001"],
    );
    assert.ok(String(needed) > String(missing));
    assert.equal(world.upstream.requests.length, 0);
    assert.equal(world.accounts.availableWei(ACCOUNT), 1_000n);
  });

  it("says when only requests in flight are in the way", async () => {
    const world = fakeWorld();
    world.accounts.hold(ACCOUNT, BALANCE - 10n);
    const { details } = await refusal(serve(world, sampleCall(), new FakeReply()));
    assert.equal(details.metadata?.["reason"], "in_flight");
    assert.equal(details.retryAfterSec, 1);
  });

  it("skips a fallback that is too dear", async () => {
    const offers = [
      sampleOffer(),
      sampleOffer({ offerId: 200, listingId: 2, providerId: 2, inputPrice: 2n ** 60n }),
    ];
    const world = fakeWorld({ offers });
    world.upstream.script(1, { fault: "server" });
    const { status } = await refusal(serve(world, sampleCall(), new FakeReply()));
    assert.equal(status, 502);
    assert.equal(world.upstream.requests.length, 1);
    assertSpent(world, 0n);
  });

  const rows: readonly (readonly [UpstreamFault, boolean, number])[] = [
    ["connect", true, 502],
    ["timeout", true, 504],
    ["server", true, 502],
    ["protocol", true, 502],
    ["in_band", true, 502],
    ["oversized", true, 502],
    ["credentials", true, 502],
    ["rate_limited", false, 429],
    ["rejected", false, 400],
  ];
  for (const [fault, hasRow, expected] of rows)
    it(`comes back after ${fault}: ${expected}, ${hasRow ? "failed rows" : "no row"}`, async () => {
      const world = fakeWorld();
      for (const listingId of [1, 2]) world.upstream.script(listingId, { fault });
      const { status, details } = await refusal(serve(world, sampleCall(), new FakeReply()));
      assert.equal(status, expected);
      // The cheapest is asked once more where it can't have worked on the request.
      const mayHeal = fault === "connect" || fault === "rate_limited";
      const tries = fault === "rejected" ? 1 : mayHeal ? 3 : 2;
      assert.equal(world.upstream.requests.length, tries);
      assert.equal(world.pauses.length, mayHeal ? 1 : 0);
      assert.equal(timings(world).length, hasRow ? tries : 0);
      assert.equal(
        details.shouldRetry,
        ["connect", "credentials", "rate_limited", "rejected"].includes(fault),
      );
      assertSpent(world, 0n);
    });

  it("is spent at the very offer that was out of reach a moment ago, when there is no other", async () => {
    const world = fakeWorld({ offers: [sampleOffer()] });
    world.upstream.script(1, { fault: "connect" }, { answer: answer("Hello!", 12, 3) });
    await serve(world, sampleCall(), new FakeReply());
    assert.deepEqual(timings(world), [
      [100, false, 0n],
      [100, true, 217n],
    ]);
    assert.equal(world.pauses.length, 1);
    assertSpent(world, 217n);
  });

  it("comes back when the caller leaves while the router waits to try again", async () => {
    const world = fakeWorld({ offers: [sampleOffer()] });
    const reply = new FakeReply();
    world.upstream.script(1, { fault: "rate_limited", status: 429 });
    const leaving = { ...world, pause: async () => (reply.leave(), false) };
    await assert.rejects(serve(leaving, sampleCall(), reply), CallerLeft);
    assert.equal(world.upstream.requests.length, 1);
    assertSpent(world, 0n);
  });

  it("comes back after a provider that sends and sends, but no content", async () => {
    const events: readonly (readonly [string, Record<string, unknown>, number])[] = [
      ["many", role, 1_100],
      ["long", { ...role, system_fingerprint: "f".repeat(30_000) }, 10],
    ];
    for (const [name, event, count] of events) {
      const world = fakeWorld();
      world.upstream.script(1, { chunks: [...Array.from({ length: count }, () => event), delta("late")] });
      world.upstream.script(2, { chunks: [role, delta("Hi"), finish(), usage(1, 1)] });
      const reply = new FakeReply();
      await serve(world, sampleCall(STREAM), reply);
      assert.equal(reply.text(), "Hi", name);
      assert.equal(world.upstream.cancelled, 1, name);
      assertSpent(world, 87n);
    }
  });

  it("comes back when a provider breaks off after content: a failed row, no second provider", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { chunks: [role, delta("Hel")], fault: "protocol" });
    const reply = new FakeReply();
    const { status, details } = await refusal(serve(world, sampleCall(STREAM), reply));
    assert.equal(status, 502);
    assert.equal(details.shouldRetry, false);
    assert.equal(reply.isDone, false);
    assert.deepEqual(timings(world), [[100, false, 0n]]);
    assert.equal(world.upstream.requests.length, 1);
    assertSpent(world, 0n);
  });

  it("goes to another provider when one breaks off before content", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { chunks: [role], fault: "in_band" });
    world.upstream.script(2, { chunks: [role, delta("Hi"), finish(), usage(1, 1)] });
    const reply = new FakeReply();
    await serve(world, sampleCall(STREAM), reply);
    assert.equal(reply.text(), "Hi");
    assertSpent(world, 20n + 60n + 7n);
  });

  it("comes back when the caller leaves before content", async () => {
    const world = fakeWorld();
    const reply = new FakeReply();
    world.upstream.script(1, { chunks: [role, () => reply.leave(), delta("Hello")] });
    await assert.rejects(serve(world, sampleCall(STREAM), reply), CallerLeft);
    assert.equal(world.journal.outcomes.length, 0);
    assert.equal(world.upstream.cancelled, 1);
    assertSpent(world, 0n);
  });

  it("pays for what was received when the caller leaves after content", async () => {
    const world = fakeWorld();
    const reply = new FakeReply();
    world.upstream.script(1, {
      chunks: [role, delta("hello"), delta(" world"), () => reply.leave(), delta(" and more"), finish()],
    });
    await serve(world, sampleCall(STREAM), reply);
    const [row] = world.journal.outcomes[0]?.receipts ?? [];
    assert.equal(row?.receipt.outputUnits, 2);
    assert.equal(reply.isDone, false);
    assert.equal(world.upstream.cancelled, 1);
    assertSpent(world, 7n * 10n + 2n * 30n + 7n);
  });

  it("keeps the failed rows of a caller who left later", async () => {
    const world = fakeWorld();
    const reply = new FakeReply();
    world.upstream.script(1, { fault: "server" });
    world.upstream.script(2, { chunks: [role, () => reply.leave(), delta("Hello")] });
    await assert.rejects(serve(world, sampleCall(STREAM), reply), CallerLeft);
    assert.deepEqual(timings(world), [[100, false, 0n]]);
    assertSpent(world, 0n);
  });

  it("comes back when the journal fails, and nothing is said to be whole", async () => {
    for (const stream of [false, true]) {
      const world = fakeWorld();
      world.upstream.script(1, {
        answer: answer("Hello!", 12, 3),
        chunks: [role, delta("Hello!"), finish()],
      });
      world.journal.delay = async () => {
        world.journal.broken = new Error("disk full");
      };
      const reply = new FakeReply();
      const { status, details } = await refusal(serve(world, sampleCall(sampleDemand({ stream })), reply));
      assert.equal(status, 503);
      assert.equal(details.shouldRetry, false);
      assert.ok(!reply.isDone && !reply.body);
      assertSpent(world, 0n);
      const again = await refusal(serve(world, sampleCall(), new FakeReply()));
      assert.equal(again.status, 503);
      assert.equal(world.upstream.requests.length, 1, "nothing is sent that can't be recorded");
    }
  });

  it("adds up over many requests at once", async () => {
    const world = fakeWorld();
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    await Promise.all(Array.from({ length: 50 }, async () => serve(world, sampleCall(), new FakeReply())));
    assertSpent(world, 50n * 217n);
    const seqs = world.journal.outcomes.flatMap(({ receipts }) => receipts.map(({ receipt }) => receipt.seq));
    assert.deepEqual(seqs, [...Array.from({ length: 50 }).keys()]);
  });
});
