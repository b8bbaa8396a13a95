/** A comparison that a wallet pays: a payment for each column, since on chain each answers for one row. */
import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { decodePaymentRequiredHeader, decodePaymentResponseHeader } from "@x402/core/http";
import { privateKeyToAccount } from "viem/accounts";

import { payPerColumn, requestHash } from "../../../client/index.ts";
import { answer, delta, finish, role, usage } from "../../fakes/upstream.ts";
import { fakeWorld, MODEL, SOLVER, sampleOffer } from "../../fakes/world.ts";
import {
  ESCROW,
  payment,
  type PaymentOverrides,
  runWalletRail,
  STRICT,
  WALLET,
} from "../../fakes/walletRail.ts";
import { payingFetch, stockClient } from "../../fakes/x402.ts";

const offers = [1, 5].map((modelId) =>
  sampleOffer({ offerId: modelId * 100, listingId: modelId, providerId: modelId, modelId }),
);
const BODY = {
  models: [MODEL, SOLVER],
  messages: [{ role: "user", content: "Say hello." }],
  max_tokens: 10,
};

interface Shown {
  readonly columns?: readonly {
    readonly usage?: { readonly cost_wei: string };
    readonly receipt?: { readonly id: string };
    readonly error?: { readonly metadata: { readonly reason?: string } };
  }[];
  readonly error?: { readonly message: string; readonly metadata: { readonly reason?: string } };
}

