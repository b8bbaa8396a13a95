import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { decodePaymentRequiredHeader, decodePaymentResponseHeader } from "@x402/core/http";
import OpenAI, { APIError } from "openai";
import { privateKeyToAccount } from "viem/accounts";

import { paidRequestHash } from "../../../router/model/payment.ts";
import { UsedNonces } from "../../../router/request/usedNonces.ts";
import { ASKED_VALIDITY_SEC, LEAST_VALIDITY_SEC } from "../../../router/request/walletPayment.ts";
import { delta, finish, role, usage } from "../../fakes/upstream.ts";
import { ACCOUNT, BEARER, MODEL } from "../../fakes/world.ts";
import {
  ESCROW,
  PAYEE,
  payment,
  type PaymentOverrides,
  runWalletRail,
  STRICT,
  WALLET,
} from "../../fakes/walletRail.ts";
import { payingFetch } from "../../fakes/x402.ts";

const OTHER = privateKeyToAccount(`0x${"92".repeat(32)}`);
const messages = [{ role: "user" as const, content: "Hi" }];
const BODY = { model: MODEL, messages, max_tokens: 10 };

async function start(test: TestContext, balanceWei = 1_000_000n) {
  const app = await runWalletRail(test, balanceWei);
  const post = async (headers: Record<string, string> = {}, body: object = BODY) => {
    const response = await fetch(`${app.origin}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const json = (await response.json()) as Record<string, unknown>;
    const { metadata } = (json["error"] ?? { metadata: {} }) as { metadata: { reason?: string } };
    const asked = response.headers.get("payment-required");
    return {
      response,
      json,
      reason: metadata.reason,
      asked: asked === null ? undefined : decodePaymentRequiredHeader(asked),
    };
  };
  const openai = (fetch: typeof globalThis.fetch): OpenAI =>
    new OpenAI({ baseURL: `${app.origin}/v1`, apiKey: "unused", maxRetries: 0, fetch });
  return { ...app, post, openai, paying: (wallet = WALLET) => payingFetch(wallet, [ESCROW]) };
}

describe("the wallet rail", () => {
  it("asks a stranger for what the request can cost at the offer chosen", async (t) => {
    const { post, world, origin } = await start(t);
    const { response, asked, reason } = await post();
    assert.equal(response.status, 402);
    assert.equal(reason, "payment_missing");
    assert.equal(world.upstream.requests.length, 0);
    const [accepts] = asked?.accepts ?? [];
    assert.deepEqual(
      { ...accepts, amount: undefined },
      {
        scheme: "exact",
        network: "eip155:31337",
        amount: undefined,
        asset: ESCROW,
        payTo: PAYEE,
        maxTimeoutSeconds: ASKED_VALIDITY_SEC,
        extra: { name: "AI1NET Escrow", version: "1" },
      },
    );
    assert.equal(asked?.resource.url, `${origin}/v1/chat/completions`);
    const most = JSON.stringify(BODY).length + 512 + 16;
    assert.equal(BigInt(accepts?.amount ?? 0), BigInt(most) * 10n + 10n * 30n + 7n);
  });

  it("serves the stock x402 client and OpenAI SDK, and charges what was used", async (t) => {
    const { openai, paying, world } = await start(t);
    const { data, response } = await openai(paying()).chat.completions.create(BODY).withResponse();
    assert.equal(data.choices[0]?.message.content, "Hello!");
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    const cost = 3n * 10n + 2n * 30n + 7n;
    assert.deepEqual(
      [paid.success, paid.payer, paid.network, paid.amount],
      [true, WALLET.address, "eip155:31337", cost.toString()],
    );
    const [outcome] = world.journal.outcomes;
    const receipt = outcome?.receipts[0]?.receipt;
    assert.equal(receipt?.accountId, STRICT);
    assert.equal(receipt.amountWei, cost);
    assert.equal(outcome?.payment?.from, WALLET.address);
    assert.ok((outcome.payment?.valueWei ?? 0n) > cost);
    const sent = { model: MODEL, messages, max_tokens: 10 };
    assert.equal(receipt.requestHash, paidRequestHash(sent, outcome.payment.nonce));
    assert.equal(world.accounts.unsettledWei(STRICT), cost);
    assert.equal(world.accounts.heldWei(STRICT), 0n);
    assert.equal(world.accounts.unsettledWei(ACCOUNT), 0n);
  });

  it("streams, with the charge in the last event", async (t) => {
    const { openai, paying, world } = await start(t);
    let open!: () => void;
    const gate = new Promise<void>((resolve) => (open = resolve));
    world.upstream.script(1, {
      chunks: [role, delta("Hel"), () => gate, delta("lo!"), finish(), usage(3, 2)],
    });
    const { data, response } = await openai(paying())
      .chat.completions.create({ ...BODY, stream: true })
      .withResponse();
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    assert.deepEqual([paid.success, paid.payer, paid.amount], [true, WALLET.address, undefined]);
    let text = "";
    let last: unknown;
    for await (const chunk of data) {
      text += chunk.choices[0]?.delta.content ?? "";
      if (text === "Hel") open();
      last = chunk;
    }
    assert.equal(text, "Hello!", "the first part came before the last was there");
    const { payment: paidFor, usage: used } = last as {
      payment: Record<string, string>;
      usage: Record<string, string>;
    };
    assert.deepEqual(paidFor, { payer: WALLET.address, charged_wei: "97" });
    assert.equal(used["cost_wei"], "97");
  });

  it("takes a payment once, also in two requests at the same time, and after a restart", async (t) => {
    const { post, world } = await start(t);
    const amount = (await post()).asked?.accepts[0]?.amount ?? "";
    const headers = await payment(amount);
    const both = await Promise.all([post(headers), post(headers)]);
    assert.deepEqual(
      both.map(({ response }) => response.status).toSorted((a, b) => a - b),
      [200, 402],
    );
    const again = await post(headers);
    assert.equal(again.reason, "nonce_used");
    assert.equal(again.asked?.accepts[0]?.amount, amount, "and says what to sign instead");
    assert.equal(world.journal.outcomes.length, 1);
    const { payment: kept } = world.journal.outcomes[0]!;
    const restarted = new UsedNonces(world.clock, [{ ...kept!, accountId: STRICT }]);
    assert.equal(await restarted.reserve(STRICT, kept!.nonce, kept!.validBeforeSec), false);
    assert.equal(
      await restarted.reserve(ACCOUNT, kept!.nonce, kept!.validBeforeSec),
      true,
      "another account's",
    );
  });

  const nowSec = Math.floor(Date.now() / 1000);
  const refusals: readonly (readonly [string, PaymentOverrides, string])[] = [
    ["one that has expired", { validBefore: String(nowSec - 1) }, "expired"],
    [
      "one that expires before the request may end",
      { validBefore: String(nowSec + LEAST_VALIDITY_SEC - 60) },
      "expires_too_soon",
    ],
    ["one that is valid for days", { validBefore: String(nowSec + 86_400) }, "valid_too_long"],
    ["one that is not valid yet", { validAfter: String(nowSec + 600) }, "not_yet_valid"],
    ["one to somebody else", { to: ESCROW }, "wrong_payee"],
    ["one that another has signed", { signer: OTHER }, "invalid_signature"],
    ["one over another amount than signed", { signature: `0x${"11".repeat(64)}1b` }, "invalid_signature"],
    ["one from a wallet without an account", { from: OTHER.address, signer: OTHER }, "no_account"],
    ["one over too little", { value: "5" }, "underpaid"],
  ];
  for (const [name, overrides, reason] of refusals)
    it(`refuses ${name}, and says so`, async (t) => {
      const { post, world } = await start(t);
      const refused = await post(await payment("20000", overrides));
      assert.equal(refused.response.status, 402);
      assert.equal(refused.reason, reason);
      assert.equal(refused.response.headers.get("payment-response"), null);
      if (reason !== "no_account") assert.ok(BigInt(refused.asked?.accepts[0]?.amount ?? 0) > 0n);
      assert.equal(world.upstream.requests.length, 0);
      assert.deepEqual(world.journal.outcomes, []);
      assert.equal(world.accounts.heldWei(STRICT), 0n);
    });

  it("refuses what is no payment", async (t) => {
    const { post } = await start(t);
    const good = await payment("20000");
    const other = await payment("20000", { asset: PAYEE });
    const upto = await payment("20000", { scheme: "upto" });
    for (const header of [
      "",
      "!!!",
      btoa("{}"),
      btoa("[1]"),
      other["payment-signature"]!,
      upto["payment-signature"]!,
    ])
      assert.equal((await post({ "payment-signature": header })).response.status, 400, header.slice(0, 20));
    assert.equal((await post({ ...good, "x-ai1net-account": "x" })).response.status, 400);
    assert.equal((await post({ ...good, "x-ai1net-account": "99" })).reason, "no_account");
    assert.equal(
      (await post({ ...(await payment("20000")), "x-ai1net-account": "12" })).response.status,
      200,
    );
  });

  it("never goes beyond the payment: a dearer offer is left out", async (t) => {
    const { post, world } = await start(t);
    world.upstream.script(1, { fault: "server" });
    const amount = (await post()).asked?.accepts[0]?.amount ?? "";
    const { response } = await post(await payment(amount));
    assert.equal(response.status, 502);
    assert.deepEqual(
      world.upstream.requests.map(({ listingId }) => listingId).filter((id) => id === 2),
      [],
      "listing 2 costs twice as much",
    );
    const [outcome] = world.journal.outcomes;
    assert.equal(outcome?.payment, undefined, "a row that costs nothing needs no payment");
    assert.equal(outcome?.receipts[0]?.receipt.amountWei, 0n);
  });

  it("asks for the app's fee as well, and charges it within the payment", async (t) => {
    const { post } = await start(t);
    const app = { "x-ai1net-app": "5" };
    const plain = BigInt((await post()).asked?.accepts[0]?.amount ?? 0);
    const withFee = (await post(app)).asked?.accepts[0]?.amount ?? "";
    assert.equal(BigInt(withFee), plain + (plain * 500n + 9_999n) / 10_000n);
    const { response } = await post({ ...app, ...(await payment(withFee)) });
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    assert.equal(paid.amount, (97n + 5n).toString());
    assert.equal((await post({ ...app, ...(await payment(plain.toString())) })).reason, "underpaid");
  });

  it("says when the account itself has too little", async (t) => {
    const { post } = await start(t, 50n);
    const amount = (await post()).asked?.accepts[0]?.amount ?? "";
    const { response, json, reason } = await post(await payment(amount));
    assert.equal(response.status, 402);
    assert.equal(reason, "insufficient");
    const { metadata } = json["error"] as { metadata: Record<string, string> };
    assert.equal(metadata["limit_source"], "account_balance");
  });

  it("leaves API keys as they were", async (t) => {
    const { post, openai } = await start(t);
    assert.equal((await post({ authorization: BEARER })).response.status, 200);
    assert.equal((await post({ authorization: "Bearer sk-ai1-nobody" })).response.status, 401);
    await assert.rejects(
      openai(fetch).chat.completions.create(BODY),
      (error) => error instanceof APIError && error.status === 402,
    );
  });
});
