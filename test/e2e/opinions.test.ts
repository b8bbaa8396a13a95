/** What payers think, on a real chain: feedback that outlives its router, and reviews with proof and text. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { textHashOf } from "../../router/http/reviewMessage.ts";
import { json, type Behaviour } from "../fakes/provider.ts";
import { startRig, untilAllSettled, type Rig } from "./fixtures/rig.ts";

const USAGE = { prompt_tokens: 50_000, completion_tokens: 20_000, total_tokens: 70_000 };
const behave: Behaviour = (res, req) => {
  if (req.method === "GET") return json(res, 200, { data: [] });
  const choices = [{ index: 0, message: { role: "assistant", content: "6" }, finish_reason: "stop" }];
  return json(res, 200, {
    id: "c",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices,
    usage: USAGE,
  });
};

// oxlint-disable-next-line typescript/no-explicit-any -- JSON of many shapes, compared right away
type Json = any;

describe("opinions on a real chain", () => {
  let rig: Rig;
  let key: string;

  const post = async (path: string, body: object, bearer = key) => {
    const headers = { authorization: `Bearer ${bearer}`, "content-type": "application/json" };
    const response = await fetch(rig.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, json: (await response.json()) as Json };
  };
  const ask = async (): Promise<Json> => {
    const messages = [{ role: "user", content: "x".repeat(60_000) }];
    const answer = await post("/v1/chat/completions", { model: rig.model, messages, max_tokens: 4_000 });
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    return answer.json;
  };
  const get = async (path: string): Promise<Json> => (await rig.get(path, key)).json();
  const endpoint = async (): Promise<Json> =>
    (await get(`/v1/models/${rig.model}/endpoints`)).data.endpoints[0];
  const sign = ({ domain, types, message }: Json): Promise<string> =>
    rig.anvil.wallet("payer").signTypedData(domain, types, message);

  before(async () => {
    rig = await startRig({ behave });
    key = await rig.key(rig.anvil.economy.accountId);
  });
  after(() => rig.close());

  it("keeps feedback across a kill", async () => {
    const { id } = await ask();
    assert.equal((await post("/v1/feedback", { id, rating: 2 })).status, 201);
    await rig.kill();
    await rig.start();
    const again = await post("/v1/feedback", { id, rating: 4 });
    assert.equal(again.status, 200);
    assert.equal(again.json.data.replaced, 2);
  });

  it("relays a review that the owner signed, and shows it with its text", async () => {
    const { receipt } = await ask();
    const text = "It got 12 % of 50 right. \u{1f600}";
    const review = { id: receipt.id, rating: 4, text };
    await untilAllSettled(rig);
    const toSign = await post("/v1/reviews", review);
    assert.equal(toSign.status, 200, JSON.stringify(toSign.json));
    assert.equal(toSign.json.status, "to_sign");
    assert.equal(toSign.json.owner, rig.anvil.economy.payer);

    const { deadline, typed_data } = toSign.json;
    const forged = await sign({ ...typed_data, message: { ...typed_data.message, rating: 5 } });
    const refused = await post("/v1/reviews", { ...review, deadline, signature: forged });
    assert.equal(refused.status, 409);
    assert.equal(refused.json.error.metadata.reason, "Reviews_InvalidSignature");

    const signed = { ...review, deadline, signature: await sign(typed_data) };
    const relayed = await post("/v1/reviews", signed);
    assert.equal(relayed.status, 201, JSON.stringify(relayed.json));
    const { reviews, ledger } = rig.anvil.contracts("payer");
    const seq = Number(receipt.id.split("-")[1]);
    assert.equal(await reviews.isRowUsed(rig.anvil.economy.accountId, seq), true);
    const [event] = await reviews.queryFilter(reviews.filters.Reviewed());
    assert.equal(event?.transactionHash, relayed.json.tx_hash);
    assert.equal(event?.args.rating, 4n);
    assert.equal(event?.args.textHash, textHashOf(text));
    assert.ok((event?.args.weight ?? 0n) > 0n);
    assert.equal(await ledger.getAddress(), rig.anvil.identity.ledger);

    let shown: Json;
    for (let i = 0; i < 100; i++, await sleep(100)) {
      shown = await get(`/v1/models/${rig.model}/reviews`);
      if (shown.data.length > 0) break;
    }
    assert.equal(shown.data.length, 1);
    assert.equal(shown.data[0].text, text);
    assert.equal(shown.data[0].rating, 4);
    assert.equal(shown.data[0].receipt_id, receipt.id);
    assert.deepEqual([(await endpoint()).rating, (await endpoint()).reviews], [4, 1]);

    const repeated = await post("/v1/reviews", signed);
    assert.equal(repeated.json.status, "already_reviewed");
    const other = await post("/v1/reviews", { id: receipt.id, rating: 1 });
    assert.equal(other.json.error.metadata.reason, "Reviews_RowUsed");
    const next = await ask();
    await untilAllSettled(rig);
    const another = { id: next.receipt.id, rating: 1 };
    const unsigned = (await post("/v1/reviews", another)).json;
    const second = await post("/v1/reviews", {
      ...another,
      deadline: unsigned.deadline,
      signature: await sign(unsigned.typed_data),
    });
    assert.equal(second.json.error.metadata.reason, "Reviews_AlreadyReviewed", "one an epoch");
  });

  it("reads reviews off the chain again after a kill, and texts from its journal", async () => {
    await rig.kill();
    await rig.start();
    let shown: Json;
    for (let i = 0; i < 100; i++, await sleep(100)) {
      shown = await get(`/v1/models/${rig.model}/reviews`);
      if (shown.data.length > 0) break;
    }
    assert.match(shown.data[0].text, /^It got/u);
    assert.equal((await endpoint()).rating, 4);
  });

  it("is for the account's own rows, paid and settled, and for nobody else's", async () => {
    const { economy } = rig.anvil;
    const foreign = await rig.key(await rig.anvil.account(10n ** 18n, 3));
    const { status } = await post("/v1/reviews", { id: `${economy.accountId}-0`, rating: 5 }, foreign);
    assert.equal(status, 404);
    const { receipt } = await ask();
    const bad = await post("/v1/reviews", { id: receipt.id, rating: 5, text: "x".repeat(2_001) });
    assert.equal(bad.status, 400);
  });
});
