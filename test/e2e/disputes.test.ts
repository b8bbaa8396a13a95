/** A router that settles something else than it signed is undone by its own proof. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { encodeBatch, type Row } from "../../router/model/batch.ts";
import type { Receipt } from "../../router/model/receipt.ts";
import { receiptJson } from "../../router/request/receiptJson.ts";
import { rowProver } from "../../router/settlement/prove.ts";
import { mined } from "../../scripts/mined.ts";
import { startTestChain, type TestChain } from "../fakes/anvil.ts";
import { storedBatch } from "../fakes/storedBatch.ts";

const PROVIDER_CLI = fileURLToPath(new URL("../../scripts/provider/main.ts", import.meta.url));
const AUDITOR = fileURLToPath(new URL("../../scripts/audit/main.ts", import.meta.url));
/** `IEscrow.Earner.Provider`. */
const PROVIDER = 0;
/** `IDisputes.Claim.Refund`. */
const REFUND = 0;
const SINK = "0x000000000000000000000000000000000000dEaD";

interface Audited {
  readonly code: number;
  readonly slashedWei: string;
  readonly refundedWei: string;
  readonly compensatedWei: string;
  readonly details: readonly unknown[];
}

describe("a cheating router", () => {
  let anvil: TestChain;
  before(async () => {
    anvil = await startTestChain();
  });
  after(() => anvil.stop());

  async function audit(): Promise<Audited> {
    return new Promise((resolve) => {
      const args = [AUDITOR, "--rpc", anvil.rpcUrl, "--ledger", anvil.identity.ledger, "--json"];
      execFile(process.execPath, args, (error, stdout) => {
        resolve({
          code: error ? Number(error.code ?? -1) : 0,
          ...(JSON.parse(stdout) as Omit<Audited, "code">),
        });
      });
    });
  }

  it("is slashed with its own proof, the payer refunded, and the auditor follows every wei", async () => {
    const { operatorId } = anvil.identity;
    const { token, registry, escrow, ledger } = anvil.contracts("settler");
    const { disputes } = anvil.contracts("payer");
    const { offerId } = anvil.economy.providers[0]!;
    const { accountId } = anvil.economy;
    const offer = await registry.offer(offerId);
    const startSeq = Number((await escrow.account(accountId)).nextSeq);
    const block = (await anvil.call("eth_getBlockByNumber", "latest", false)) as { timestamp: string };
    const servedAtSec = Number(block.timestamp);

    const signed: Row = { offerId, inputUnits: 1_000, outputUnits: 200, timing: 120 };
    const receipt: Receipt = {
      operatorId,
      accountId,
      seq: startSeq,
      ...signed,
      appId: 0,
      amountWei: 1_000n * offer.inputPrice + 200n * offer.outputPrice + offer.requestPrice,
      requestHash: `0x${"aa".repeat(32)}`,
      responseHash: `0x${"bb".repeat(32)}`,
      servedAtSec,
    };
    const { signature } = anvil.signer.sign(receipt);
    // It signs for 1,000 units and settles 9,000; another row of the batch is honest.
    const groups = [{ accountId, appId: 0, rows: [{ ...signed, inputUnits: 9_000 }, signed] }];
    const batchNo = Number(await ledger.nextBatchNo(operatorId));
    const span = { servedFromSec: servedAtSec, servedToSec: servedAtSec };
    const { bytes } = encodeBatch({ batchNo, ...span, groups });
    await mined(ledger.settle(operatorId, bytes));

    const chain = await anvil.open();
    const stored = storedBatch(batchNo, bytes, [{ accountId, startSeq, count: 2 }]);
    const prove = rowProver(operatorId, { batchOf: async () => stored }, chain);
    const proof = await prove(accountId, receipt.seq);
    assert.ok(proof);

    const held = await positions();
    const { amountWei, servedAtSec: servedAt, ...fields } = receipt;
    await mined(
      disputes.challengeRow({ ...fields, amount: amountWei, servedAt }, signature, {
        ...proof,
        shortfall: proof.shortfallWei,
        siblings: [...proof.siblings],
      }),
    );
    const now = await positions();

    const refund = 8_000n * offer.inputPrice;
    const penalty = await disputes.penalty();
    assert.equal(now.bond - held.bond, -penalty);
    assert.equal(now.challenger - held.challenger, penalty / 2n);
    assert.equal(now.sink - held.sink, penalty / 2n);
    assert.equal(now.balance, held.balance, "the refund waits for the unbonding period");
    assert.equal(await disputes.openClaims(operatorId), refund);

    const [claim] = await disputes.queryFilter(disputes.filters.ClaimRecorded(operatorId, REFUND, accountId));
    await anvil.call("evm_increaseTime", `0x${(2 * Number(await registry.unbondingPeriod())).toString(16)}`);
    await mined(disputes.collect(operatorId, REFUND, accountId, claim!.args.bucket));
    const paid = await positions();
    assert.equal(paid.balance - held.balance, refund);
    assert.equal(paid.bond - held.bond, -(refund + penalty));
    assert.equal(paid.owed - held.owed, refund);
    assert.equal(await disputes.openClaims(operatorId), 0n);

    const { code, ...audited } = await audit();
    assert.deepEqual(audited.details, []);
    assert.equal(code, 0);
    assert.deepEqual(
      [audited.slashedWei, audited.refundedWei, audited.compensatedWei],
      [String(refund + penalty), String(refund), "0"],
    );

    async function positions() {
      return {
        bond: (await registry.operator(operatorId)).bond.bonded,
        balance: (await escrow.account(accountId)).balance,
        challenger: await token.balanceOf(anvil.wallet("payer").address),
        sink: await token.balanceOf(SINK),
        owed: await escrow.owed(),
      };
    }
  });

  it("is slashed for two receipts of one sequence number, and the auditor agrees", async () => {
    const { operatorId } = anvil.identity;
    const { disputes } = anvil.contracts("payer");
    const receipt: Receipt = {
      operatorId,
      accountId: anvil.economy.accountId,
      seq: 1_000,
      offerId: anvil.economy.providers[0]!.offerId,
      appId: 0,
      inputUnits: 0,
      outputUnits: 0,
      timing: 0,
      amountWei: 0n,
      requestHash: `0x${"aa".repeat(32)}`,
      responseHash: `0x${"bb".repeat(32)}`,
      servedAtSec: 1,
    };
    const other: Receipt = { ...receipt, responseHash: `0x${"cc".repeat(32)}` };
    const [a, b] = [receipt, other].map(({ amountWei: amount, servedAtSec: servedAt, ...fields }) => ({
      ...fields,
      amount,
      servedAt,
    }));
    assert.ok(a && b);
    await mined(
      disputes.challengeEquivocation(
        a,
        anvil.signer.sign(receipt).signature,
        b,
        anvil.signer.sign(other).signature,
      ),
    );
    const { code, details } = await audit();
    assert.deepEqual(details, []);
    assert.equal(code, 0);
  });

  it("that settles nothing is done without: its provider settles its own receipts, and the auditor agrees", async () => {
    const { operatorId } = anvil.identity;
    const { escrow, registry, disputes } = anvil.contracts("payer");
    const { offerId, providerId } = anvil.economy.providers[0]!;
    const offer = await registry.offer(offerId);
    const accountId = await anvil.account(10n ** 18n, 7);
    const receipts = await Promise.all(
      [0, 1].map(async (seq) => {
        const receipt: Receipt = {
          operatorId,
          accountId,
          seq,
          offerId,
          appId: 0,
          inputUnits: 1_000,
          outputUnits: 200,
          timing: 120,
          amountWei: 1_000n * offer.inputPrice + 200n * offer.outputPrice + offer.requestPrice,
          requestHash: `0x${"aa".repeat(32)}`,
          responseHash: `0x${"bb".repeat(32)}`,
          servedAtSec: await nowSec(),
        };
        return { receipt, signature: anvil.signer.sign(receipt).signature };
      }),
    );
    const directory = mkdtempSync(path.join(os.tmpdir(), "ai1net-disputes-"));
    try {
      writeEconomyFile(directory);
      const file = path.join(directory, "receipts.jsonl");
      writeFileSync(file, receipts.map((signed) => JSON.stringify(receiptJson(signed))).join("\n"));

      assert.match(await selfSettle(directory, file, "--yes"), /the router has until[^]*0 of 2 receipts/u);
      await pass(Number(await disputes.settleWindow()) + 2);
      assert.match(await selfSettle(directory, file), /2 of 2 receipts[^]*nothing was sent/u);
      const pending = await escrow.pending(PROVIDER, providerId);
      assert.match(await selfSettle(directory, file, "--yes"), /2 of 2 settled/u);

      const amount = receipts[0]!.receipt.amountWei;
      assert.equal((await escrow.account(accountId)).balance, 10n ** 18n - 2n * amount);
      const fee = await anvil.contracts("payer").ledger.protocolFeeBps(await nowSec());
      const net = amount - (amount * fee) / 10_000n;
      assert.equal((await escrow.pending(PROVIDER, providerId)) - pending, 2n * net);
      assert.match(await selfSettle(directory, file, "--yes"), /self-settled before[^]*0 of 2 receipts/u);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }

    // The router comes after all: the same rows, charged once.
    const { ledger } = anvil.contracts("settler");
    const rows = receipts.map(({ receipt }) => receipt);
    const balance = (await escrow.account(accountId)).balance;
    const servedAt = await nowSec();
    const { bytes } = encodeBatch({
      batchNo: Number(await ledger.nextBatchNo(operatorId)),
      servedFromSec: Math.min(...rows.map(({ servedAtSec }) => servedAtSec)),
      servedToSec: servedAt,
      groups: [{ accountId, appId: 0, rows }],
    });
    await mined(ledger.settle(operatorId, bytes));
    assert.equal((await escrow.account(accountId)).balance, balance);
    assert.equal((await escrow.account(accountId)).nextSeq, 2n);
    const { code, details } = await audit();
    assert.deepEqual(details, []);
    assert.equal(code, 0);
  });

  it("that charges a strict account without its signature pays it back, and the auditor agrees", async () => {
    const { operatorId } = anvil.identity;
    const { token, escrow, disputes } = anvil.contracts("payer");
    const { ledger } = anvil.contracts("settler");
    const { offerId } = anvil.economy.providers[0]!;
    const payer = anvil.economy.payer;
    const terms = { owner: payer, operatorId, signer: payer, strict: true, maxAppFeePct: 0 };
    await mined(escrow.deposit(terms, 10n ** 18n));
    const accountId = Number(await escrow.accountIdOf(terms));
    const batchNo = Number(await ledger.nextBatchNo(operatorId));
    const servedAt = await nowSec();
    const rows: Row[] = [{ offerId, inputUnits: 1_000, outputUnits: 200, timing: 120 }];
    const groups = [{ accountId, appId: 0, rows }];
    const { bytes } = encodeBatch({ batchNo, servedFromSec: servedAt, servedToSec: servedAt, groups });
    await mined(ledger.settle(operatorId, bytes));

    const stored = storedBatch(batchNo, bytes, [{ accountId, startSeq: 0, count: 1 }]);
    const chain = await anvil.open();
    const proof = await rowProver(operatorId, { batchOf: async () => stored }, chain)(accountId, 0);
    assert.ok(proof);
    const challenges = anvil.contracts("payer").challenges;
    await mined(token.approve(anvil.economy.contracts.Challenges, await challenges.deposit()));
    await mined(
      challenges.challengeAuthorization({
        ...proof,
        shortfall: proof.shortfallWei,
        siblings: [...proof.siblings],
      }),
    );
    const held = await token.balanceOf(payer);
    await pass(Number(await escrow.challengeWindow()) + 2);
    await mined(challenges.resolve(accountId, 0));
    const penalty = await disputes.penalty();
    assert.equal((await token.balanceOf(payer)) - held, (await challenges.deposit()) + penalty / 2n);
    const { taken } = await challenges.challenge(accountId, 0);
    assert.equal((await disputes.judgement(operatorId, accountId, 0)).refunded, taken);

    const { code, details } = await audit();
    assert.deepEqual(details, []);
    assert.equal(code, 0);
  });

  async function nowSec(): Promise<number> {
    const block = (await anvil.call("eth_getBlockByNumber", "latest", false)) as { timestamp: string };
    return Number(block.timestamp);
  }

  async function pass(seconds: number): Promise<void> {
    await anvil.call("evm_increaseTime", seconds);
    await anvil.call("evm_mine");
  }

  /** What command lines find the economy by. */
  function writeEconomyFile(directory: string): void {
    const { contracts, operatorId, payer, accountId, treasury } = anvil.economy;
    const demo = { apiKey: "none", payer, accountId, treasury, providers: [] };
    const [chainId, routerUrl] = [anvil.identity.chainId, "http://127.0.0.1:9"];
    const economy = { rpcUrl: anvil.rpcUrl, chainId, routerUrl, operatorId, contracts, demo };
    writeFileSync(path.join(directory, "dev.json"), JSON.stringify(economy));
  }

  async function selfSettle(directory: string, file: string, ...more: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const args = [PROVIDER_CLI, "--data", directory, "self-settle", "--receipts", file, ...more];
      execFile(process.execPath, args, (error, stdout, stderr) => {
        if (error) reject(new Error(stderr, { cause: error }));
        else resolve(stdout);
      });
    });
  }
});
