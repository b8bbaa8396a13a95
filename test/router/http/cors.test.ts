/** Pages of other sites, with what browsers let them do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodePaymentResponseHeader } from "@x402/core/http";
import OpenAI from "openai";

import { runApp } from "../../fakes/app.ts";
import { browserFetch, preflight } from "../../fakes/browserFetch.ts";
import { answer } from "../../fakes/upstream.ts";
import { BEARER, fakeWorld, MODEL } from "../../fakes/world.ts";
import { ESCROW, runWalletRail, WALLET } from "../../fakes/walletRail.ts";
import { payingFetch } from "../../fakes/x402.ts";

const SITE = "https://app.example.com";
const body = JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "Hi" }] });
const asking = {
  origin: SITE,
  "access-control-request-method": "POST",
  "access-control-request-headers": "authorization,content-type,payment-signature",
};

describe("a page of another site", () => {
  it("asks with the stock OpenAI SDK and its key", async (t) => {
    const { origin, world } = await runApp(t);
    world.upstream.script(1, { answer: answer("Hello!", 3, 2) });
    const client = new OpenAI({
      baseURL: `${origin}/v1`,
      apiKey: BEARER.slice("Bearer ".length),
      dangerouslyAllowBrowser: true,
      fetch: browserFetch(SITE),
    });
    const { data, response } = await client.chat.completions
      .create({ model: MODEL, messages: [{ role: "user", content: "Hi" }] })
      .withResponse();
    assert.equal(data.choices[0]?.message.content, "Hello!");
    for (const name of ["x-ai1net-receipt", "x-generation-id", "x-request-id"])
      assert.ok(response.headers.get(name), `${name} can be read`);
    assert.equal(response.headers.get("access-control-allow-credentials"), null);
  });

  it("pays with a stock x402 client: it reads what is asked, sends the payment and reads what it came to", async (t) => {
    const { origin } = await runWalletRail(t);
    const pay = payingFetch(WALLET, [ESCROW], browserFetch(SITE));
    const headers = { "content-type": "application/json" };
    const response = await pay(`${origin}/v1/chat/completions`, { method: "POST", headers, body });
    assert.equal(response.status, 200, await response.clone().text());
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    assert.equal(paid.payer, WALLET.address);
    assert.ok(response.headers.get("x-ai1net-receipt"));
  });

  it("reads errors, and when to come back", async (t) => {
    const { origin, deps } = await runApp(t);
    const ask = browserFetch(SITE);
    const unknown = await ask(`${origin}/v1/nothing`);
    assert.equal(unknown.status, 404);
    const unpaid = await ask(`${origin}/v1/key`, { headers: { authorization: "Bearer no" } });
    assert.equal(unpaid.status, 401);
    assert.equal(unpaid.headers.get("www-authenticate"), "Bearer");
    await deps.gate.drain();
    const stopping = await ask(`${origin}/v1/models`);
    assert.equal(stopping.status, 503);
    assert.equal(stopping.headers.get("retry-after"), "1");
  });

  it("uses every method of the API", async (t) => {
    const { origin } = await runApp(t);
    for (const method of ["GET", "POST", "PATCH", "DELETE"])
      assert.ok((await browserFetch(SITE)(`${origin}/v1/keys/x`, { method })).status >= 400, method);
  });

  it("gets nothing of an operator's tools, and no leave without asking for it", async (t) => {
    const { origin } = await runApp(t);
    for (const path of ["/metrics", "/readyz", "/docs"])
      await assert.rejects(browserFetch(SITE)(origin + path), { name: "Blocked" }, path);
    const plain = await preflight(`${origin}/v1/models`, { origin: SITE });
    assert.equal(plain.status, 405, "OPTIONS that is no preflight is no method of the API");
    const odd = { ...asking, "access-control-request-headers": "a b\\u0000, <script>" };
    const refused = await preflight(`${origin}/v1/models`, odd);
    assert.equal(refused.headers.get("access-control-allow-headers"), null);
  });

  it("gets in only from the sites that the operator names", async (t) => {
    const { origin } = await runApp(t, fakeWorld(), { corsOrigins: [SITE] });
    const allowed = await preflight(`${origin}/v1/chat/completions`, asking);
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers.get("access-control-allow-origin"), SITE);
    assert.equal(
      allowed.headers.get("access-control-allow-headers"),
      asking["access-control-request-headers"],
    );
    assert.match(allowed.headers.get("vary") ?? "", /origin/i);
    const other = "https://app.example.com.evil.example";
    await assert.rejects(browserFetch(other)(`${origin}/v1/models`), { name: "Blocked" });
    const seen = await fetch(`${origin}/v1/models`);
    assert.match(seen.headers.get("vary") ?? "", /origin/i, "caches keep the sites apart");
    assert.equal((await browserFetch(SITE)(`${origin}/v1/models`)).status, 200);
  });

  it("gets in from nowhere, if the operator says so; who is no page does not notice", async (t) => {
    const { origin } = await runApp(t, fakeWorld(), { corsOrigins: [] });
    await assert.rejects(browserFetch(SITE)(`${origin}/v1/models`), { name: "Blocked" });
    assert.equal((await fetch(`${origin}/v1/models`)).status, 200);
  });
});
