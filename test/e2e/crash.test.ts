import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";

import {
  allReceipts,
  auditJson,
  startEconomy,
  untilReadyAgain,
  untilSettled,
  type ShownReceipt,
  type TestEconomy,
} from "./fixtures/economy.ts";
import { rebatesWei } from "./fixtures/rebates.ts";

const STREAMS = 50;

/** Streams one answer; the receipt if its last event arrived, undefined if the connection broke before. */
async function stream(client: OpenAI, i: number): Promise<ShownReceipt | undefined> {
  let receipt: ShownReceipt | undefined;
  try {
    const chunks = await client.chat.completions.create({
      model: i % 2 === 0 ? "ai1net/storyteller" : "ai1net/solver",
      // Short ones end before the kill, long ones are cut.
      max_tokens: i % 3 === 0 ? 12 : 200,
      stream: true,
      messages: [{ role: "user", content: i % 2 === 0 ? `Tell me story ${i}` : `What is ${i} + 1?` }],
    });
    for await (const chunk of chunks)
      receipt = (chunk as unknown as { receipt?: ShownReceipt }).receipt ?? receipt;
  } catch {
    // The router was killed.
  }
  return receipt;
}

describe("the router, killed with SIGKILL in the middle of 50 streams", () => {
  let economy: TestEconomy;
  let initialWei = 0n;
  let acknowledged: ShownReceipt[] = [];
  let receipts: ShownReceipt[] = [];

  before(async () => {
    economy = await startEconomy(22_080);
    initialWei = (await economy.contracts.escrow.account(economy.network.demo.accountId)).balance;
  });
  after(() => economy.stop());

  it("starts again with every receipt that it had shown", { timeout: 120_000 }, async () => {
    const { routerUrl, demo } = economy.network;
    const client = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey: demo.apiKey, maxRetries: 0 });
    const streams = Array.from({ length: STREAMS }, (_, i) => stream(client, i));
    await sleep(1_500);
    const killed = economy.routerPid();
    process.kill(killed, "SIGKILL");
    acknowledged = (await Promise.all(streams)).filter((receipt) => receipt !== undefined);
    assert.ok(acknowledged.length > 0, "some streams had ended");
    assert.ok(acknowledged.length < STREAMS, "some streams were cut");

    await untilReadyAgain(economy, killed);
    receipts = await allReceipts(economy);
    const byId = new Map(receipts.map((receipt) => [receipt.id, receipt]));
    for (const { id, signature, fields } of acknowledged) {
      assert.equal(byId.get(id)?.signature, signature, `receipt ${id} is still there`);
      assert.equal(byId.get(id)?.fields.amount, fields.amount);
    }
  });

  it("goes on serving, and numbers on without a gap", { timeout: 60_000 }, async () => {
    const { routerUrl, demo } = economy.network;
    const client = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey: demo.apiKey });
    const receipt = await stream(client, 3);
    assert.equal(receipt?.fields.seq, receipts.length);
  });

  it("charges every receipt once, and nothing else", { timeout: 90_000 }, async () => {
    const now = await untilSettled(economy);
    receipts = await allReceipts(economy);
    const account = await economy.contracts.escrow.account(economy.network.demo.accountId);
    const spentWei = receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
    assert.equal(account.nextSeq, BigInt(receipts.length));
    const backWei = await rebatesWei(economy.contracts.ledger, economy.network.operatorId);
    assert.equal(account.balance + account.credits, initialWei - spentWei + backWei);
    assert.equal(BigInt(now.available_wei), account.balance + account.credits, "no hold survived");

    const report = await auditJson(economy);
    assert.deepEqual([report.code, report.rows, report.mismatches], [0, receipts.length, 0]);
  });
});
