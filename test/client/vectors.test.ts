/** The client computes by itself what it checks; here against the shared vectors and the router's own ways. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { contentHash, parseReceipt, receiptDigest, responseHash, type Network } from "../../client/index.ts";
import { contentHash as routersHash } from "../../router/model/commitment.ts";
import { chat } from "../../router/request/wire/chat.ts";
import { completions } from "../../router/request/wire/completions.ts";
import { embeddings } from "../../router/request/wire/embeddings.ts";
import { receiptVectors } from "../vectors/read.ts";

const NOBODY = `0x${"00".repeat(20)}` as const;

describe("the client's hashes", () => {
  it("give every receipt vector's digest", () => {
    for (const { chainId, verifyingContract, receipts } of receiptVectors().domains) {
      const contracts = {
        ledger: verifyingContract,
        registry: NOBODY,
        escrow: NOBODY,
        token: NOBODY,
        disputes: NOBODY,
        challenges: NOBODY,
      };
      const network: Network = { routerUrl: "", chainId, operatorId: 1, payee: NOBODY, contracts };
      for (const { name, receipt, digest, signature } of receipts) {
        const parsed = parseReceipt({ id: "x", fields: receipt, signature });
        assert.equal(receiptDigest(network, parsed.receipt), digest, name);
      }
    }
  });

  it("refuse what is no receipt", () => {
    const [vector] = receiptVectors().domains[0]!.receipts;
    const good = { fields: vector!.receipt, signature: vector!.signature };
    for (const bad of [
      undefined,
      {},
      { ...good, signature: "0x12" },
      { ...good, fields: { ...good.fields, amount: 5 } },
      { ...good, fields: { ...good.fields, amount: "-5" } },
      { ...good, fields: { ...good.fields, seq: -1 } },
      { ...good, fields: { ...good.fields, requestHash: "0x" } },
    ])
      assert.throws(() => parseReceipt(bad), TypeError);
  });

  it("are the router's: canonical JSON, whatever the order of fields", () => {
    const value = { b: [1, 2.5, "ü", null], a: { z: true, y: "\u2028" } };
    assert.equal(contentHash(value), routersHash({ a: { y: "\u2028", z: true }, b: [1, 2.5, "ü", null] }));
  });

  it("put chats together as the router does: choices, tool calls, parts", () => {
    const events = [
      { choices: [{ index: 1, delta: { role: "assistant", content: "B" } }] },
      { choices: [{ index: 0, delta: { content: "Hel" } }] },
      {
        choices: [
          {
            index: 0,
            delta: {
              content: "lo",
              tool_calls: [{ index: 1, id: "c1", function: { name: "f", arguments: '{"a"' } }],
            },
          },
        ],
      },
      { choices: [{ index: 0, delta: { tool_calls: [{ index: 1, function: { arguments: ":1}" } }] } }] },
      { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
      { choices: [{ index: 1, delta: {}, finish_reason: "stop" }] },
    ];
    const streamed = chat.collect();
    for (const event of events) streamed.take(event);
    assert.equal(responseHash("/v1/chat/completions", events), streamed.hash());
    const whole = {
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: [{ type: "text", text: "x" }] },
          finish_reason: "stop",
        },
      ],
    };
    const collected = chat.collect();
    collected.takeWhole(whole);
    assert.equal(responseHash("/v1/chat/completions", [whole]), collected.hash());
  });

  it("put texts and vectors together as the router does", () => {
    const texts = [
      { choices: [{ index: 0, text: "Once" }] },
      { choices: [{ index: 0, text: " upon", finish_reason: "length" }] },
    ];
    const text = completions.collect();
    for (const event of texts) text.take(event);
    assert.equal(responseHash("/v1/completions", texts), text.hash());
    const body = { data: [{ index: 0, embedding: [0.25, -1e-9] }] };
    const vectors = embeddings.collect();
    vectors.takeWhole(body);
    assert.equal(responseHash("/v1/embeddings", [body]), vectors.hash());
    assert.equal(responseHash("/v1/unknown", [body]), undefined);
  });
});
