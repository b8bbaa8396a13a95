/** What callers think of their requests moves which model `auto` picks. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { toHex } from "../../../router/model/bytes.ts";
import { runApp } from "../../fakes/app.ts";
import { answer } from "../../fakes/upstream.ts";
import {
  ACCOUNT,
  BEARER,
  fakeWorld,
  OWNER,
  sampleKey,
  sampleMarket,
  sampleOffer,
  sampleSnapshot,
} from "../../fakes/world.ts";

const SOLVER_A = "acme/solver-a";
const SOLVER_B = "acme/solver-b";
const PROVIDER = `0x${"9e".repeat(20)}` as const;
/** Two models for the same, the second a little dearer. */
const offers = [1, 2].map((id) =>
  sampleOffer({
    offerId: id * 100,
    listingId: id,
    providerId: id,
    modelId: id,
    requestPrice: BigInt(6 + id),
  }),
);
const market = {
  ...sampleMarket(offers),
  models: [SOLVER_A, SOLVER_B].map((name, i) => ({ modelId: i + 1, name, unit: "token" as const })),
  providers: [1, 2].map((providerId) => ({ providerId, owner: PROVIDER, payee: PROVIDER, stakeWei: 1_000n })),
  listings: [1, 2].map((id) => ({ listingId: id, providerId: id, modelId: id })),
};

// oxlint-disable-next-line typescript/no-explicit-any -- JSON of many shapes, compared right away
type Json = any;

/** Accounts 11 (the sample key's), 12, 13, ...: each has an owner and a key of its own. */
async function start(test: TestContext, owners: readonly `0x${string}`[] = []) {
  const world = fakeWorld({ offers });
  world.market.refresh(market);
  const bearers = owners.map((owner, i) => {
    const [keyId, secret] = [String(i + 1).repeat(16), String(i + 1).repeat(43)];
    const accountId = ACCOUNT + i + 1;
    world.accounts.refresh(sampleSnapshot({ accountId, owner }));
    const secretHash = toHex(createHash("sha256").update(secret).digest());
    world.keys.add({ ...sampleKey, keyId, accountId, secretHash });
    return `Bearer sk-ai1-${keyId}-${secret}`;
  });
  for (const listingId of [1, 2]) world.upstream.script(listingId, { answer: answer("6", 3, 1) });
  const app = await runApp(test, world);
  const post = async (path: string, body: object, authorization = BEARER) => {
    const headers = { authorization, "content-type": "application/json" };
    const response = await fetch(app.origin + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, json: (await response.json()) as Json };
  };
  const ask = async (model: string, authorization = BEARER) => {
    const messages = [{ role: "user", content: "What is 12% of 50?" }];
    // What was measured of one and not of the other is no matter here.
    const preferences = { quality: 1, cost: 0.1, speed: 0 };
    const { json } = await post("/v1/chat/completions", { model, messages, preferences }, authorization);
    return { id: json.id as string, model: json.model as string, receipt: json.receipt.id as string };
  };
  return { ...app, world, post, ask, bearers };
}

const ownerOf = (i: number): `0x${string}` => `0x${String(i).padStart(40, "0")}`;

