import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { toHex, type Hex } from "../../../router/model/bytes.ts";
import { ADMIN_TOKEN, runApp } from "../../fakes/app.ts";
import { answer } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, fakeWorld, MODEL, OWNER, sampleKey } from "../../fakes/world.ts";

const ADMIN = `Bearer ${ADMIN_TOKEN}`;
const OWNERS_TOKEN = `ses-ai1-${"o".repeat(43)}`;
const STRANGERS_TOKEN = `ses-ai1-${"x".repeat(43)}`;
const SESSION = `Bearer ${OWNERS_TOKEN}`;
const STRANGER = `Bearer ${STRANGERS_TOKEN}`;

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- JSON of many shapes, compared right away
  readonly json: any;
}

async function start(test: TestContext) {
  const app = await runApp(test, fakeWorld());
  const owners: readonly (readonly [string, Hex])[] = [
    [OWNERS_TOKEN, OWNER],
    [STRANGERS_TOKEN, `0x${"0b".repeat(20)}`],
  ];
  for (const [token, owner] of owners) {
    const tokenHash = toHex(createHash("sha256").update(token).digest());
    const times = { createdAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 };
    await app.world.journal.append({
      kind: "session",
      session: { tokenHash, owner, nonce: token, ...times },
    });
  }
  const keyFacts = () => app.world.journal.facts.filter(({ kind }) => kind === "key");
  const send = async (
    method: string,
    path: string,
    authorization: string,
    body?: object,
  ): Promise<Answer> => {
    const response = await fetch(app.origin + path, {
      method,
      headers: { authorization, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: await response.json() };
  };
  const chat = (key: string, model = MODEL) =>
    send("POST", "/v1/chat/completions", `Bearer ${key}`, {
      model,
      messages: [{ role: "user", content: "Say hello." }],
    });
  return { ...app, send, chat, keyFacts };
}

describe("keys with terms", () => {
  it("are made, shown, changed, and never show the secret again", async (t) => {
    const { send, world } = await start(t);
    const terms = {
      limit: "1.5",
      limit_reset: "monthly",
      expires_at: "2090-01-31T00:00:00.000Z",
      allowed_models: [MODEL],
      requests_per_minute: 60,
    };
    const made = await send("POST", "/v1/keys", ADMIN, { account_id: ACCOUNT, name: "laptop", ...terms });
    assert.equal(made.status, 201);
    const { id, key } = made.json as { id: string; key: string };
    const shown = await send("GET", `/v1/keys/${id}`, ADMIN);
    const { limit_resets_at: resetsAt, created_at: createdAt, ...rest } = shown.json.data;
    assert.match(resetsAt, /-01T00:00:00.000Z$/);
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 10_000);
    assert.deepEqual(rest, {
      id,
      hash: id,
      label: "laptop",
      name: "laptop",
      account_id: ACCOUNT,
      disabled: false,
      ...terms,
      limit_remaining: "1.5",
      limit_used: "0",
      usage: "0",
      usage_daily: "0",
      usage_weekly: "0",
      usage_monthly: "0",
      held: "0",
      tokens_per_minute: null,
    });

    const patch = { name: "desktop", limit: "2", limit_reset: null, allowed_models: null };
    const after = (await send("PATCH", `/v1/keys/${id}`, ADMIN, patch)).json.data;
    assert.deepEqual(
      [after.name, after.limit, after.limit_reset, after.allowed_models, after.expires_at],
      ["desktop", "2", null, null, terms.expires_at],
    );
    const listed = (await send("GET", `/v1/keys?account_id=${ACCOUNT}`, ADMIN)).json.data;
    assert.deepEqual(
      listed.map((each: { name: string }) => each.name),
      ["test", "desktop"],
    );
    for (const json of [shown.json, after, listed, world.journal.facts])
      assert.ok(
        !JSON.stringify(json, (_, value: unknown) => (typeof value === "bigint" ? "" : value)).includes(
          key.slice(-43),
        ),
      );
    const fact = world.journal.facts.at(-1);
    assert.ok(
      fact?.kind === "key" && fact.key.limitWei === 2n * 10n ** 18n && fact.key.secretHash.length === 66,
    );
  });

  it("are managed by the account's owner, and by no other", async (t) => {
    const { send } = await start(t);
    const body = { account_id: ACCOUNT, name: "mine" };
    assert.equal((await send("POST", "/v1/keys", STRANGER, body)).status, 404);
    assert.equal((await send("POST", "/v1/keys", BEARER, body)).status, 401);
    const { id } = (await send("POST", "/v1/keys", SESSION, body)).json as { id: string };
    assert.deepEqual((await send("GET", "/v1/keys", STRANGER)).json, { data: [], total: 0 });
    assert.equal((await send("GET", "/v1/keys", SESSION)).json.total, 2);
    for (const [method, sent] of [
      ["GET", undefined],
      ["PATCH", { name: "stolen" }],
      ["DELETE", undefined],
    ] as const) {
      assert.equal((await send(method, `/v1/keys/${id}`, STRANGER, sent)).status, 404);
      assert.equal((await send(method, `/v1/keys/${id}`, "", sent)).status, 401);
      assert.equal((await send(method, `/v1/keys/${id}`, BEARER, sent)).status, 401);
    }
    assert.equal((await send("PATCH", `/v1/keys/${id}`, SESSION, { name: "renamed" })).status, 200);
    assert.equal((await send("DELETE", `/v1/keys/${id}`, SESSION)).status, 200);
  });

  it("say why they no longer work", async (t) => {
    const { send, chat } = await start(t);
    const make = async (terms: object): Promise<{ id: string; key: string }> =>
      (await send("POST", "/v1/keys", ADMIN, { account_id: ACCOUNT, name: "k", ...terms })).json;
    const reason = ({ status, json }: Answer) => [
      status,
      json.error.metadata.error_type,
      json.error.metadata.reason,
    ];

    const { id, key } = await make({});
    await send("PATCH", `/v1/keys/${id}`, ADMIN, { disabled: true });
    assert.deepEqual(reason(await chat(key)), [401, "authentication", "key_disabled"]);
    await send("PATCH", `/v1/keys/${id}`, ADMIN, { disabled: false });
    assert.equal((await send("GET", "/v1/key", `Bearer ${key}`)).status, 200);
    await send("DELETE", `/v1/keys/${id}`, ADMIN);
    assert.deepEqual(reason(await chat(key)), [401, "authentication", "key_revoked"]);
    assert.equal((await send("PATCH", `/v1/keys/${id}`, ADMIN, { disabled: false })).status, 404);

    const short = await make({ expires_at: new Date(Date.now() + 150).toISOString() });
    assert.equal((await send("GET", "/v1/key", `Bearer ${short.key}`)).status, 200);
    await new Promise((resolve) => void setTimeout(resolve, 160));
    assert.deepEqual(reason(await chat(short.key)), [401, "authentication", "key_expired"]);

    const bound = await make({ allowed_models: ["acme/embedder"] });
    assert.deepEqual(reason(await chat(bound.key)), [403, "permission_denied", "model_not_allowed"]);
  });

  it("show what they have spent, and stop at their limit", async (t) => {
    const { send, chat, world } = await start(t);
    world.upstream.script(1, { answer: answer("Hello!", 12, 3) });
    const limit = "0.000000000000012";
    const { key, id } = (await send("POST", "/v1/keys", ADMIN, { account_id: ACCOUNT, name: "k", limit }))
      .json as { key: string; id: string };
    assert.equal((await chat(key)).status, 200);
    const own = (await send("GET", "/v1/key", `Bearer ${key}`)).json.data;
    assert.deepEqual(
      [own.usage, own.usage_daily, own.limit_remaining, own.held],
      ["0.000000000000000217", "0.000000000000000217", "0.000000000000011783", "0"],
    );
    await send("PATCH", `/v1/keys/${id}`, ADMIN, { limit: "0.000000000000000217" });
    const { status, json } = await chat(key);
    assert.equal(status, 402);
    assert.equal(json.error.metadata.limit_source, "key_limit");
    assert.equal(json.error.metadata.available, "0");
    assert.equal(world.journal.outcomes.length, 1);
  });

  const bad: readonly (readonly [object, string])[] = [
    [{ limit: "-1" }, "limit"],
    [{ limit: "1e3" }, "limit"],
    [{ limit_reset: "hourly" }, "limit_reset"],
    [{ limit_reset: "daily" }, "limit_reset"],
    [{ expires_at: "tomorrow" }, "expires_at"],
    [{ expires_at: "2020-01-01T00:00:00Z" }, "expires_at"],
    [{ allowed_models: [] }, "allowed_models"],
    [{ requests_per_minute: 0 }, "requests_per_minute"],
    [{ is_admin: true }, "is_admin"],
  ];
  for (const [terms, param] of bad)
    it(`are refused with ${JSON.stringify(terms)}`, async (t) => {
      const { send, keyFacts } = await start(t);
      const made = await send("POST", "/v1/keys", ADMIN, { account_id: ACCOUNT, name: "k", ...terms });
      assert.deepEqual([made.status, made.json.error.param], [400, param]);
      const path = `/v1/keys/${sampleKey.keyId}`;
      assert.equal((await send("PATCH", path, ADMIN, terms)).status, 400);
      assert.deepEqual(keyFacts(), []);
    });

  it("need their account named, once", async (t) => {
    const { send } = await start(t);
    for (const ids of [{}, { account_id: 11, accountId: 11 }])
      assert.equal((await send("POST", "/v1/keys", ADMIN, { name: "k", ...ids })).status, 400);
  });

  it("stay as they were when the journal can't write", async (t) => {
    const { send, world } = await start(t);
    world.journal.broken = new Error("disk full");
    const path = `/v1/keys/${sampleKey.keyId}`;
    assert.equal((await send("PATCH", path, ADMIN, { limit: "1" })).status, 503);
    assert.equal((await send("GET", path, ADMIN)).json.data.limit, null);
  });
});
