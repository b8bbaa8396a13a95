import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { SignInMessage } from "../../../router/ports.ts";
import { runApp, SITE } from "../../fakes/app.ts";
import { answer } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, fakeWorld, MODEL, OWNER, sampleSnapshot } from "../../fakes/world.ts";

const STRANGER = `0x${"0b".repeat(20)}` as const;

async function start(test: TestContext) {
  let aheadMs = 0;
  const world = { ...fakeWorld(), clock: { nowMs: () => Date.now() + aheadMs } };
  const app = await runApp(test, world);
  const send = async (method: string, path: string, body?: object, authorization = "") => {
    const response = await fetch(app.origin + path, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: (await response.json()) as Record<string, never> };
  };
  const nonce = async (): Promise<string> => (await send("GET", "/v1/auth/siwe/nonce")).json["nonce"] ?? "";
  const message = async (overrides: Partial<SignInMessage> = {}): Promise<SignInMessage> => ({
    domain: SITE,
    address: OWNER,
    chainId: 31_337,
    nonce: await nonce(),
    issuedAtMs: Date.now(),
    notBeforeMs: undefined,
    expiresAtMs: undefined,
    ...overrides,
  });
  const signIn = async (overrides: Partial<SignInMessage> = {}, signature: string = OWNER) =>
    send("POST", "/v1/auth/siwe", { message: JSON.stringify(await message(overrides)), signature });
  const session = async (overrides: Partial<SignInMessage> = {}): Promise<string> => {
    const { status, json } = await signIn(overrides, overrides.address ?? OWNER);
    assert.equal(status, 201);
    return `Bearer ${json["token"]}`;
  };
  return { ...app, send, message, signIn, session, later: (ms: number) => (aheadMs += ms) };
}

const reasonOf = (json: Record<string, unknown>): string =>
  (json["error"] as { metadata: { reason?: string } }).metadata.reason ?? "";

describe("signing in with a wallet", () => {
  it("opens a session that shows the owner's accounts and nobody else's", async (t) => {
    const { send, session, world } = await start(t);
    world.accounts.refresh(sampleSnapshot({ accountId: 12, owner: STRANGER }));
    const mine = await session();
    const { json } = await send("GET", "/v1/accounts", undefined, mine);
    const data = json["data"] as unknown as Record<string, unknown>[];
    assert.deepEqual(
      data.map((account) => [account["account_id"], account["balance_wei"], account["strict"]]),
      [[ACCOUNT, "1000000", false]],
    );
    assert.equal((await send("GET", `/v1/accounts/${ACCOUNT}`, undefined, mine)).status, 200);
    assert.equal((await send("GET", "/v1/accounts/12", undefined, mine)).status, 404);
    assert.equal((await send("GET", "/v1/accounts/99", undefined, mine)).status, 404);
    assert.equal((await send("GET", "/v1/accounts/x", undefined, mine)).status, 400);
    for (const authorization of ["", BEARER, `${mine}A`, `${mine.slice(0, -1)}_`])
      assert.equal((await send("GET", "/v1/accounts", undefined, authorization)).status, 401);
  });

  it("shows the receipts of the owner's accounts, as a key does", async (t) => {
    const { send, session, world } = await start(t);
    world.upstream.script(1, { answer: answer("Hello!", 3, 2) });
    const body = { model: MODEL, messages: [{ role: "user", content: "Hi" }] };
    const asked = await send("POST", "/v1/chat/completions", body, BEARER);
    assert.equal(asked.status, 200);
    const mine = await session();
    assert.equal((await send("GET", `/v1/receipts/${ACCOUNT}-0`, undefined, mine)).status, 200);
    const id = String(asked.json["id"]);
    assert.equal((await send("GET", `/v1/generation?id=${id}`, undefined, mine)).status, 200);
    const other = await session({ address: STRANGER });
    assert.equal((await send("GET", `/v1/receipts/${ACCOUNT}-0`, undefined, other)).status, 404);
    assert.equal((await send("GET", `/v1/generation?id=${id}`, undefined, other)).status, 404);
    assert.equal((await send("GET", `/v1/receipts/${ACCOUNT}-0`)).status, 401);
  });

  it("keeps no token, and ends the session when asked to, or after a day", async (t) => {
    const { send, session, world, later } = await start(t);
    const first = await session();
    assert.ok(!JSON.stringify(world.journal.facts).includes(first.slice(-43)));
    assert.equal((await send("DELETE", "/v1/auth/siwe", undefined, first)).status, 200);
    assert.equal((await send("GET", "/v1/accounts", undefined, first)).status, 401);
    const second = await session();
    later(23 * 3_600_000);
    assert.equal((await send("GET", "/v1/accounts", undefined, second)).status, 200);
    later(3_600_001);
    assert.equal((await send("GET", "/v1/accounts", undefined, second)).status, 401);
  });

  it("ends a session when the signed message says so", async (t) => {
    const { send, session, later } = await start(t);
    const brief = await session({ expiresAtMs: Date.now() + 60_000 });
    assert.equal((await send("GET", "/v1/accounts", undefined, brief)).status, 200);
    later(60_001);
    assert.equal((await send("GET", "/v1/accounts", undefined, brief)).status, 401);
  });

  it("takes a nonce once", async (t) => {
    const { send, message } = await start(t);
    const body = { message: JSON.stringify(await message()), signature: OWNER };
    assert.equal((await send("POST", "/v1/auth/siwe", body)).status, 201);
    const again = await send("POST", "/v1/auth/siwe", body);
    assert.equal(again.status, 401);
    assert.equal(reasonOf(again.json), "nonce_used");
  });

  const bad: readonly (readonly [string, Partial<SignInMessage>, string])[] = [
    ["another site's message", { domain: "evil.example.com" }, "domain"],
    ["another chain's message", { chainId: 1 }, "chain_id"],
    ["a nonce of its own making", { nonce: "a".repeat(76) }, "nonce"],
    ["a short nonce", { nonce: "abcdefgh" }, "nonce"],
    ["a message of tomorrow", { issuedAtMs: Date.now() + 86_400_000 }, "issued_at"],
    ["a message for later", { notBeforeMs: Date.now() + 60_000 }, "not_before"],
    ["an expired message", { expiresAtMs: Date.now() - 1 }, "expired"],
  ];
  for (const [name, overrides, reason] of bad)
    it(`refuses ${name}`, async (t) => {
      const { signIn, world } = await start(t);
      const { status, json } = await signIn(overrides);
      assert.equal(status, 401);
      assert.equal(reasonOf(json), reason);
      assert.deepEqual(world.journal.facts, []);
    });

  it("refuses another's signature, an old nonce and what is no message", async (t) => {
    const { send, signIn, message, later } = await start(t);
    assert.equal(reasonOf((await signIn({}, STRANGER)).json), "signature");
    const old = await message();
    later(5 * 60_000 + 1);
    const late = await send("POST", "/v1/auth/siwe", { message: JSON.stringify(old), signature: OWNER });
    assert.equal(reasonOf(late.json), "nonce_expired");
    for (const body of [{ message: "hello", signature: OWNER }, { message: "", signature: OWNER }, {}])
      assert.equal((await send("POST", "/v1/auth/siwe", body)).status, 400);
    assert.equal((await send("POST", "/v1/auth/siwe", { message: "x", signature: "0x1" })).status, 400);
  });

  it("bounds how often one address may try", async (t) => {
    const { signIn } = await start(t);
    const statuses = new Set<number>();
    for (let i = 0; i < 31; i++) statuses.add((await signIn({ chainId: 1 })).status);
    assert.deepEqual([...statuses], [401, 429]);
  });
});