describe("POST /v1/feedback", () => {
  it("moves which model auto picks", async (t) => {
    const { ask, post } = await start(t);
    assert.equal((await ask("auto")).model, SOLVER_A);
    for (let i = 0; i < 3; i++) {
      const { id } = await ask(SOLVER_A);
      const { status, json } = await post("/v1/feedback", { id, rating: 1, task: "math" });
      assert.equal(status, 201);
      assert.equal(json.data.model, SOLVER_A);
    }
    assert.equal((await ask("auto")).model, SOLVER_B);
  });

  it("takes reviews on chain the same way, and what stands there counts in the place of feedback", async (t) => {
    const { ask, post, deps } = await start(t);
    const { receipt } = await ask(SOLVER_A);
    await post("/v1/feedback", { id: receipt, rating: 5 });
    const chain = { epoch: 1, weightWei: 10n, textHash: OWNER, txHash: OWNER, rating: 1, listingId: 1 };
    const rows = [0, 1, 2, 3].map((seq) => ({ ...chain, accountId: 77, seq, owner: ownerOf(seq) }));
    deps.opinions.reviewed([...rows, { ...chain, accountId: ACCOUNT, seq: 0, owner: OWNER }]);
    assert.equal((await ask("auto")).model, SOLVER_B);
    await post("/v1/feedback", { id: receipt, rating: 5 });
    assert.equal((await ask("auto")).model, SOLVER_B, "a row speaks once");
    deps.opinions.reorganized();
    assert.equal((await ask("auto")).model, SOLVER_A, "what the chain takes back, nobody has said");
  });

  it("replaces what was said of the same request before, and adds nothing", async (t) => {
    const { ask, post, world } = await start(t);
    const { id, receipt } = await ask(SOLVER_A);
    assert.equal((await post("/v1/feedback", { id, rating: 1, task: "math" })).json.data.replaced, null);
    const model = { modelId: 1, name: SOLVER_A };
    const once = world.quality.belief(model, "math");
    const again = await post("/v1/feedback", { id: receipt, rating: 1, task: "math" });
    assert.equal(again.status, 200);
    assert.equal(again.json.data.replaced, 1);
    assert.deepEqual(world.quality.belief(model, "math"), once);
    await post("/v1/feedback", { id, rating: 5, task: "math" });
    assert.ok(world.quality.belief(model, "math").mean > once.mean);
  });

  it("lets nobody rate a stranger's request", async (t) => {
    const { ask, post, world, bearers } = await start(t, [ownerOf(1)]);
    const { id, receipt } = await ask(SOLVER_A);
    for (const name of [id, receipt]) {
      const { status } = await post("/v1/feedback", { id: name, rating: 1 }, bearers[0]);
      assert.equal(status, 404);
    }
    assert.equal((await post("/v1/feedback", { id, rating: 1 }, "Bearer sk-ai1-none")).status, 401);
    assert.deepEqual(
      world.journal.facts.filter(({ kind }) => kind === "feedback"),
      [],
    );
  });

  it("does not let one account drown the others", async (t) => {
    const { ask, post, bearers } = await start(t, [1, 2, 3, 4, 5, 6, 7, 8].map(ownerOf));
    for (let i = 0; i < 20; i++) {
      const { id } = await ask(SOLVER_A);
      await post("/v1/feedback", { id, rating: 1, task: "math" });
    }
    assert.equal((await ask("auto")).model, SOLVER_B);
    for (const bearer of bearers)
      for (let i = 0; i < 3; i++) {
        const { id } = await ask(SOLVER_A, bearer);
        await post("/v1/feedback", { id, rating: 5, task: "math" }, bearer);
      }
    assert.equal((await ask("auto")).model, SOLVER_A, "eight others with three requests each");
  });

  it("does not take the word of who sells it, nor of who paid nothing", async (t) => {
    const { ask, post, bearers, world } = await start(t, [PROVIDER]);
    const { id } = await ask(SOLVER_A, bearers[0]);
    const own = await post("/v1/feedback", { id, rating: 5 }, bearers[0]);
    assert.equal(own.status, 403);
    assert.equal(own.json.error.metadata.reason, "own_listing");
    world.upstream.script(1, { fault: "server" });
    world.upstream.script(2, { fault: "server" });
    await post("/v1/chat/completions", { model: SOLVER_A, messages: [{ role: "user", content: "x" }] });
    const failed = await post("/v1/feedback", { id: `${ACCOUNT}-0`, rating: 5 });
    assert.equal(failed.status, 409);
    assert.equal(failed.json.error.metadata.reason, "nothing_paid");
  });

  it("says what is wrong", async (t) => {
    const { ask, post } = await start(t);
    const { id } = await ask(SOLVER_A);
    for (const [body, field] of [
      [{ id, rating: 6 }, "rating"],
      [{ id, rating: 2.5 }, "rating"],
      [{ id }, "rating"],
      [{ rating: 3 }, "id"],
      [{ id, rating: 3, task: "dance" }, "task"],
      [{ id, rating: 3, extra: 1 }, "extra"],
    ] as const) {
      const { status, json } = await post("/v1/feedback", body);
      assert.equal(status, 400, JSON.stringify(body));
      assert.equal(json.error.param, field);
    }
  });
});

describe("POST /v1/reviews", () => {
  it("waits for the row to be settled, and takes no word on what was not paid", async (t) => {
    const { ask, post, world } = await start(t);
    const { receipt } = await ask(SOLVER_A);
    const early = await post("/v1/reviews", { id: receipt, rating: 5 });
    assert.equal(early.status, 409);
    assert.equal(early.json.error.metadata.reason, "not_settled");
    for (const listingId of [1, 2]) world.upstream.script(listingId, { fault: "server" });
    await post("/v1/chat/completions", { model: SOLVER_A, messages: [{ role: "user", content: "x" }] });
    const failed = await post("/v1/reviews", { id: `${ACCOUNT}-1`, rating: 5 });
    assert.equal(failed.json.error.metadata.reason, "nothing_paid");
  });
});
