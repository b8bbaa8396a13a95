import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import OpenAI from "openai";

import {
  checkedFetch,
  requestHash,
  type Evidence,
  type Network,
  type ReceiptJson,
  ReceiptViolation,
} from "../../client/index.ts";
import { receiptSigner } from "../../router/adapters/signer/receiptSigner.ts";
import { contentHash } from "../../router/model/commitment.ts";
import type { Receipt } from "../../router/model/receipt.ts";
import { answerHash } from "../../router/request/answer.ts";
import { receiptJson } from "../../router/request/receiptJson.ts";
import { registryClient } from "../fakes/registryClient.ts";

const LEDGER = `0x${"1e".repeat(20)}` as const;
const NOBODY = `0x${"00".repeat(20)}` as const;
const NONCE = `0x${"AB".repeat(32)}` as const;
const SIGNER = receiptSigner(`0x${"5a".repeat(32)}`, { chainId: 31_337, verifyingContract: LEDGER });
const CHEAT = receiptSigner(`0x${"5b".repeat(32)}`, { chainId: 31_337, verifyingContract: LEDGER });
const PRICES = { 7: { inputPrice: 10n, outputPrice: 30n, requestPrice: 7n } };
const PRICE = 10n * 10n + 5n * 30n + 7n;

interface Cheats {
  readonly receipt?: Partial<Receipt>;
  readonly signer?: typeof SIGNER;
  readonly costWei?: bigint;
  readonly content?: string;
  readonly none?: boolean;
  readonly appFee?: string;
}

