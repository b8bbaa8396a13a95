import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { AppDeps } from "../../../router/http/deps.ts";
import { ADMIN_TOKEN, runApp } from "../../fakes/app.ts";
import { ACCOUNT, BEARER, fakeWorld, sampleSnapshot } from "../../fakes/world.ts";

const ADMIN = `Bearer ${ADMIN_TOKEN}`;

async function start(test: TestContext, overrides: Partial<AppDeps> = {}) {
  const app = await runApp(test, fakeWorld(), overrides);
  const send = async (method: string, path: string, authorization: string, body?: object) => {
    const response = await fetch(app.origin + path, {
      method,
      headers: { authorization },
      ...(body && {
        body: JSON.stringify(body),
        headers: { authorization, "content-type": "application/json" },
      }),
    });
    return { status: response.status, json: (await response.json()) as Record<string, never> };
  };
  return { ...app, send };
}

describe("an account's view of itself", () => {
  it("shows its money, exactly", async (t) => {
    const { send, world } = await start(t);
    world.accounts.refresh(
      sampleSnapshot({ balanceWei: 5n * 10n ** 18n, creditsWei: 1n, exitWei: 10n ** 18n }),
    );
    world.accounts.hold(ACCOUNT, 10n ** 17n);
    world.accounts.recorded(ACCOUNT, [{ seq: 0, costWei: 3n, servedAtSec: 1 }]);
    const { json } = await send("GET", "/v1/credits", BEARER);
    assert.deepEqual(json["data"], {
      account_id: ACCOUNT,
      balance: "5",
      credits: "0.000000000000000001",
      exiting: "1",
      held: "0.1",
      unsettled: "0.000000000000000003",
      available: "3.899999999999999998",
      available_wei: "3899999999999999998",
      block_number: "1",
    });
  });

  it("shows its key, without the secret", async (t) => {
    const { send } = await start(t);
    const { json } = await send("GET", "/v1/key", BEARER);
    const shown = json["data"] as unknown as Record<string, unknown>;
    assert.equal(shown["account_id"], ACCOUNT);
    assert.equal(shown["label"], "test");
    assert.ok(!JSON.stringify(json).toLowerCase().includes("secret"));
  });

  it("is for its keys alone", async (t) => {
    const { send } = await start(t);
    for (const path of ["/v1/credits", "/v1/key", "/v1/receipts/11-0", "/v1/generation?id=x"])
      for (const authorization of ["", ADMIN])
        assert.equal((await send("GET", path, authorization)).status, 401);
  });
});

describe("making keys", () => {
  it("gives a key that works until it is revoked", async (t) => {
    const { send, world } = await start(t);
    const made = await send("POST", "/v1/keys", ADMIN, { accountId: ACCOUNT, name: "laptop" });
    assert.equal(made.status, 201);
    const { id, key, account_id, name } = made.json as unknown as Record<string, string>;
    assert.deepEqual([account_id, name], [ACCOUNT, "laptop"]);
    assert.match(String(key), /^sk-ai1-[0-9a-f]{16}-[A-Za-z0-9_-]{43}$/);
    assert.equal((await send("GET", "/v1/key", `Bearer ${key}`)).status, 200);
    const [fact] = world.journal.facts;
    assert.equal(fact?.kind, "key");
    assert.ok(!JSON.stringify(fact).includes(String(key).slice(-43)), "the secret is not kept");

    assert.equal((await send("DELETE", `/v1/keys/${id}`, BEARER)).status, 401);
    assert.deepEqual((await send("DELETE", `/v1/keys/${id}`, ADMIN)).json, { id, deleted: true });
    assert.equal(world.journal.facts[1]?.kind, "keyRevoked");
    assert.equal((await send("GET", "/v1/key", `Bearer ${key}`)).status, 401);
    assert.equal((await send("DELETE", `/v1/keys/${id}`, ADMIN)).status, 404);
  });

  it("loads an account that was not known before", async (t) => {
    const account = async () => sampleSnapshot({ accountId: 12 });
    const { send, world } = await start(t, { chain: { account } });
    const { json } = await send("POST", "/v1/keys", ADMIN, { accountId: 12, name: "new" });
    const key = String((json as unknown as Record<string, string>)["key"]);
    assert.equal((await send("GET", "/v1/credits", `Bearer ${key}`)).status, 200);
    assert.equal(world.accounts.availableWei(12), 1_000_000n);
  });

  const refusals: readonly (readonly [string, ReturnType<typeof sampleSnapshot> | undefined, number])[] = [
    ["an account that does not exist", undefined, 404],
    ["another operator's account", sampleSnapshot({ operatorId: 4 }), 409],
    ["an account that pays by signature only", sampleSnapshot({ strict: true }), 409],
  ];
  for (const [name, account, status] of refusals)
    it(`is refused for ${name}`, async (t) => {
      const { send, world } = await start(t, { chain: { account: async () => account } });
      assert.equal((await send("POST", "/v1/keys", ADMIN, { accountId: ACCOUNT, name: "x" })).status, status);
      assert.deepEqual(world.journal.facts, []);
    });

  it("is refused without the admin token, with a bad body, or when it can't be recorded", async (t) => {
    const { send, world } = await start(t);
    for (const authorization of ["", BEARER, `${ADMIN}x`])
      assert.equal(
        (await send("POST", "/v1/keys", authorization, { accountId: ACCOUNT, name: "x" })).status,
        401,
      );
    assert.equal((await send("POST", "/v1/keys", ADMIN, { accountId: "11", name: "x" })).status, 400);
    assert.equal(
      (await send("POST", "/v1/keys", ADMIN, { accountId: 11, name: "x", admin: true })).status,
      400,
    );
    world.journal.broken = new Error("disk full");
    assert.equal((await send("POST", "/v1/keys", ADMIN, { accountId: ACCOUNT, name: "x" })).status, 503);
  });
});
