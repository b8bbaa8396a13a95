import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { runApp, SITE } from "../../fakes/app.ts";
import { FakeExits } from "../../fakes/exits.ts";
import { ACCOUNT, BEARER, fakeWorld, OWNER, sampleSnapshot } from "../../fakes/world.ts";

const STRANGER = `0x${"0b".repeat(20)}`;

async function start(test: TestContext) {
  const world = fakeWorld();
  const exits = new FakeExits();
  const app = await runApp(test, world, { exits });
  const send = async (method: string, path: string, authorization: string, body?: object) => {
    const response = await fetch(app.origin + path, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as Record<string, unknown>;
    const { metadata } = (json["error"] ?? { metadata: {} }) as { metadata: { reason?: string } };
    const { data = "" } = (json["transaction"] ?? {}) as { data?: string };
    return {
      status: response.status,
      json,
      reason: metadata.reason,
      call: Buffer.from(data.slice(2), "hex").toString(),
    };
  };
  const signIn = async (address: string): Promise<string> => {
    const { nonce } = (await (await fetch(`${app.origin}/v1/auth/siwe/nonce`)).json()) as { nonce: string };
    const message = JSON.stringify({ domain: SITE, address, chainId: 31_337, nonce, issuedAtMs: Date.now() });
    const { json } = await send("POST", "/v1/auth/siwe", "", { message, signature: address });
    return `Bearer ${String(json["token"])}`;
  };
  const owner = await signIn(OWNER);
  const exit = (body: object, authorization = owner) =>
    send("POST", `/v1/accounts/${ACCOUNT}/exit`, authorization, body);
  return { ...app, world, exits, send, signIn, owner, exit };
}

describe("leaving by the API", () => {
  it("prepares each step for the owner's wallet, in its time", async (t) => {
    const { exit, exits, send, owner } = await start(t);
    const asked = await exit({ action: "request" });
    assert.equal(asked.call, `request ${ACCOUNT} 1000000`);
    const { from, chain_id } = asked.json["transaction"] as Record<string, unknown>;
    assert.deepEqual([from, chain_id], [OWNER, 31_337]);
    assert.equal(
      (await exit({ action: "request", amount: "0.5" })).call,
      `request ${ACCOUNT} ${5n * 10n ** 17n}`,
    );
    assert.equal((await exit({ action: "withdraw" })).reason, "no_exit");
    assert.equal((await exit({ action: "cancel" })).reason, "no_exit");

    exits.now = { ...exits.now, amountWei: 10n ** 18n, readyAtSec: 1_001 };
    assert.equal((await exit({ action: "withdraw" })).reason, "notice");
    assert.equal((await exit({ action: "cancel" })).call, `cancel ${ACCOUNT}`);
    const { json } = await send("GET", `/v1/accounts/${ACCOUNT}/exit`, owner);
    assert.deepEqual(json, {
      account_id: ACCOUNT,
      phase: "notice",
      balance: "0.000000000001",
      exiting: "1",
      ready_at: "1970-01-01T00:16:41.000Z",
      notice_seconds: 60,
    });

    exits.now = { ...exits.now, nowSec: 1_001 };
    assert.equal((await exit({ action: "withdraw" })).call, `withdraw ${ACCOUNT} ${OWNER}`);
    assert.equal((await exit({ action: "withdraw", to: STRANGER })).call, `withdraw ${ACCOUNT} ${STRANGER}`);
  });

  it("is for the owner alone", async (t) => {
    const { exit, signIn, send } = await start(t);
    assert.equal((await exit({ action: "request" }, await signIn(STRANGER))).status, 404);
    assert.equal((await exit({ action: "request" }, BEARER)).status, 401);
    assert.equal((await send("GET", `/v1/accounts/${ACCOUNT}/exit`, "")).status, 401);
  });

  it("refuses what makes no sense", async (t) => {
    const { exit, world } = await start(t);
    for (const body of [
      {},
      { action: "leave" },
      { action: "request", amount: "0" },
      { action: "withdraw", to: "0x1" },
    ])
      assert.equal((await exit(body)).status, 400);
    world.accounts.refresh(sampleSnapshot({ balanceWei: 0n, creditsWei: 5n, blockNumber: 2n }));
    assert.equal((await exit({ action: "request" })).reason, "empty");
  });
});
