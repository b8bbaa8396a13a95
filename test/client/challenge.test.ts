/** A router that settles more than it signed is caught and slashed with nothing but what the client kept. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it, type TestContext } from "node:test";
import OpenAI from "openai";
import { createPublicClient, createWalletClient, defineChain, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";

import {
  challengeRow,
  checkedFetch,
  checkSettlement,
  ReceiptViolation,
  type Evidence,
  type InclusionJson,
  type Network,
  type ReceiptJson,
} from "../../client/index.ts";
import { encodeBatch, type Row } from "../../router/model/batch.ts";
import type { Hex } from "../../router/model/bytes.ts";
import { contentHash } from "../../router/model/commitment.ts";
import type { Receipt } from "../../router/model/receipt.ts";
import { answerHash } from "../../router/request/answer.ts";
import { receiptJson } from "../../router/request/receiptJson.ts";
import { rowProver } from "../../router/settlement/prove.ts";
import { startTestChain, type TestChain } from "../fakes/anvil.ts";
import { storedBatch } from "../fakes/storedBatch.ts";

interface Choice {
  readonly index: number;
  readonly message: { readonly role: "assistant"; readonly content: string };
  readonly finish_reason: "stop";
}

/** A router that answers every chat with "Hello!" and the receipt it is given: at the door, it does not cheat. */
async function startRouter(
  test: TestContext,
  receiptOf: (body: Readonly<Record<string, unknown>>, choices: readonly Choice[]) => ReceiptJson,
): Promise<string> {
  const choices: Choice[] = [
    { index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" },
  ];
  const server = createServer((req, res) => {
    void (async () => {
      const text = Buffer.concat(await Array.fromAsync(req as AsyncIterable<Buffer>)).toString();
      const receipt = receiptOf(JSON.parse(text) as Record<string, unknown>, choices);
      res.setHeader("content-type", "application/json");
      res.end(JSON.stringify({ id: "gen-1", choices, usage: { cost_wei: receipt.fields.amount }, receipt }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("kept receipts against a cheating router", () => {
  let chain: TestChain;
  before(async () => {
    chain = await startTestChain();
  });
  after(() => chain.stop());

  it("show which row was settled otherwise, slash the operator and refund the payer", async (t) => {
    const { operatorId } = chain.identity;
    const { registry, escrow, ledger, token } = chain.contracts("settler");
    const { contracts, accountId, providers } = chain.economy;
    const { offerId } = providers[0]!;
    const offer = await registry.offer(offerId);
    const startSeq = Number((await escrow.account(accountId)).nextSeq);
    const block = (await chain.call("eth_getBlockByNumber", "latest", false)) as { timestamp: string };
    const servedAtSec = Number(block.timestamp);
    const network: Network = {
      routerUrl: "",
      chainId: chain.identity.chainId,
      operatorId,
      payee: `0x${"00".repeat(20)}`,
      contracts: {
        ledger: contracts.Ledger as Hex,
        registry: contracts.Registry as Hex,
        escrow: contracts.Escrow as Hex,
        token: contracts.AI1NET as Hex,
        disputes: contracts.Disputes as Hex,
        challenges: contracts.Challenges as Hex,
      },
    };
    const rpc = createPublicClient({ transport: http(chain.rpcUrl) });

    // Two requests are served and signed; the client's fetch keeps both receipts.
    const signed: Row = { offerId, inputUnits: 100, outputUnits: 20, timing: 120 };
    const amountWei = 100n * offer.inputPrice + 20n * offer.outputPrice + offer.requestPrice;
    let nextSeq = startSeq;
    const routerUrl = await startRouter(t, (body, choices) => {
      const receipt: Receipt = {
        operatorId,
        accountId,
        seq: nextSeq++,
        ...signed,
        appId: 0,
        amountWei,
        requestHash: contentHash(body),
        responseHash: answerHash(choices),
        servedAtSec,
      };
      return receiptJson(chain.signer.sign(receipt));
    });
    const kept: Evidence[] = [];
    const fetch = checkedFetch(rpc, network, { keep: (evidence) => kept.push(evidence) });
    const openai = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey: "x", maxRetries: 0, fetch });
    for (const content of ["Hi", "And you?"]) {
      const messages = [{ role: "user" as const, content }];
      const answer = await openai.chat.completions.create({ model: "m", messages });
      assert.equal(answer.choices[0]?.message.content, "Hello!");
    }
    const [cheated, honest] = kept as [Evidence, Evidence];

    // The router settles the first for ten times as many units.
    const groups = [{ accountId, appId: 0, rows: [{ ...signed, inputUnits: 1_000 }, signed] }];
    const batchNo = Number(await ledger.nextBatchNo(operatorId));
    const { bytes } = encodeBatch({ batchNo, servedFromSec: servedAtSec, servedToSec: servedAtSec, groups });
    await (await ledger.settle(operatorId, bytes)).wait();
    const stored = storedBatch(batchNo, bytes, [{ accountId, startSeq, count: 2 }]);
    const prove = rowProver(operatorId, { batchOf: async () => stored }, await chain.open());
    const inclusionOf = async (seq: number): Promise<InclusionJson> => {
      const proof = await prove(accountId, seq);
      assert.ok(proof);
      return { batch_no: batchNo, proof: { ...proof, shortfall: proof.shortfallWei.toString() } };
    };

    const settled = await checkSettlement(rpc, network, honest, await inclusionOf(startSeq + 1));
    assert.deepEqual(settled, { batchNo, amountWei });
    const inclusion = await inclusionOf(startSeq);
    await assert.rejects(checkSettlement(rpc, network, cheated, inclusion), (error) => {
      assert.ok(error instanceof ReceiptViolation);
      assert.equal(error.kind, "settlement");
      assert.match(error.message, /inputUnits, amount/);
      assert.deepEqual(error.evidence, [cheated]);
      return true;
    });

    const wallet = createWalletClient({
      account: privateKeyToAccount(chain.wallet("payer").privateKey as Hex),
      chain: defineChain({
        id: network.chainId,
        name: "AI1NET",
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
        rpcUrls: { default: { http: [chain.rpcUrl] } },
      }),
      transport: http(chain.rpcUrl),
    });
    await assert.rejects(challengeRow(wallet, network, honest, await inclusionOf(startSeq + 1)));
    const bondWei = (await registry.operator(operatorId)).bond.bonded;
    const tokensWei = await token.balanceOf(chain.economy.payer);
    const hash = await challengeRow(wallet, network, cheated, inclusion);
    assert.equal((await rpc.waitForTransactionReceipt({ hash })).status, "success");
    const refundWei = 900n * offer.inputPrice;
    const { disputes } = chain.contracts("payer");
    assert.equal(await disputes.openClaims(operatorId), refundWei, "the refund is claimed of the bond");
    const penaltyWei = await disputes.penalty();
    assert.equal(bondWei - (await registry.operator(operatorId)).bond.bonded, penaltyWei);
    assert.ok((await token.balanceOf(chain.economy.payer)) > tokensWei, "the challenger is paid");
  });
});
