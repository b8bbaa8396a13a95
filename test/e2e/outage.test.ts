/** The chain is away: the router serves on while its bond covers it, then says when to come back, and settles it all. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseEther as tokens } from "ethers";

import { eventOf, mined } from "../../scripts/mined.ts";
import { receiptsOf, startRig, untilAllSettled, type Rig } from "./fixtures/rig.ts";
import { wordServer } from "./fixtures/wordServer.ts";
import { rebatesWei } from "./fixtures/rebates.ts";

const DEAR = "test/dear";
const DEAR_WEI = tokens("1000");
const BOND_WEI = tokens("10500");
const DEPOSIT_WEI = tokens("30000");

interface ErrorBody {
  readonly error: {
    readonly metadata: { readonly error_type: string; readonly limit_source: string };
  };
}

async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadlineMs = Date.now() + 15_000; !(await isSo()); await sleep(50))
    assert.ok(Date.now() < deadlineMs, what);
}

const metricsOf = async (rig: Rig): Promise<string> => (await rig.get("/metrics")).text();

describe("a router whose chain is away", () => {
  let rig: Rig;
  let isAway = false;
  let accountId = 0;
  let key = "";
  let initialWei = 0n;

  before(async () => {
    rig = await startRig({
      behave: wordServer(() => 0),
      intercept: () => {
        if (isAway) throw new Error("away");
      },
    });
    const { anvil } = rig;
    const { economy } = anvil;
    const [provider] = economy.providers;
    const [admin, payer, operator, listed] = ["admin", "payer", "operator", `provider/${provider?.name}`].map(
      (role) => anvil.contracts(role),
    );
    assert.ok(provider && admin && payer && operator && listed);
    // A rich account, a small bond, and a model that is dear.
    const { operatorId, contracts } = economy;
    const terms = {
      owner: economy.payer,
      operatorId,
      signer: economy.payer,
      strict: false,
      maxAppFeePct: 7,
    };
    await mined(admin.token.transfer(economy.payer, DEPOSIT_WEI));
    await mined(payer.token.approve(contracts.Escrow, DEPOSIT_WEI));
    await mined(payer.escrow.deposit(terms, DEPOSIT_WEI));
    accountId = Number(await payer.escrow.accountIdOf(terms));
    initialWei = (await payer.escrow.account(accountId)).balance;
    const { bond } = await operator.registry.operator(operatorId);
    await mined(operator.registry.requestUnbond(operatorId, bond.bonded - BOND_WEI));
    const [registered] = await mined(admin.registry.registerModel(DEAR, 0));
    const modelId = eventOf(admin.registry, registered, "ModelRegistered")["modelId"] as bigint;
    const [created] = await mined(listed.registry.createListing(provider.providerId, modelId));
    const listingId = eventOf(listed.registry, created, "ListingCreated")["listingId"] as bigint;
    await mined(listed.registry.createOffer(listingId, 1n, 1n, DEAR_WEI, 10_000));
    await rig.announce(Number(listingId));
    key = await rig.key(accountId);
    await until(
      async () => Math.round((await rig.metric("ai1net_free_bond_tokens")) ?? 0) === 10_500,
      "the router reads its bond",
    );
  });
  after(() => rig.close());

  const ask = (model: string): Promise<Response> =>
    fetch(`${rig.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, max_tokens: 4, messages: [{ role: "user", content: "hello" }] }),
    });

  it("serves what its bond covers and not a wei more, then answers 503 and when to try again", async () => {
    assert.equal((await ask(DEAR)).status, 200);
    await untilAllSettled(rig);
    isAway = true;
    const asked = rig.provider.seen.length;
    const answers = await Promise.all(Array.from({ length: 14 }, () => ask(DEAR)));
    const refused = answers.filter(({ status }) => status === 503);
    assert.deepEqual(
      answers.filter(({ status }) => status === 200).length,
      10,
      "ten of 1,000 each on a bond of 10,500",
    );
    assert.equal(refused.length, 4);
    assert.equal(rig.provider.seen.length - asked, 10, "no provider worked for a refused one");
    for (const response of refused) {
      assert.equal(response.headers.get("retry-after"), "10");
      const { error } = (await response.json()) as ErrorBody;
      assert.equal(error.metadata.error_type, "service_unavailable");
      assert.equal(error.metadata.limit_source, "operator_bond");
    }
    assert.equal((await ask(rig.model)).status, 200, "what the bond still covers is served");
    assert.equal(await rig.metric('ai1net_overexposed_total{limit="operator_bond"}'), 4);
    const exposed = await rig.metric("ai1net_exposed_tokens");
    assert.ok(exposed !== undefined && exposed > 10_000 && exposed < 10_500);
    assert.equal((await rig.get("/readyz")).status, 200);
    assert.ok(((await rig.metric("ai1net_chain_silence_seconds")) ?? 0) > 0);
    // The router learns of it with its next call, which may be later than all of the above.
    await until(
      async () => /ai1net_rpc_endpoint\{host="127[^}]*state="down"\}/.test(await metricsOf(rig)),
      "the endpoint is shown as down",
    );
  });

  it("still owes all of it after a crash in the outage", async () => {
    await rig.kill();
    await assert.rejects(rig.start(), /could not start/u, "it can't compare its journal with the chain");
    isAway = false;
    await rig.start();
  });

  it("settles everything once the chain is back, and serves again", async () => {
    await untilAllSettled(rig);
    assert.equal((await ask(DEAR)).status, 200);
    await untilAllSettled(rig);
    const receipts = await receiptsOf(rig, accountId, key);
    assert.equal(receipts.length, 13);
    const account = await rig.anvil.contracts("admin").escrow.account(accountId);
    const spentWei = receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
    assert.equal(account.nextSeq, 13n);
    const backWei = await rebatesWei(rig.anvil.contracts("admin").ledger, rig.anvil.identity.operatorId);
    assert.equal(account.balance + account.credits, initialWei - spentWei + backWei);
  });
});
