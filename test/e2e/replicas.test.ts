/** Two router processes on one PostgreSQL: they share accounts, keys, limits and holds; one is killed under load. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { decodePaymentRequiredHeader, encodePaymentSignatureHeader } from "@x402/core/http";
import OpenAI, { APIError } from "openai";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";

import { readNetwork, sendDeposit, signDeposit, signerOf, termsOf } from "../../client/index.ts";
import { parseTokens } from "../../router/model/money.ts";
import { contractsOf } from "../../scripts/deploy/deploy.ts";
import type { Child } from "../../scripts/demo/child.ts";
import { devKeys } from "../../scripts/demo/devKeys.ts";
import { readEconomy } from "../../scripts/demo/economy.ts";
import { startRouter } from "../../scripts/demo/routerProcess.ts";
import { startPostgres, type TestPostgres } from "../fakes/postgres.ts";
import { stockClient } from "../fakes/x402.ts";
import { auditJson, startEconomy, type ShownReceipt, type TestEconomy } from "./fixtures/economy.ts";
import { mostRebateWei } from "./fixtures/rebates.ts";

const PORT = 24_080;
const SECOND_PORT = 24_090;
/** Some eighty requests' worth. */
const DEPOSIT_WEI = 2_000_000_000_000_000n;
const LIMIT = "0.0006";
const SETTLED_MS = 60_000;

interface Payer {
  readonly accountId: number;
  readonly key: string;
}

