import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { decodePaymentRequiredHeader, decodePaymentResponseHeader } from "@x402/core/http";
import { privateKeyToAccount, type PrivateKeyAccount } from "viem/accounts";

import { recoverSigner } from "../../../router/adapters/signer/receiptSigner.ts";
import type { RelayResult } from "../../../router/ports.ts";
import { UsedNonces } from "../../../router/request/usedNonces.ts";
import { runApp } from "../../fakes/app.ts";
import { FakeFinder } from "../../fakes/finder.ts";
import { FakeRelay } from "../../fakes/relay.ts";
import { ACCOUNT, fakeWorld, OWNER } from "../../fakes/world.ts";
import { payingFetch } from "../../fakes/x402.ts";

const WALLET = privateKeyToAccount(`0x${"91".repeat(32)}`);
const OTHER = privateKeyToAccount(`0x${"92".repeat(32)}`);
const TX = `0x${"7a".repeat(32)}` as const;

async function start(test: TestContext, transfer?: RelayResult) {
  const world = fakeWorld();
  const relay = new FakeRelay();
  relay.answer = ({ kind }) => {
    if (kind !== "transfer") return { status: "mined", accountId: ACCOUNT, amountWei: 1_000n, txHash: TX };
    return transfer ?? { status: "mined", accountId: 0, amountWei: 1_000n, txHash: TX };
  };
  const wallets = {
    chainId: 31_337,
    escrow: OWNER,
    payee: OWNER,
    nonces: new UsedNonces(world.clock, []),
    finder: new FakeFinder(() => []),
    load: async () => undefined,
    recover: recoverSigner,
  };
  const app = await runApp(test, world, { relay, wallets });
  const seen: string[] = [];
  /** Remembers the payments that go by. */
  const listening: typeof fetch = (input, init) => {
    const request = new Request(input, init);
    const header = request.headers.get("payment-signature");
    if (header !== null) seen.push(header);
    return fetch(request);
  };
  const topup = async (
    body: object,
    wallet: PrivateKeyAccount = WALLET,
    headers: Record<string, string> = {},
  ) => {
    const send = headers["payment-signature"] === undefined ? payingFetch(wallet, [OWNER], listening) : fetch;
    const response = await send(`${app.origin}/v1/topup`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const json = (await response.json()) as Record<string, unknown>;
    const error = (json["error"] ?? { metadata: {} }) as { metadata: { reason?: string } };
    return { response, json, reason: error.metadata.reason };
  };
  return { ...app, relay, topup, seen };
}

describe("POST /v1/topup", () => {
  it("asks for a payment to the payer's own deposit address", async (t) => {
    const { origin } = await start(t);
    const response = await fetch(`${origin}/v1/topup`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ payer: WALLET.address, amount: "2.5" }),
    });
    assert.equal(response.status, 402);
    const asked = decodePaymentRequiredHeader(response.headers.get("payment-required") ?? "");
    const [accepts] = asked.accepts;
    assert.equal(accepts?.amount, "2500000000000000000");
    assert.equal(accepts.payTo, `0x${"de".repeat(20)}`);
    assert.equal(accepts.asset, OWNER);
    assert.deepEqual(accepts.extra, { name: "AI1NET", version: "1" });
  });

  it("sells the stock client an account with a key that works", async (t) => {
    const { topup, relay, origin, world } = await start(t);
    const { response, json } = await topup({ payer: WALLET.address });
    assert.equal(response.status, 201);
    assert.equal(json["account_id"], ACCOUNT);
    assert.deepEqual(
      relay.deposits.map(({ kind, terms }) => [kind, terms.owner, terms.strict]),
      [
        ["transfer", WALLET.address, false],
        ["sweep", WALLET.address, false],
      ],
    );
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    assert.deepEqual([paid.success, paid.transaction, paid.amount], [true, TX, "1000"]);
    const headers = { authorization: `Bearer ${String(json["key"])}` };
    assert.equal((await fetch(`${origin}/v1/key`, { headers })).status, 200);
    assert.ok(!JSON.stringify(world.journal.facts).includes(String(json["key"]).slice(-43)));
  });

  it("gives a strict account no key", async (t) => {
    const { topup, world, relay } = await start(t);
    const { json } = await topup({ payer: WALLET.address, strict: true });
    assert.equal(json["key"], null);
    assert.equal(relay.deposits[0]?.terms.strict, true);
    assert.deepEqual(world.journal.facts, []);
  });

  it("gives nobody a key to another's account", async (t) => {
    const { topup, relay } = await start(t);
    const { response, reason } = await topup({ payer: OTHER.address }, WALLET);
    assert.equal(response.status, 402);
    assert.equal(reason, "not_the_payer");
    assert.deepEqual(relay.deposits, []);
  });

  it("gives one key for one payment, also to two who show it at the same time", async (t) => {
    const { topup, seen, world } = await start(t);
    const body = { payer: WALLET.address };
    assert.equal((await topup(body)).response.status, 201);
    const again = await topup(body, WALLET, { "payment-signature": seen[0]! });
    assert.equal(again.reason, "nonce_used");
    assert.equal(world.journal.facts.length, 1);
  });

  const others: readonly (readonly [RelayResult, number, string])[] = [
    [{ status: "already", accountId: ACCOUNT }, 409, "nonce_used"],
    [{ status: "unknown", txHash: TX }, 409, "pending"],
    [{ status: "refused", reason: "AI1NET_AuthorizationExpired(1, 2)" }, 409, "AI1NET_AuthorizationExpired"],
  ];
  for (const [result, status, reason] of others)
    it(`makes no key when the payment is ${result.status}`, async (t) => {
      const { topup, world } = await start(t, result);
      const answered = await topup({ payer: WALLET.address });
      assert.equal(answered.response.status, status);
      assert.equal(answered.reason, reason);
      assert.deepEqual(world.journal.facts, []);
    });

  it("refuses too little, and bodies that are none", async (t) => {
    const { topup, relay } = await start(t);
    assert.equal(
      (await topup({ payer: WALLET.address, amount: "0.000000000000000001" })).reason,
      "too_little",
    );
    for (const body of [
      {},
      { payer: "0x12" },
      { payer: WALLET.address, amount: 5 },
      { payer: WALLET.address, x: 1 },
    ])
      assert.equal((await topup(body)).response.status, 400);
    assert.deepEqual(relay.deposits, []);
  });
});
