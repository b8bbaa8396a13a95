/** A key's limit after every way out of a request. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallerLeft, Refusal } from "../../../router/request/refusal.ts";
import { serve } from "../../../router/request/serve.ts";
import { sampleCall, sampleDemand } from "../../fakes/demand.ts";
import { FakeReply } from "../../fakes/reply.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, fakeWorld, sampleKey, type FakeWorld } from "../../fakes/world.ts";

const STREAM = sampleDemand({ stream: true });
const spendOf = (world: FakeWorld) => world.funds.spendOf(sampleKey);

async function refusal(promise: Promise<void>): Promise<Refusal> {
  const error: unknown = await promise.then(
    () => "it was served",
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Refusal, String(error));
  return error;
}

/** What one request of the sample holds at the first offer. */
async function ceilingWei(): Promise<bigint> {
  const world = fakeWorld();
  let heldWei = 0n;
  world.upstream.script(1, { answer: answer("Hello!", 1, 1) });
  world.journal.delay = async () => void (heldWei = world.accounts.heldWei(ACCOUNT));
  await serve(world, sampleCall(), new FakeReply());
  return heldWei;
}

describe("a key's limit", () => {
  it("is told apart from the account's balance, and says when it begins anew", async () => {
    const world = fakeWorld({ key: { limitWei: 5n, limitReset: "daily" } });
    const { status, errorType, details } = await refusal(serve(world, sampleCall(), new FakeReply()));
    assert.deepEqual([status, errorType], [402, "payment_required"]);
    assert.equal(details.metadata?.["limit_source"], "key_limit");
    assert.equal(details.metadata["reason"], "insufficient");
    assert.match(String(details.metadata["resets_at"]), /T00:00:00.000Z$/);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
    assert.equal((await spendOf(world)).heldWei, 0n);
  });

  it("gives back what the account could not cover", async () => {
    const world = fakeWorld({ balanceWei: 10n, key: { limitWei: 10n ** 18n } });
    const { details } = await refusal(serve(world, sampleCall(), new FakeReply()));
    assert.equal(details.metadata?.["limit_source"], "account_balance");
    assert.equal((await spendOf(world)).heldWei, 0n);
  });

  it("lets 40 requests at once spend no more than itself", async () => {
    const limitWei = 3n * (await ceilingWei()) + 1n;
    const world = fakeWorld({ key: { limitWei } });
    world.upstream.script(1, { answer: answer("Hello!", 8_000, 100) });
    world.upstream.script(2, { answer: answer("Hello!", 8_000, 100) });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, () => serve(world, sampleCall(), new FakeReply())),
    );
    const served = results.filter(({ status }) => status === "fulfilled").length;
    const spend = await spendOf(world);
    assert.ok(served >= 3 && served < 40, `${served} were served`);
    assert.ok(spend.totalWei <= limitWei, `${spend.totalWei} of ${limitWei} were spent`);
    assert.equal(spend.totalWei, world.accounts.unsettledWei(ACCOUNT));
    assert.equal(spend.heldWei, 0n);
  });

  it("counts an app's fee", async () => {
    const world = fakeWorld({ key: { limitWei: 10n ** 18n } });
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    await serve(world, sampleCall(sampleDemand({ appId: 5 })), new FakeReply());
    assert.equal((await spendOf(world)).totalWei, 217n + 11n);
    assert.equal(world.journal.outcomes[0]?.appFeeWei, 11n);
  });

  const ends: readonly (readonly [string, (world: FakeWorld, reply: FakeReply) => void, bigint])[] = [
    ["an error", (world) => world.upstream.script(1, { fault: "rejected", status: 400 }), 0n],
    [
      "a broken stream",
      (world) => world.upstream.script(1, { chunks: [role, delta("Hel")], fault: "protocol" }),
      0n,
    ],
    ["a caller that leaves at once", (_world, reply) => reply.leave(), 0n],
    [
      "a stream that is whole",
      (world) => world.upstream.script(1, { chunks: [role, delta("Hello"), finish(), usage(12, 2)] }),
      187n,
    ],
  ];
  for (const [name, prepare, spentWei] of ends)
    it(`is held no longer after ${name}`, async () => {
      const world = fakeWorld({ key: { limitWei: 10n ** 18n } });
      const reply = new FakeReply();
      prepare(world, reply);
      await serve(world, sampleCall(STREAM), reply).catch((error: unknown) =>
        assert.ok(error instanceof Refusal || error instanceof CallerLeft, String(error)),
      );
      const spend = await spendOf(world);
      assert.deepEqual([spend.heldWei, spend.totalWei], [0n, spentWei]);
    });

  it("and its models are checked before anything is held or sent", async () => {
    const world = fakeWorld({ key: { allowedModels: ["acme/other"] } });
    const { status, errorType, details } = await refusal(serve(world, sampleCall(), new FakeReply()));
    assert.deepEqual([status, errorType], [403, "permission_denied"]);
    assert.equal(details.metadata?.["reason"], "model_not_allowed");
    assert.deepEqual(world.upstream.requests, []);
  });
});
