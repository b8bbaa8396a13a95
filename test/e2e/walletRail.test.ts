/** Wallets that pay by the request: stock x402 clients, a real chain, a router, and no transaction per request. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { wrapAxiosWithPayment, x402Client } from "@x402/axios";
import { decodePaymentResponseHeader } from "@x402/core/http";
import { create } from "axios";
import OpenAI from "openai";
import { createPublicClient, http, type PublicClient } from "viem";
import { privateKeyToAccount, type PrivateKeyAccount } from "viem/accounts";

import {
  checkedFetch,
  readNetwork,
  sendDeposit,
  signDeposit,
  signIn,
  signerOf,
  termsOf,
  type Evidence,
  type Network,
  type Terms,
} from "../../client/index.ts";
import { compose, type Router } from "../../router/compose.ts";
import { readConfig } from "../../router/config.ts";
import { parseTokens } from "../../router/model/money.ts";
import { DEMO_PROVIDERS } from "../../scripts/demo/providers/catalog.ts";
import { announceEndpoint } from "../../scripts/provider/routerApi.ts";
import { startTestChain, type TestChain } from "../fakes/anvil.ts";
import { fundedWallet } from "../fakes/grants.ts";
import { event, json, openStream, runProvider } from "../fakes/provider.ts";
import { silentLog } from "../fakes/samples.ts";
import { deployTestWallet } from "../fakes/testWallet.ts";
import { payingFetch } from "../fakes/x402.ts";

const MODEL = "ai1net/solver";
const MANY = 1_000;
const AT_ONCE = 16;
const messages = [{ role: "user" as const, content: "Hi" }];
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

describe("the wallet rail", () => {
  let chain: TestChain;
  let router: Router;
  let network: Network;
  let rpc: PublicClient;
  let provider: Awaited<ReturnType<typeof runProvider>>;
  const directory = mkdtempSync(path.join(os.tmpdir(), "ai1net-rail-"));
  const cleanups: (() => unknown)[] = [];

  before(async () => {
    chain = await startTestChain();
    rpc = createPublicClient({ transport: http(chain.rpcUrl) });
    provider = await runProvider(
      { after: (cleanup) => void cleanups.push(cleanup as () => unknown) },
      (res) => {
        const { stream } = JSON.parse(provider.seen.at(-1)?.body || "{}") as { stream?: boolean };
        if (stream !== true) {
          const message = { role: "assistant", content: "Hello!" };
          json(res, 200, { choices: [{ index: 0, message, finish_reason: "stop" }], usage });
          return;
        }
        openStream(res);
        for (const content of ["Hel", "lo!"])
          res.write(event({ choices: [{ index: 0, delta: { role: "assistant", content } }] }));
        res.write(event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
        res.write(event({ choices: [], usage }));
        res.end("data: [DONE]\n\n");
      },
    );
    const { baseUrl } = provider;
    const { operatorId, contracts, providers } = chain.economy;
    router = await compose(
      readConfig({
        AI1NET_PORT: "0",
        AI1NET_DATA_DIR: directory,
        AI1NET_RPC_URL: chain.rpcUrl,
        AI1NET_CHAIN_ID: String(chain.identity.chainId),
        AI1NET_LEDGER: contracts.Ledger,
        AI1NET_OPERATOR_ID: String(operatorId),
        AI1NET_SETTLER_KEY: chain.settlerKey,
        AI1NET_RECEIPT_KEY: chain.wallet("receipts").privateKey,
        AI1NET_ADMIN_TOKEN: "t".repeat(32),
        AI1NET_ALLOW_LOOPBACK: "true",
        AI1NET_SETTLE_MAX_AGE_MS: "3000000",
        AI1NET_POLL_MS: "200",
      }),
      silentLog,
    );
    const { name } = DEMO_PROVIDERS.find(({ model }) => model === MODEL)!;
    const seller = providers.find((each) => each.name === name)!;
    await announceEndpoint(
      {
        economy: { routerUrl: router.url, chainId: chain.identity.chainId, contracts },
        wallet: chain.wallet(`provider/${seller.name}`),
      },
      {
        listingId: seller.listingId,
        baseUrl,
        upstreamModel: "m",
        apiKey: undefined,
        maxOutputUnits: 64,
        contextUnits: 8_000,
      },
    );
    network = await readNetwork(router.url);
  });
  after(async () => {
    await router.stop();
    for (const cleanup of cleanups) cleanup();
    await chain.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** A strict account of a wallet without a coin, by one signature. */
  async function strictAccount(tokens: string): Promise<{ wallet: PrivateKeyAccount; accountId: number }> {
    const wallet = await fundedWallet(chain, parseTokens(tokens));
    const terms = termsOf(wallet.address, { strict: true });
    const { accountId } = await deposit(wallet, terms, tokens);
    return { wallet, accountId };
  }
  const deposit = async (key: PrivateKeyAccount, terms: Terms, tokens: string) =>
    sendDeposit(network, await signDeposit(network, signerOf(key), terms, parseTokens(tokens)));

  const balanceWei = async (accountId: number): Promise<bigint> =>
    (await chain.contracts("admin").escrow.account(accountId)).balance;

  it("is bought from by the stock x402 fetch and a stock OpenAI client, streaming, receipts checked", async () => {
    const { wallet, accountId } = await strictAccount("5");
    const kept: Evidence[] = [];
    const checked = checkedFetch(rpc, network, { keep: (evidence) => kept.push(evidence) });
    const fetch = payingFetch(wallet, [network.contracts.escrow], checked);
    const openai = new OpenAI({ baseURL: `${network.routerUrl}/v1`, apiKey: "none", fetch });
    const { data, response } = await openai.chat.completions
      .create({ model: MODEL, messages, stream: true })
      .withResponse();
    let text = "";
    for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? "";
    assert.equal(text, "Hello!");
    const paid = decodePaymentResponseHeader(response.headers.get("payment-response") ?? "");
    assert.deepEqual([paid.success, paid.payer], [true, wallet.address]);
    const [evidence] = kept;
    assert.equal(evidence?.receipt.accountId, accountId);
    assert.ok(evidence.receipt.amount > 0n && evidence.receipt.amount < (evidence.authorizedWei ?? 0n));

    const session = await signIn(network, wallet);
    const id = `${accountId}-${evidence.receipt.seq}`;
    const own = await globalThis.fetch(`${network.routerUrl}/v1/receipts/${id}`, {
      headers: { authorization: session.authorization },
    });
    assert.equal(own.status, 200, "a wallet reads its receipts by signing in");
  });

  it("is bought from by the stock x402 axios client", async () => {
    const { wallet } = await strictAccount("5");
    const client = new x402Client().register("eip155:*", new ExactEvmScheme(wallet));
    const api = wrapAxiosWithPayment(create({ baseURL: network.routerUrl }), client);
    const { data, headers } = await api.post<{ choices: { message: { content: string } }[] }>(
      "/v1/chat/completions",
      { model: MODEL, messages },
    );
    assert.equal(data.choices[0]?.message.content, "Hello!");
    const paid = decodePaymentResponseHeader(String(headers["payment-response"]));
    assert.ok(BigInt(paid.amount ?? 0) > 0n);
  });

  it("serves the account of a contract wallet, whose key signs each payment", async () => {
    const key = privateKeyToAccount(`0x${"93".repeat(32)}`);
    const owner = await deployTestWallet(chain, key.address);
    await (await chain.contracts("admin").token.transfer(owner, parseTokens("5"))).wait();
    const terms: Terms = { owner, signer: key.address, strict: true, maxAppFeePct: 0 };
    const { accountId } = await deposit(key, terms, "5");
    const fetch = payingFetch(key, [network.contracts.escrow]);
    const openai = new OpenAI({ baseURL: `${network.routerUrl}/v1`, apiKey: "none", fetch });
    const answer = await openai.chat.completions.create({ model: MODEL, messages });
    assert.equal(answer.choices[0]?.message.content, "Hello!");
    const session = await signIn(network, key, { address: owner });
    const accounts = await globalThis.fetch(`${network.routerUrl}/v1/accounts`, {
      headers: { authorization: session.authorization },
    });
    const { data } = (await accounts.json()) as { data: { account_id: number }[] };
    assert.deepEqual(
      data.map(({ account_id }) => account_id),
      [accountId],
    );
  });

  it(
    `settles ${MANY} paid requests in one batch: one transaction, balances to the wei`,
    { timeout: 240_000 },
    async () => {
      const { wallet, accountId } = await strictAccount("100");
      const settler = (await chain.open()).settler;
      const { ledger } = chain.contracts("admin");
      const { operatorId } = chain.economy;
      const held = {
        nonce: await rpc.getTransactionCount({ address: settler }),
        batchNo: await ledger.nextBatchNo(operatorId),
        balanceWei: await balanceWei(accountId),
      };
      const pay = payingFetch(wallet, [network.contracts.escrow]);
      let spentWei = 0n;
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next++ < MANY) {
          const response = await pay(`${network.routerUrl}/v1/chat/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: MODEL, messages, max_tokens: 8 }),
          });
          assert.equal(response.status, 200, response.status === 200 ? "" : await response.text());
          const { usage: used } = (await response.json()) as { usage: { cost_wei: string } };
          spentWei += BigInt(used.cost_wei);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      assert.equal(await rpc.getTransactionCount({ address: settler }), held.nonce, "not one so far");

      await router.stop();
      assert.equal(await ledger.nextBatchNo(operatorId), held.batchNo + 1n);
      assert.equal(await rpc.getTransactionCount({ address: settler }), held.nonce + 1);
      assert.equal(held.balanceWei - (await balanceWei(accountId)), spentWei);
      const account = await chain.contracts("admin").escrow.account(accountId);
      assert.equal(account.nextSeq, BigInt(MANY));
    },
  );
});