describe("two routers on one database", () => {
  let postgres: TestPostgres;
  let economy: TestEconomy;
  let second: Child;
  let urls: readonly [string, string];
  let admin: string;
  const shown: ShownReceipt[] = [];

  before(async () => {
    postgres = await startPostgres();
    economy = await startEconomy(PORT, { DATABASE_URL: await postgres.database() });
    const { dataDir, network } = economy;
    const keys = devKeys(dataDir);
    admin = `Bearer ${keys.token("admin")}`;
    const secondDir = path.join(dataDir, "second");
    mkdirSync(path.join(secondDir, "logs"), { recursive: true });
    second = await startRouter({
      dataDir: secondDir,
      port: SECOND_PORT,
      rpcUrl: network.rpcUrl,
      keys,
      economy: readEconomy(path.join(dataDir, "economy.json")),
      track: () => {},
    });
    urls = [network.routerUrl, `http://127.0.0.1:${SECOND_PORT}`];
  });
  after(async () => {
    second.process.kill("SIGKILL");
    await economy.stop();
    await postgres.stop();
  });

  async function makeKey(accountId: number, terms: object = {}): Promise<string> {
    const response = await fetch(`${urls[0]}/v1/keys`, {
      method: "POST",
      headers: { authorization: admin, "content-type": "application/json" },
      body: JSON.stringify({ account_id: accountId, name: "replicas", ...terms }),
    });
    assert.equal(response.status, 201, await response.clone().text());
    const { key } = (await response.json()) as { key: string };
    // The other router hears of it.
    for (const deadline = Date.now() + 10_000; ; await sleep(50)) {
      const other = await fetch(`${urls[1]}/v1/key`, { headers: { authorization: `Bearer ${key}` } });
      if (other.ok) return key;
      assert.ok(Date.now() < deadline, `the second router does not know the key: ${other.status}`);
    }
  }

  /** One request; undefined when there was no money for it. */
  async function ask(url: string, key: string, i: number): Promise<ShownReceipt | undefined> {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    const messages = [{ role: "user" as const, content: `What is ${i} * 7?` }];
    try {
      const answer = await client.chat.completions.create({
        model: "ai1net/solver",
        messages,
        max_tokens: 24,
      });
      const { receipt } = answer as unknown as { receipt: ShownReceipt };
      shown.push(receipt);
      return receipt;
    } catch (error) {
      if (error instanceof APIError && error.status === 402) return undefined;
      throw error;
    }
  }

  async function receiptsOf({ accountId, key }: Payer): Promise<ShownReceipt[]> {
    const receipts: ShownReceipt[] = [];
    for (;;) {
      const response = await fetch(`${urls[0]}/v1/receipts/${accountId}-${receipts.length}`, {
        headers: { authorization: `Bearer ${key}` },
      });
      if (response.status === 404) return receipts;
      assert.equal(response.status, 200);
      receipts.push((await response.json()) as ShownReceipt);
    }
  }

  const spentIn = (receipts: readonly ShownReceipt[]): bigint =>
    receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);

  async function untilSettled({ key }: Payer): Promise<void> {
    for (const deadline = Date.now() + SETTLED_MS; ; await sleep(250)) {
      const response = await fetch(`${urls[0]}/v1/credits`, { headers: { authorization: `Bearer ${key}` } });
      const { data } = (await response.json()) as { data: { held: string; unsettled: string } };
      if (data.held === "0" && data.unsettled === "0") return;
      assert.ok(Date.now() < deadline, `not settled: ${JSON.stringify(data)}`);
    }
  }

  it("spend no more than a key's limit together, and say the same of it", { timeout: 120_000 }, async () => {
    const { accountId } = economy.network.demo;
    const key = await makeKey(accountId, { limit: LIMIT });
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, i) => ask(urls[i % 2] as string, key, i)),
    );
    const served = results.filter((receipt) => receipt !== undefined);
    assert.ok(served.length > 0 && served.length < 60, `${served.length} of 60 were served`);
    const spentWei = spentIn(served);
    assert.ok(spentWei <= 600_000_000_000_000n, `${spentWei} were spent`);
    for (const url of urls) {
      const response = await fetch(`${url}/v1/key`, { headers: { authorization: `Bearer ${key}` } });
      const { data } = (await response.json()) as { data: { usage: string } };
      assert.equal(Math.round(Number(data.usage) * 1e18), Number(spentWei));
    }
  });

  it(
    "serve a wallet's payment once, however it is shown to both at the same time",
    { timeout: 120_000 },
    async () => {
      const network = await readNetwork(urls[0]);
      const wallet = privateKeyToAccount(generatePrivateKey());
      const treasury = devKeys(economy.dataDir).wallet("admin", economy.rpc);
      await (
        await economy.contracts.token.connect(treasury).transfer(wallet.address, parseTokens("5"))
      ).wait();
      const terms = termsOf(wallet.address, { strict: true });
      const deposit = await signDeposit(network, signerOf(wallet), terms, parseTokens("5"));
      const { accountId } = await sendDeposit(network, deposit);
      const client = stockClient(wallet, [network.contracts.escrow]);
      const post = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
        fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify({
            model: "ai1net/solver",
            messages: [{ role: "user", content: "What is 6 * 7?" }],
            max_tokens: 24,
          }),
        });
      const ROUNDS = 10;
      for (let round = 0; round < ROUNDS; round++) {
        const asked = await post(urls[round % 2] as string);
        const required = decodePaymentRequiredHeader(asked.headers.get("payment-required") ?? "");
        const payment = encodePaymentSignatureHeader(await client.createPaymentPayload(required));
        const headers = { "payment-signature": payment };
        const both = await Promise.all(urls.map((url) => post(url, headers)));
        assert.deepEqual(
          both.map(({ status }) => status).toSorted((a, b) => a - b),
          [200, 402],
        );
        const refused = both.find(({ status }) => status === 402);
        assert.ok(refused);
        const { error } = (await refused.json()) as { error: { metadata: { reason: string } } };
        assert.equal(error.metadata.reason, "nonce_used");
        for (const url of urls) assert.equal((await post(url, headers)).status, 402, "nor later");
      }
      const { escrow } = economy.contracts;
      for (const deadline = Date.now() + SETTLED_MS; ; await sleep(250)) {
        if ((await escrow.account(accountId)).nextSeq === BigInt(ROUNDS)) break;
        assert.ok(Date.now() < deadline, "each payment has one row on chain");
      }
    },
  );

  it("survive the SIGKILL of one of them under load", { timeout: 120_000 }, async () => {
    const { accountId } = economy.network.demo;
    const key = await makeKey(accountId);
    const load = Array.from({ length: 40 }, (_, i) => ask(urls[i % 2] as string, key, i));
    await sleep(60);
    process.kill(second.pid, "SIGKILL");
    const results = await Promise.allSettled(load);
    const first = results.filter((_, i) => i % 2 === 0);
    assert.ok(
      first.every(({ status }) => status === "fulfilled"),
      "the one that was left has served on",
    );
    await ask(urls[0], key, 99);
    const payer = { accountId, key: economy.network.demo.apiKey };
    const byId = new Map((await receiptsOf(payer)).map((receipt) => [receipt.id, receipt]));
    for (const { id, signature } of shown) assert.equal(byId.get(id)?.signature, signature, `receipt ${id}`);
    await untilSettled(payer);
  });

  it("race for the last of a deposit and never spend more", { timeout: 240_000 }, async () => {
    const { dataDir, network, rpc } = economy;
    const keys = devKeys(dataDir);
    const secondDir = path.join(dataDir, "second");
    second = await startRouter({
      dataDir: secondDir,
      port: SECOND_PORT,
      rpcUrl: network.rpcUrl,
      keys,
      economy: readEconomy(path.join(dataDir, "economy.json")),
      track: () => {},
    });
    // Another account of the same wallet: its terms differ.
    const wallet = keys.wallet("payer", rpc);
    const { escrow, token } = contractsOf(network.contracts, wallet);
    const { operatorId } = network;
    const terms = {
      owner: wallet.address,
      operatorId,
      signer: wallet.address,
      strict: false,
      maxAppFeePct: 7,
    };
    await (await token.approve(network.contracts.Escrow, DEPOSIT_WEI)).wait();
    await (await escrow.deposit(terms, DEPOSIT_WEI)).wait();
    const accountId = Number(await escrow.accountIdOf(terms));
    const payer = { accountId, key: await makeKey(accountId) };

    let served = 0;
    const spender = async (url: string, n: number): Promise<void> => {
      for (let i = 0, misses = 0; misses < 8; i++) {
        if (await ask(url, payer.key, n * 1_000 + i)) {
          served++;
          misses = 0;
        } else {
          // What others hold may come back.
          misses++;
          await sleep(150);
        }
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => spender(urls[n % 2] as string, n)));
    const receipts = await receiptsOf(payer);
    assert.equal(receipts.length, served);
    const spentWei = spentIn(receipts);
    // What it got back it may spend again.
    const mostBackWei = await mostRebateWei(economy.contracts.ledger, spentWei);
    const mostWei = DEPOSIT_WEI + mostBackWei;
    assert.ok(spentWei > DEPOSIT_WEI / 2n && spentWei <= mostWei, `${spentWei} of ${mostWei}`);

    await untilSettled(payer);
    const account = await escrow.account(accountId);
    assert.equal(account.nextSeq, BigInt(served));
    const backWei = account.balance + account.credits - (DEPOSIT_WEI - spentWei);
    assert.ok(backWei >= 0n && backWei <= mostBackWei, `${backWei} came back, at most ${mostBackWei}`);
    const report = await auditJson(economy);
    assert.deepEqual([report.code, report.mismatches], [0, 0]);
    assert.ok(await second.stop(40_000), "it stops by itself");
  });
});