async function start(test: TestContext, balanceWei?: bigint) {
  const app = await runWalletRail(test, balanceWei, fakeWorld({ offers }));
  const { upstream } = app.world;
  upstream.script(1, { answer: answer("one", 12, 3) });
  upstream.script(5, { answer: answer("five", 10, 1) });
  const post = async (
    send: typeof fetch,
    headers: Record<string, string> = {},
    body: object = BODY,
  ): Promise<{ response: Response; text: string; json: Shown; reason: string | undefined }> => {
    const response = await send(`${app.origin}/v1/compare`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Shown;
    return { response, text, json, reason: json.error?.metadata.reason };
  };
  const perColumn = payPerColumn(stockClient(WALLET, [ESCROW]));
  /** What each column can cost. */
  const prices = async (): Promise<string[]> => {
    const { response } = await post(fetch);
    const { accepts } = decodePaymentRequiredHeader(response.headers.get("payment-required") ?? "");
    return accepts.map(({ amount }) => amount);
  };
  /** Payments with commas between, the first column's last to be changed. */
  const signed = async (amounts: readonly string[], overrides: PaymentOverrides[] = []) => {
    const each = await Promise.all(
      amounts.map(async (amount, i) => (await payment(amount, overrides[i]))["payment-signature"]),
    );
    return { "payment-signature": each.join(", ") };
  };
  return { ...app, upstream, post, perColumn, prices, signed };
}

describe("POST /v1/compare on the wallet rail", () => {
  it("asks for a payment for each column", async (t) => {
    const { post } = await start(t);
    const { response, reason } = await post(fetch);
    assert.deepEqual([response.status, reason], [402, "payment_missing"]);
    const { accepts } = decodePaymentRequiredHeader(response.headers.get("payment-required") ?? "");
    assert.deepEqual(
      accepts.map(({ extra, asset }) => [extra["column"], extra["name"], asset]),
      [
        [0, "AI1NET Escrow", ESCROW],
        [1, "AI1NET Escrow", ESCROW],
      ],
    );
    assert.ok(accepts.every(({ amount }) => BigInt(amount) > 0n));
  });

  it("serves a wallet that signs each: own receipts, own payments, one charge", async (t) => {
    const { post, perColumn, world } = await start(t);
    const { response, json } = await post(perColumn);
    assert.equal(response.status, 200);
    assert.deepEqual(
      json.columns?.map(({ usage: spent, receipt }) => [spent?.cost_wei, receipt?.id.split("-")[0]]),
      [
        ["217", String(STRICT)],
        ["137", String(STRICT)],
      ],
    );
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    assert.deepEqual([paid.payer, paid.amount], [WALLET.address, String(217 + 137)]);
    const { outcomes } = world.journal;
    assert.equal(new Set(outcomes.map((outcome) => outcome.payment?.nonce)).size, 2);
    const { models: _, ...common } = BODY;
    for (const { payment: kept, receipts, model } of outcomes) {
      const { receipt } = receipts[0]!;
      assert.ok(kept && kept.valueWei >= receipt.amountWei);
      assert.equal(receipt.requestHash, requestHash({ ...common, model }, kept.nonce));
    }
    assert.equal(world.accounts.heldWei(STRICT), 0n);
    assert.equal(world.accounts.unsettledWei(STRICT), 217n + 137n);
  });

  it("streams the columns; what they cost together is in the last event", async (t) => {
    const { post, perColumn, upstream } = await start(t);
    upstream.script(1, { chunks: [role, delta("one"), finish(), usage(12, 3)] });
    upstream.script(5, { chunks: [role, delta("five"), finish(), usage(10, 1)] });
    const { response, text } = await post(perColumn, {}, { ...BODY, stream: true });
    assert.ok(response.headers.get("payment-response"));
    assert.match(text, new RegExp(`"payment":{"payer":"${WALLET.address}","charged_wei":"354"}}\n`, "i"));
  });

  it("tells a stock client, which signs one, what to do; and takes the payment for nothing", async (t) => {
    const { post, upstream, origin } = await start(t);
    const sent: Request[] = [];
    const stock = payingFetch(WALLET, [ESCROW], (input, init) => {
      const request = new Request(input, init);
      sent.push(request.clone());
      return fetch(request);
    });
    const { response, json, reason } = await post(stock);
    assert.deepEqual([response.status, reason], [402, "one_payment_per_column"]);
    assert.match(
      json.error?.message ?? "",
      /2 models takes 2 payments.*1 came.*payPerColumn.*\/v1\/chat\/completions/u,
    );
    assert.equal(upstream.requests.length, 0);
    const header = sent.at(-1)?.headers.get("payment-signature") ?? "";
    const single = await fetch(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "payment-signature": header },
      body: JSON.stringify({ model: MODEL, messages: BODY.messages, max_tokens: 10 }),
    });
    assert.equal(single.status, 200, "it is still good, for one model by itself");
  });

  const OTHER = privateKeyToAccount(`0x${"92".repeat(32)}`);
  const NONCE = `0x${"77".repeat(32)}`;
  const refused: readonly (readonly [string, string, readonly PaymentOverrides[]])[] = [
    ["an expired one among them", "expired", [{}, { validBefore: "1000" }]],
    ["one to somebody else", "wrong_payee", [{ to: OTHER.address }, {}]],
    ["one that another signed", "invalid_signature", [{}, { signer: OTHER }]],
    ["two wallets' payments", "several_payers", [{}, { from: OTHER.address, signer: OTHER }]],
    ["one payment twice", "nonce_used", [{ nonce: NONCE }, { nonce: NONCE }]],
  ];
  for (const [name, reason, overrides] of refused)
    it(`refuses ${name}, before anything is sent`, async (t) => {
      const { post, signed, prices, upstream } = await start(t);
      const header = await signed(await prices(), [...overrides]);
      const answered = await post(fetch, header);
      assert.deepEqual([answered.response.status, answered.reason], [402, reason]);
      assert.ok(answered.response.headers.get("payment-required"), "it asks again");
      assert.equal(upstream.requests.length, 0);
    });

  it("takes payments once, whatever else comes with them", async (t) => {
    const { post, signed, prices, upstream } = await start(t);
    const header = await signed(await prices());
    const both = await Promise.all([post(fetch, header), post(fetch, header)]);
    assert.deepEqual(
      both.map(({ response }) => response.status).toSorted((a, b) => a - b),
      [200, 402],
    );
    assert.equal((await post(fetch, header)).reason, "nonce_used");
    assert.equal(upstream.requests.length, 2);
  });

  it("lets a column whose payment is too small fail alone", async (t) => {
    const { post, signed, prices } = await start(t);
    const [, second = ""] = await prices();
    const { response, json } = await post(fetch, await signed(["1", second]));
    assert.equal(response.status, 200);
    assert.deepEqual(
      json.columns?.map(({ error, receipt }) => [error?.metadata.reason, receipt !== undefined]),
      [
        ["underpaid", false],
        [undefined, true],
      ],
    );
  });

  it("sends nothing if the account can't pay for all of them", async (t) => {
    const { post, perColumn, upstream, world } = await start(t, 300n);
    const { response, reason } = await post(perColumn);
    assert.deepEqual([response.status, reason], [402, "insufficient"]);
    assert.equal(upstream.requests.length, 0);
    assert.equal(world.accounts.heldWei(STRICT), 0n);
  });

  it("is the only endpoint that takes several payments", async (t) => {
    const { origin, signed } = await start(t);
    const response = await fetch(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(await signed(["1000", "1000"])) },
      body: JSON.stringify({ model: MODEL, messages: BODY.messages }),
    });
    assert.equal(response.status, 400);
    assert.match(await response.text(), /several payments/u);
  });
});

describe("payPerColumn", () => {
  it("signs no more payments than the request has models", async () => {
    const accepts = [0, 1, 2].map((column) => ({ extra: { column } }));
    const greedy: typeof fetch = async () =>
      new Response("{}", { status: 402, headers: { "payment-required": btoa(JSON.stringify({ accepts })) } });
    let signed = 0;
    const maker = { createPaymentPayload: async () => ({ n: ++signed }) };
    const pay = payPerColumn(maker, { fetch: greedy });
    const init = { method: "POST", body: JSON.stringify(BODY) };
    await assert.rejects(pay("http://127.0.0.1:9/v1/compare", init), /3 payments .* 2 models/u);
    assert.equal(signed, 0);
  });

  it("pays a single request as a stock wrapper does", async (t) => {
    const { origin } = await start(t);
    const pay = payPerColumn(stockClient(WALLET, [ESCROW]));
    const response = await pay(`${origin}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, messages: BODY.messages, max_tokens: 10 }),
    });
    assert.equal(response.status, 200, await response.text());
  });
});
