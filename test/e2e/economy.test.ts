import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { APIError } from "openai";

import {
  allReceipts,
  auditJson,
  credits,
  runScript,
  startEconomy,
  untilSettled,
  type ShownReceipt,
  type TestEconomy,
} from "./fixtures/economy.ts";
import { rebatesWei } from "./fixtures/rebates.ts";

const REQUESTS = 200;
const AT_ONCE = 16;
const EARNER = { provider: 0, operator: 2 } as const;

type Ended =
  | { readonly kind: "served"; readonly receipt: ShownReceipt; readonly cost: string }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "left" };

interface Extras {
  readonly receipt: ShownReceipt;
  readonly usage: { readonly cost_wei: string };
}

const served = (answer: unknown): Ended => {
  const { receipt, usage } = answer as Extras;
  return { kind: "served", receipt, cost: usage.cost_wei };
};

const chat = (client: OpenAI, model: string, content: string, max_tokens = 24) =>
  client.chat.completions.create({ model, max_tokens, messages: [{ role: "user", content }] });

async function streamed(
  client: OpenAI,
  model: string,
  content: string,
  leaveAfter = Infinity,
): Promise<Ended> {
  const stream = await client.chat.completions.create({
    model,
    max_tokens: 24,
    stream: true,
    messages: [{ role: "user", content }],
  });
  let last: unknown;
  let chunks = 0;
  for await (const chunk of stream) {
    last = chunk;
    if (++chunks >= leaveAfter) return { kind: "left" }; // leaving the loop aborts the request
  }
  return served(last);
}

/** One of everything that callers do, in turn. */
async function oneRequest(client: OpenAI, stranger: OpenAI, i: number): Promise<Ended> {
  try {
    switch (i % 10) {
      case 0:
        return served(await chat(client, "ai1net/solver", `What is ${i} * ${i + 1}?`));
      case 1:
        return await streamed(client, "ai1net/storyteller", `Tell me about the garden, part ${i}`);
      case 2:
        return served(
          await chat(client, "ai1net/summarizer", `Rain fell. The river rose by ${i} feet. People left.`),
        );
      case 3:
        return served(
          await client.embeddings.create({ model: "ai1net/embedder", input: [`one ${i}`, "two"] }),
        );
      case 4:
        return await streamed(client, "ai1net/solver", `(${i} + 3) / 7`);
      case 5:
        return await streamed(client, "ai1net/storyteller", "Tell me about the Queen", 4);
      case 6:
        return served(await chat(client, "ai1net/nobody", "hello"));
      case 7:
        return served(await client.chat.completions.create({ model: "ai1net/solver", messages: [] }));
      case 8:
        return served(await chat(stranger, "ai1net/solver", "1 + 1"));
      default:
        return served(await chat(client, "ai1net/storyteller", `Once upon a time ${i}`, 8));
    }
  } catch (error) {
    if (error instanceof APIError && typeof error.status === "number")
      return { kind: "refused", status: error.status };
    throw error;
  }
}

