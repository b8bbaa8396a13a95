/** The whole economy once more, with `DATABASE_URL`: receipts are numbered and kept by a real PostgreSQL. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";

import { startPostgres, type TestPostgres } from "../fakes/postgres.ts";
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

const REQUESTS = 30;

async function ask(client: OpenAI, i: number): Promise<ShownReceipt> {
  const messages = [{ role: "user" as const, content: `What is ${i} * 7?` }];
  const answer = await client.chat.completions.create({ model: "ai1net/solver", messages, max_tokens: 24 });
  return (answer as unknown as { receipt: ShownReceipt }).receipt;
}

describe("the economy on PostgreSQL", () => {
  let postgres: TestPostgres;
  let economy: TestEconomy;

  before(async () => {
    postgres = await startPostgres();
    economy = await startEconomy(23_080, { DATABASE_URL: await postgres.database() });
  });
  after(async () => {
    await economy.stop();
    await postgres.stop();
  });

  it("serves, survives a SIGKILL and settles to the wei", { timeout: 120_000 }, async () => {
    const { network, dataDir, contracts } = economy;
    const { demo, routerUrl } = network;
    const initialWei = (await contracts.escrow.account(demo.accountId)).balance;
    const client = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey: demo.apiKey });
    const shown = await Promise.all(Array.from({ length: REQUESTS }, (_, i) => ask(client, i)));
    assert.ok(!existsSync(path.join(dataDir, "router", "journal")), "no journal file");

    const killed = economy.routerPid();
    const cut = Promise.allSettled(Array.from({ length: 10 }, (_, i) => ask(client, i)));
    await sleep(20);
    process.kill(killed, "SIGKILL");
    await untilReadyAgain(economy, killed);
    await cut;
    shown.push(await ask(client, 99));

    await untilSettled(economy);
    const receipts = await allReceipts(economy);
    const byId = new Map(receipts.map((receipt) => [receipt.id, receipt]));
    for (const { id, signature } of shown) assert.equal(byId.get(id)?.signature, signature, `receipt ${id}`);
    const spentWei = receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
    const account = await contracts.escrow.account(demo.accountId);
    const backWei = await rebatesWei(contracts.ledger, economy.network.operatorId);
    assert.deepEqual(
      [account.nextSeq, account.balance + account.credits],
      [BigInt(receipts.length), initialWei - spentWei + backWei],
    );
    const report = await auditJson(economy);
    assert.deepEqual([report.code, report.rows, report.mismatches], [0, receipts.length, 0]);
  });
});
