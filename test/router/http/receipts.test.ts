import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { encodeBatch } from "../../../router/model/batch.ts";
import { toHex } from "../../../router/model/bytes.ts";
import type { AppDeps } from "../../../router/http/deps.ts";
import { OPERATIONS } from "../../../router/http/openapi/operations.ts";
import type { RowProof } from "../../../router/ports.ts";
import { serve } from "../../../router/request/serve.ts";
import { ADMIN_TOKEN, runApp } from "../../fakes/app.ts";
import { sampleCall, sampleDemand } from "../../fakes/demand.ts";
import { FakeReply } from "../../fakes/reply.ts";
import { answer } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, MODEL, fakeWorld, sampleEndpoint } from "../../fakes/world.ts";

/** An app that has served one request, by its second provider. */
async function start(test: TestContext, overrides: Partial<AppDeps> = {}) {
  const world = fakeWorld();
  world.upstream.script(1, { fault: "server" });
  world.upstream.script(2, { answer: answer("Hello!", 10, 1) });
  const call = sampleCall(sampleDemand());
  await serve(world, call, new FakeReply());
  const app = await runApp(test, world, overrides);
  const get = async (path: string, authorization = BEARER) => {
    const response = await fetch(app.origin + path, { headers: { authorization } });
    return { status: response.status, json: (await response.json()) as Record<string, never> };
  };
  return { ...app, get, requestId: call.requestId };
}

const groups = [
  {
    accountId: ACCOUNT,
    appId: 0,
    rows: [
      { offerId: 100, inputUnits: 0, outputUnits: 0, timing: 0 },
      { offerId: 200, inputUnits: 10, outputUnits: 1, timing: 60 },
    ],
  },
];
const { bytes } = encodeBatch({ batchNo: 4, servedFromSec: 1_000, servedToSec: 1_001, groups });
const BATCH = {
  batchNo: 4,
  bytes: toHex(bytes),
  commitment: `0x${"c0".repeat(32)}`,
  slices: [{ accountId: ACCOUNT, startSeq: 0, count: 2 }],
  builtAtMs: 0,
  state: "mined",
  txHash: `0x${"7a".repeat(32)}`,
  blockNumber: 9n,
} as const;

describe("a receipt", () => {
  it("can be read again by its payer, with its batch once there is one", async (t) => {
    const { get, store, requestId } = await start(t);
    const { status, json } = await get(`/v1/receipts/${ACCOUNT}-1`);
    assert.equal(status, 200);
    assert.equal(json["id"], `${ACCOUNT}-1`);
    assert.equal(json["request_id"], requestId);
    assert.equal(json["model"], MODEL);
    assert.equal((json["fields"] as unknown as { amount: string }).amount, "267");
    assert.equal(json["batch"], null);
    store.batches.push(BATCH);
    const { json: later } = await get(`/v1/receipts/${ACCOUNT}-1`);
    assert.deepEqual(later["batch"], { batch_no: 4, state: "mined", tx_hash: BATCH.txHash });
  });

  it("is nobody else's business, nor is there one for every name", async (t) => {
    const { get } = await start(t);
    for (const id of [`${ACCOUNT}-2`, "12-0", "nonsense", `${ACCOUNT}-1-1`])
      assert.equal((await get(`/v1/receipts/${id}`)).status, 404);
  });

  it("has a proof once it is settled", async (t) => {
    const before = await start(t);
    const { status, json } = await before.get(`/v1/receipts/${ACCOUNT}-1/proof`);
    assert.equal(status, 404);
    assert.equal(
      (json["error"] as unknown as { metadata: { reason: string } }).metadata.reason,
      "not_settled",
    );
    const proof: RowProof = {
      operatorId: 3,
      batchNo: 4,
      header: "0x01",
      group: "0x02",
      startSeq: 0,
      shortfallWei: 5n,
      rowIndex: 1,
      siblings: ["0x03"],
      commitment: "0x04",
      txHash: undefined,
    };
    const after = await start(t, { proveRow: async () => proof });
    const shown = (await after.get(`/v1/receipts/${ACCOUNT}-1/proof`)).json;
    assert.equal(shown["batch_no"], 4);
    assert.deepEqual(shown["proof"], {
      operatorId: 3,
      header: "0x01",
      group: "0x02",
      startSeq: 0,
      shortfall: "5",
      rowIndex: 1,
      siblings: ["0x03"],
    });
  });
});

