import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { RelayResult } from "../../../router/ports.ts";
import { runApp } from "../../fakes/app.ts";
import { FakeRelay } from "../../fakes/relay.ts";
import { fakeWorld, OWNER } from "../../fakes/world.ts";

const SALT = `0x${"5a".repeat(32)}`;
const SIGNATURE = `0x${"12".repeat(64)}1c`;
const TX = `0x${"7a".repeat(32)}` as const;
const authorization = {
  salt: SALT,
  amount_wei: "3000000000000000000",
  valid_after: "0",
  valid_before: "1900000000",
  signature: SIGNATURE,
};

async function start(test: TestContext, result?: RelayResult) {
  const relay = new FakeRelay();
  if (result) relay.result = result;
  const app = await runApp(test, fakeWorld(), { relay });
  const post = async (body: unknown, path = "/v1/deposits") => {
    const response = await fetch(app.origin + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return {
      status: response.status,
      headers: response.headers,
      json: (await response.json()) as Record<string, unknown>,
    };
  };
  return { ...app, relay, post };
}

describe("POST /v1/deposits", () => {
  it("relays a signed deposit and answers with the account", async (t) => {
    const { relay, post } = await start(t);
    const { status, json } = await post({ terms: { owner: OWNER }, authorization });
    assert.equal(status, 201);
    assert.deepEqual(json, {
      status: "deposited",
      account_id: 11,
      amount: "0.000000000000000005",
      amount_wei: "5",
      tx_hash: TX,
    });
    assert.deepEqual(relay.deposits, [
      {
        kind: "authorization",
        terms: { owner: OWNER, signer: OWNER, strict: false, maxAppFeePct: 20 },
        salt: SALT,
        amountWei: 3_000_000_000_000_000_000n,
        validAfter: 0n,
        validBefore: 1_900_000_000n,
        signature: SIGNATURE,
      },
    ]);
  });

  it("takes a permit apart, and does without one", async (t) => {
    const { relay, post } = await start(t);
    const permit = { salt: SALT, amount_wei: "9", deadline: "10", grant_signature: "0x12" };
    await post({ terms: { owner: OWNER, strict: true }, permit: { ...permit, signature: SIGNATURE } });
    await post({ terms: { owner: OWNER }, permit });
    const half = `0x${"12".repeat(32)}`;
    const none = `0x${"00".repeat(32)}`;
    assert.deepEqual(
      relay.deposits.map((deposit) => deposit.kind === "permit" && deposit.permit),
      [
        { v: 28, r: half, s: half },
        { v: 0, r: none, s: none },
      ],
    );
  });

  const outcomes: readonly (readonly [RelayResult, number, Record<string, unknown>])[] = [
    [{ status: "already", accountId: 12 }, 200, { status: "already_deposited", account_id: 12 }],
    [{ status: "unknown", txHash: TX }, 202, { status: "pending", tx_hash: TX }],
  ];
  for (const [result, status, expected] of outcomes)
    it(`answers ${status} when it is ${result.status}`, async (t) => {
      const { post } = await start(t, result);
      const answered = await post({ terms: { owner: OWNER }, sweep: true });
      assert.equal(answered.status, status);
      assert.deepEqual({ ...answered.json, ...expected }, answered.json);
    });

  it("tells why a deposit would fail, and when to come again", async (t) => {
    const failing = await start(t, { status: "refused", reason: "AI1NET_AuthorizationExpired(1, 2)" });
    const { status, json } = await failing.post({ terms: { owner: OWNER }, authorization });
    assert.equal(status, 409);
    const { metadata } = json["error"] as { metadata: Record<string, unknown> };
    assert.equal(metadata["reason"], "AI1NET_AuthorizationExpired");
    const busy = await start(t, { status: "busy", reason: "no gas" });
    const answered = await busy.post({ terms: { owner: OWNER }, sweep: true });
    assert.equal(answered.status, 503);
    assert.equal(answered.headers.get("retry-after"), "5");
  });

  it("refuses bodies that are none, before any chain is asked", async (t) => {
    const { relay, post } = await start(t);
    const bad = [
      {},
      { terms: { owner: OWNER } },
      { terms: { owner: "0x12" }, sweep: true },
      { terms: { owner: OWNER }, sweep: true, authorization },
      { terms: { owner: OWNER, max_app_fee_pct: 21 }, sweep: true },
      { terms: { owner: OWNER, operator_id: 4 }, sweep: true },
      { terms: { owner: OWNER }, authorization: { ...authorization, amount_wei: 3 } },
      { terms: { owner: OWNER }, authorization: { ...authorization, amount_wei: String(2n ** 96n) } },
      { terms: { owner: OWNER }, authorization: { ...authorization, signature: "0x1" } },
      { terms: { owner: OWNER }, authorization: { ...authorization, salt: "0x12" } },
    ];
    for (const body of bad) assert.equal((await post(body)).status, 400, JSON.stringify(body));
    assert.deepEqual(relay.deposits, []);
  });

  it("bounds how often one address may ask", async (t) => {
    const { post, relay } = await start(t);
    const statuses = [];
    for (let i = 0; i < 21; i++) statuses.push((await post({ terms: { owner: OWNER }, sweep: true })).status);
    assert.equal(statuses.at(-1), 429);
    assert.equal(relay.deposits.length, 20);
  });
});

describe("what a wallet needs to know", () => {
  it("is where the contracts are, and the account's own address", async (t) => {
    const { origin, post } = await start(t);
    const network = (await (await fetch(`${origin}/v1/network`)).json()) as Record<string, unknown>;
    assert.equal(network["chain_id"], 31_337);
    assert.equal(network["operator_id"], 3);
    assert.equal(network["min_deposit_wei"], "1000");
    const { json } = await post({ owner: OWNER }, "/v1/deposits/address");
    assert.equal(json["address"], `0x${"de".repeat(20)}`);
  });
});