describe("the whole economy", () => {
  let economy: TestEconomy;
  let initialWei = 0n;
  let receipts: ShownReceipt[] = [];
  let ended: Ended[] = [];

  before(async () => {
    economy = await startEconomy(21_080);
    const { escrow } = economy.contracts;
    initialWei = (await escrow.account(economy.network.demo.accountId)).balance;
  });
  after(() => economy.stop());

  it(`serves ${REQUESTS} mixed requests of a stock OpenAI client`, { timeout: 120_000 }, async () => {
    const { routerUrl, demo } = economy.network;
    const client = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey: demo.apiKey });
    const apiKey = `${demo.apiKey.slice(0, -1)}${demo.apiKey.endsWith("A") ? "B" : "A"}`;
    const stranger = new OpenAI({ baseURL: `${routerUrl}/v1`, apiKey });
    let next = 0;
    ended = Array.from({ length: REQUESTS }, (): Ended => ({ kind: "left" }));
    const worker = async (): Promise<void> => {
      for (let i = next++; i < REQUESTS; i = next++) ended[i] = await oneRequest(client, stranger, i);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));

    const statuses = ended.map((end) => (end.kind === "refused" ? end.status : end.kind));
    for (const [kind, status] of [
      [6, 404],
      [7, 400],
      [8, 401],
    ] as const)
      assert.ok(
        statuses.every((each, i) => i % 10 !== kind || each === status),
        `requests of kind ${kind}: ${statuses.filter((_, i) => i % 10 === kind).join(" ")}`,
      );
    for (const kind of [0, 1, 2, 3, 4, 9])
      assert.ok(
        statuses.every((each, i) => i % 10 !== kind || each === "served"),
        `requests of kind ${kind}: ${statuses.filter((_, i) => i % 10 === kind).join(" ")}`,
      );
  });

  it("settles them all: balances agree with the receipts to the wei", { timeout: 90_000 }, async () => {
    const now = await untilSettled(economy);
    receipts = await allReceipts(economy);
    const account = await economy.contracts.escrow.account(economy.network.demo.accountId);
    const spentWei = receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
    assert.ok(spentWei > 0n);
    const { operatorId } = economy.network;
    const backWei = await rebatesWei(economy.contracts.ledger, operatorId);
    assert.ok(backWei > 0n, "payers get a part of the fee back");
    assert.equal(account.balance + account.credits, initialWei - spentWei + backWei);
    assert.equal(account.nextSeq, BigInt(receipts.length));
    assert.equal(BigInt(now.available_wei), account.balance + account.credits, "nothing is held any more");
    assert.deepEqual(
      receipts.map(({ fields }) => fields.seq),
      receipts.map((_, i) => i),
      "numbers without gaps",
    );

    const byId = new Map(receipts.map((receipt) => [receipt.id, receipt]));
    const answers = ended.filter((end) => end.kind === "served");
    for (const { receipt, cost } of answers) {
      assert.equal(byId.get(receipt.id)?.signature, receipt.signature, `receipt ${receipt.id}`);
      assert.equal(receipt.fields.amount, cost);
    }
    assert.equal(new Set(answers.map(({ receipt }) => receipt.id)).size, answers.length, "a number each");
  });

  it("shows any row on chain, by the router's own proof", async () => {
    const { network, contracts } = economy;
    for (const receipt of [receipts[0], receipts.at(-1), receipts[receipts.length >> 1]]) {
      assert.ok(receipt);
      const response = await fetch(`${network.routerUrl}/v1/receipts/${receipt.id}/proof`, {
        headers: { authorization: `Bearer ${network.demo.apiKey}` },
      });
      assert.equal(response.status, 200);
      const { proof } = (await response.json()) as { proof: Parameters<typeof contracts.ledger.proveRow>[0] };
      const row = await contracts.ledger.proveRow(proof);
      assert.equal(row.seq, BigInt(receipt.fields.seq));
      assert.equal(row.amount, BigInt(receipt.fields.amount));
      assert.equal(row.offerId, BigInt(receipt.fields.offerId));
      assert.equal(row.timing, BigInt(receipt.fields.timing));
    }
  });

  it("is recomputed by the auditor from the chain alone", async () => {
    const { code, rows, mismatches, solvent } = await auditJson(economy);
    const expected = { code: 0, rows: receipts.length, mismatches: 0, solvent: true };
    assert.deepEqual({ code, rows, mismatches, solvent }, expected);
  });

  it("answers the program of the README", async () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const program = /```ts\n([\s\S]*?)```/u.exec(readme)?.[1];
    assert.ok(program, "the README has a program");
    const { routerUrl, demo } = economy.network;
    const here = program.replace("http://127.0.0.1:8080", routerUrl);
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module-typescript"], {
      input: here,
      encoding: "utf8",
      cwd: fileURLToPath(new URL("../../", import.meta.url)),
      env: { ...process.env, AI1NET_KEY: demo.apiKey },
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /= 6/u);
    await untilSettled(economy);
    receipts = await allReceipts(economy);
  });

  it(
    "pays providers what was spent, less the fee; not a wei is left over",
    { timeout: 120_000 },
    async () => {
      const { network, dataDir } = economy;
      const { token, escrow, ledger } = economy.contracts;
      const pendingWei = async (): Promise<bigint> => {
        const pending = await Promise.all(
          network.demo.providers.map(({ providerId }) => escrow.pending(EARNER.provider, providerId)),
        );
        return pending.reduce((sum, wei) => sum + wei, 0n);
      };
      for (const deadline = Date.now() + 60_000; (await pendingWei()) > 0n && Date.now() < deadline;)
        await sleep(1_000);

      let claimedWei = 0n;
      for (const { providerId, owner } of network.demo.providers) {
        const beforeWei = await token.balanceOf(owner);
        const args = ["claim", "--json", "--data", dataDir, "--provider", String(providerId)];
        const { code, stdout, stderr } = await runScript("provider/main.ts", ...args);
        assert.equal(code, 0, stderr);
        const [claimed] = JSON.parse(stdout) as { claimedWei: string }[];
        assert.ok(claimed);
        assert.equal((await token.balanceOf(owner)) - beforeWei, BigInt(claimed.claimedWei));
        claimedWei += BigInt(claimed.claimedWei);
      }
      const operator = await escrow.earnings(EARNER.operator, network.operatorId);
      const operatorWei = operator.current + operator.previous + operator.mature + operator.claimed;
      const epochs = new Set<bigint>();
      for (const event of await ledger.queryFilter(ledger.filters.BatchSettled(network.operatorId)))
        epochs.add(await ledger.epochAt((await event.getBlock()).timestamp));
      let poolWei = 0n;
      for (const epoch of epochs) poolWei += await escrow.pool(network.operatorId, epoch);

      const spentWei = receipts.reduce((sum, { fields }) => sum + BigInt(fields.amount), 0n);
      assert.ok(claimedWei > 0n);
      const backWei = await rebatesWei(ledger, network.operatorId);
      assert.equal(claimedWei + operatorWei + poolWei + backWei, spentWei);
      const owedWei = await escrow.owed();
      assert.equal(await token.balanceOf(await escrow.getAddress()), owedWei);
      assert.equal((await credits(economy)).held, "0");
    },
  );
});