describe("a past request", () => {
  it("shows every try and what it cost", async (t) => {
    const { get, requestId } = await start(t);
    const { json } = await get(`/v1/generation?id=${requestId}`);
    const data = json["data"] as unknown as Record<string, unknown>;
    assert.equal(data["total_cost_wei"], "267");
    const tries = data["provider_responses"] as Record<string, unknown>[];
    assert.deepEqual(
      tries.map(({ provider_name, offer_id, outcome, status }) => [provider_name, offer_id, outcome, status]),
      [
        ["1", 100, "failed", null],
        ["2", 200, "served", 200],
      ],
    );
    assert.equal(data["provider_name"], "2");
    assert.equal(data["finish_reason"], "stop");
    assert.deepEqual([data["streamed"], data["cancelled"]], [false, false]);
    assert.deepEqual([data["native_tokens_prompt"], data["native_tokens_completion"]], [10, 1]);
    assert.equal(data["native_tokens_reasoning"], null, "what the provider does not say, nobody knows");
    assert.equal(data["upstream_id"], null);
    for (const query of ["?id=gen-none", "", "?id=a&id=b"])
      assert.equal((await get(`/v1/generation${query}`)).status, 404);
  });
});

describe("a batch", () => {
  it("is public, with its rows", async (t) => {
    const { get, store } = await start(t);
    store.batches.push(BATCH);
    const { json } = await get("/v1/ledger/batches/4", "");
    assert.equal(json["block_number"], "9");
    assert.deepEqual(json["groups"], [
      {
        account_id: ACCOUNT,
        app_id: 0,
        start_seq: 0,
        rows: [
          { offer_id: 100, input_units: 0, output_units: 0, timing: 0 },
          { offer_id: 200, input_units: 10, output_units: 1, timing: 60 },
        ],
      },
    ]);
    assert.equal(json["bytes"], BATCH.bytes);
    for (const id of ["5", "-1", "x"]) assert.equal((await get(`/v1/ledger/batches/${id}`)).status, 404);
  });
});

describe("a provider's feed", () => {
  it("opens with the key of one of its endpoints, or the operator's", async (t) => {
    const { get, world } = await start(t);
    assert.equal((await get("/v1/provider/receipts?provider_id=2")).status, 403);
    world.market.setEndpoint(sampleEndpoint({ listingId: 2, apiKey: "sk-of-2" }));
    assert.equal((await get("/v1/provider/receipts?provider_id=2")).status, 401);
    assert.equal((await get("/v1/provider/receipts?provider_id=1", "Bearer sk-of-2")).status, 403);
    for (const token of ["sk-of-2", ADMIN_TOKEN]) {
      const { json } = await get("/v1/provider/receipts?provider_id=2", `Bearer ${token}`);
      const data = json["data"] as unknown as { id: string }[];
      assert.deepEqual(
        data.map(({ id }) => id),
        [`${ACCOUNT}-1`],
      );
      const next = await get(
        `/v1/provider/receipts?provider_id=2&after_ms=${json["next_after_ms"]}`,
        `Bearer ${token}`,
      );
      assert.deepEqual(next.json["data"], []);
    }
    assert.equal((await get("/v1/provider/receipts")).status, 400);
  });

  it("never splits a millisecond between pages", async (t) => {
    const { get, world } = await start(t);
    const [outcome] = world.journal.outcomes.splice(0);
    assert.ok(outcome);
    for (const recordedAtMs of [1, 2, 2, 2, 3]) world.journal.outcomes.push({ ...outcome, recordedAtMs });
    const seen: number[] = [];
    for (let after = 0, pages = 0; pages < 5; pages++) {
      const path = `/v1/provider/receipts?provider_id=2&limit=2&after_ms=${after}`;
      const { json } = await get(path, `Bearer ${ADMIN_TOKEN}`);
      seen.push((json["data"] as unknown as unknown[]).length);
      after = Number(json["next_after_ms"]);
    }
    assert.deepEqual(seen, [1, 3, 1, 0, 0]);
  });
});

describe("what the document says of answers", () => {
  it("is what really comes", async (t) => {
    const { get, origin, world, requestId } = await start(t);
    world.upstream.script(2, { answer: answer("Hello!", 10, 1) });
    const response = await fetch(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: BEARER, "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "Say hello." }] }),
    });
    const seen: Readonly<Record<string, unknown>> = {
      "POST /v1/chat/completions": await response.json(),
      "GET /v1/models": (await get("/v1/models")).json,
      "GET /v1/models/*name/endpoints": (await get(`/v1/models/${MODEL}/endpoints`)).json,
      "GET /v1/generation": (await get(`/v1/generation?id=${requestId}`)).json,
      "GET /v1/receipts/:id": (await get(`/v1/receipts/${ACCOUNT}-1`)).json,
    };
    const described = Object.entries(OPERATIONS).filter(([, operation]) => operation.answer);
    assert.deepEqual(described.map(([name]) => name).toSorted(), Object.keys(seen).toSorted());
    for (const [name, { answer: schema }] of described) {
      const { error } = schema?.safeParse(seen[name]) ?? {};
      assert.equal(error, undefined, `${name}: ${error?.message}`);
    }
  });
});