/** A router that answers every chat with "Hello!", and cheats as it is told. */
async function startRouter(test: TestContext) {
  let cheats: Cheats = {};
  let seq = 0;
  const server = createServer((req, res) => {
    void (async () => {
      const body = JSON.parse(Buffer.concat(await Array.fromAsync(req as AsyncIterable<Buffer>)).toString());
      const isPaidByWallet = req.headers["payment-signature"] !== undefined;
      const receipt: Receipt = {
        operatorId: 3,
        accountId: 11,
        seq: seq++,
        offerId: 7,
        appId: 0,
        inputUnits: 10,
        outputUnits: 5,
        timing: 100,
        amountWei: PRICE,
        requestHash: isPaidByWallet ? contentHash({ body, payment: NONCE.toLowerCase() }) : contentHash(body),
        responseHash: answerHash([
          { index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop" },
        ]),
        servedAtSec: 1_900_000_000,
        ...cheats.receipt,
      };
      const shown: ReceiptJson = receiptJson((cheats.signer ?? SIGNER).sign(receipt));
      const costWei = (cheats.costWei ?? receipt.amountWei).toString();
      const bill = {
        usage: { cost_wei: costWei, ...(cheats.appFee !== undefined && { app_fee: cheats.appFee }) },
        ...(cheats.none !== true && { receipt: shown }),
      };
      const content = cheats.content ?? "Hello!";
      if (body.stream === true) {
        res.writeHead(200, { "content-type": "text/event-stream" });
        const events = [
          { choices: [{ index: 0, delta: { role: "assistant", content: content.slice(0, 3) } }] },
          { choices: [{ index: 0, delta: { content: content.slice(3) }, finish_reason: "stop" }] },
          { choices: [], ...bill },
        ];
        const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
        // In pieces that end anywhere.
        for (let at = 0; at < text.length; at += 50) res.write(text.slice(at, at + 50));
        res.end("data: [DONE]\n\n");
        return;
      }
      res.setHeader("content-type", "application/json");
      const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
      res.end(JSON.stringify({ id: "gen-1", choices, ...bill }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const routerUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const network: Network = {
    routerUrl,
    chainId: 31_337,
    operatorId: 3,
    payee: NOBODY,
    contracts: {
      ledger: LEDGER,
      registry: NOBODY,
      escrow: NOBODY,
      token: NOBODY,
      disputes: NOBODY,
      challenges: NOBODY,
    },
  };
  const chain = registryClient({ operatorId: 3, receiptKey: SIGNER.address, prices: PRICES });
  const evidence: Evidence[] = [];
  const fetch = checkedFetch(chain, network, { keep: (one) => evidence.push(one) });
  const openai = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey: "x", maxRetries: 0, fetch });
  const messages = [{ role: "user" as const, content: "Hi" }];
  const ask = async (stream: boolean): Promise<string> => {
    if (!stream) {
      const answer = await openai.chat.completions.create({ model: "m", messages });
      return answer.choices[0]?.message.content ?? "";
    }
    let text = "";
    for await (const chunk of await openai.chat.completions.create({ model: "m", messages, stream }))
      text += chunk.choices[0]?.delta.content ?? "";
    return text;
  };
  return {
    routerUrl,
    chain,
    evidence,
    fetch,
    ask,
    cheat: (how: Cheats) => {
      cheats = how;
    },
    again: () => {
      seq--;
    },
  };
}

/** The violation behind what a client throws. */
function violationOf(error: unknown): ReceiptViolation {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof ReceiptViolation) return cause;
  throw error;
}

async function violation(asking: Promise<unknown>): Promise<ReceiptViolation> {
  try {
    await asking;
  } catch (error) {
    return violationOf(error);
  }
  return assert.fail("nothing was noticed");
}

describe("a fetch that checks receipts", () => {
  it("passes honest answers on, streamed and whole, and keeps their receipts", async (t) => {
    const { ask, evidence, chain } = await startRouter(t);
    for (const stream of [false, true]) assert.equal(await ask(stream), "Hello!");
    assert.deepEqual(
      evidence.map(({ receipt, chargedWei }) => [receipt.seq, chargedWei]),
      [
        [0, PRICE],
        [1, PRICE],
      ],
    );
    assert.equal(chain.calls(), 2, "what never changes is asked for once");
  });

  const cheats: readonly (readonly [string, Cheats, ReceiptViolation["kind"]])[] = [
    ["an answer without a receipt", { none: true }, "missing"],
    ["another's signature", { signer: CHEAT }, "signature"],
    ["another operator's receipt", { receipt: { operatorId: 4 } }, "signature"],
    ["a price above the list", { receipt: { amountWei: PRICE + 1n } }, "price"],
    ["a price below the list", { receipt: { amountWei: PRICE - 1n } }, "price"],
    ["an offer that is none", { receipt: { offerId: 8 } }, "price"],
    ["a charge above the receipt", { costWei: PRICE + 1n }, "charge"],
    ["a receipt of another request", { receipt: { requestHash: requestHash({}) } }, "request"],
    ["another answer than was signed", { content: "Hullo!" }, "response"],
    ["a failed attempt that is charged", { receipt: { timing: 0, inputUnits: 0 } }, "price"],
  ];
  for (const [name, how, kind] of cheats)
    it(`notices ${name}`, async (t) => {
      const { ask, cheat } = await startRouter(t);
      cheat(how);
      for (const stream of [false, true]) assert.equal((await violation(ask(stream))).kind, kind);
    });

  it("notices two receipts for one number, and keeps both", async (t) => {
    const { ask, cheat, again } = await startRouter(t);
    await ask(false);
    again();
    cheat({ receipt: { outputUnits: 6, amountWei: PRICE + 30n } });
    const found = await violation(ask(false));
    assert.equal(found.kind, "equivocation");
    assert.equal(new Set(found.evidence.map(({ signature }) => signature)).size, 2);
    assert.equal(new Set(found.evidence.map(({ receipt }) => receipt.seq)).size, 1);
  });

  it("holds a wallet's payment to what was authorized, and the receipt to its nonce", async (t) => {
    const { routerUrl, fetch, evidence, cheat } = await startRouter(t);
    const pay = (valueWei: bigint) => {
      const payload = { authorization: { nonce: NONCE, value: valueWei.toString() } };
      return fetch(`${routerUrl}/v1/chat/completions`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "payment-signature": btoa(JSON.stringify({ payload })),
        },
        body: JSON.stringify({ model: "m" }),
      });
    };
    assert.equal((await pay(PRICE)).status, 200);
    assert.equal(evidence[0]?.authorizedWei, PRICE);
    assert.equal((await violation(pay(PRICE - 1n))).kind, "ceiling");
    cheat({ appFee: "0.000000000000000001" });
    assert.equal((await violation(pay(PRICE))).kind, "ceiling");
    cheat({ receipt: { requestHash: contentHash({ model: "m" }) } });
    assert.equal((await violation(pay(PRICE))).kind, "request");
  });
});
