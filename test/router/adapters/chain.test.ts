import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";

import {
  toFunctionSelector,
  toEventSelector,
  type Abi,
  type AbiEvent,
  type AbiFunction,
  type AbiParameter,
} from "viem";
import { formatAbiItem } from "viem/utils";

import {
  challengesAbi,
  disputesAbi,
  escrowAbi,
  escrowDepositAbi,
  ledgerAbi,
  registryAbi,
  tokenAbi,
} from "../../../router/adapters/chain/abi.ts";
import { exitAbi } from "../../../router/adapters/chain/exitDesk.ts";
import { decodeBatch, encodeBatch } from "../../../router/model/batch.ts";
import { fromHex, keccak256, toHex, type Hex } from "../../../router/model/bytes.ts";
import { parseTokens } from "../../../router/model/money.ts";
import type { EndpointMessage } from "../../../router/ports.ts";
import { startTestChain, type TestChain } from "../../fakes/anvil.ts";

let chain: TestChain;
before(async () => {
  chain = await startTestChain();
});
after(() => chain.stop());

function compiled(name: string): Abi {
  const file = new URL(`../../../artifacts/contracts/${name}.sol/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { abi: Abi }).abi;
}

/** Its type, through and through. */
function shapeOf(parameter: AbiParameter): unknown {
  const components = "components" in parameter ? parameter.components.map(shapeOf) : [];
  return [parameter.type, components];
}

async function oneRow(batchNo: number, outputUnits = 5): Promise<Hex> {
  const opened = await chain.open();
  const servedAt = await opened.blockTimeSec();
  const { accountId, providers } = chain.economy;
  const row = { offerId: providers[0]!.offerId, inputUnits: 10, outputUnits, timing: 100 };
  return toHex(
    encodeBatch({
      batchNo,
      servedFromSec: servedAt,
      servedToSec: servedAt,
      groups: [{ accountId, appId: 0, rows: [row] }],
    }).bytes,
  );
}

describe("chain adapter", () => {
  it("calls the contracts as they were compiled", () => {
    for (const [name, abi] of [
      ["Ledger", ledgerAbi],
      ["Escrow", escrowAbi],
      ["Registry", registryAbi],
      ["Escrow", escrowDepositAbi],
      ["AI1NET", tokenAbi],
      ["Escrow", exitAbi],
      ["Disputes", disputesAbi],
      ["Challenges", challengesAbi],
    ] as const) {
      const theirs = compiled(name);
      for (const item of abi) {
        const selector = (other: Abi[number]): string | undefined =>
          other.type === "event"
            ? toEventSelector(other)
            : other.type === "function"
              ? toFunctionSelector(other)
              : other.type === "error"
                ? formatAbiItem(other)
                : undefined;
        const match = theirs.find((other) => other.type === item.type && selector(other) === selector(item));
        assert.ok(match, `${name} has no ${item.type} ${"name" in item ? item.name : ""}`);
        if (item.type === "function") {
          const { outputs } = match as AbiFunction;
          assert.deepEqual(outputs.map(shapeOf), item.outputs.map(shapeOf), item.name);
        }
        if (item.type === "event") {
          const indexed = (inputs: AbiEvent["inputs"]): boolean[] =>
            inputs.map((input) => input.indexed === true);
          assert.deepEqual(indexed((match as AbiEvent).inputs), indexed(item.inputs), item.name);
        }
      }
    }
  });

  it("reads operator, market and account as they were set up", async () => {
    const opened = await chain.open();
    assert.equal(opened.contracts.token.toLowerCase(), chain.economy.contracts.AI1NET.toLowerCase());
    assert.equal(opened.contracts.graceSec, 900);
    const operator = await opened.operator();
    assert.equal(operator.receiptKeyKnown, true);
    assert.equal(operator.settlerAllowed, true);
    assert.equal(operator.bondWei, parseTokens("100000"));
    assert.equal(operator.claimedWei, 0n);
    assert.equal(opened.contracts.settleWindowSec, 60);
    assert.ok(operator.settlerGasWei > 0n);
    const market = await opened.market();
    const { providers } = chain.economy;
    assert.equal(market.offers.length, providers.length);
    assert.equal(market.providers.length, providers.length);
    for (const { offerId, listingId, providerId } of providers) {
      const offer = market.offers.find((each) => each.offerId === offerId);
      assert.equal(offer?.listingId, listingId);
      assert.equal(offer.providerId, providerId);
      assert.equal(offer.modelId, market.listings.find((each) => each.listingId === listingId)?.modelId);
    }
    assert.deepEqual(await opened.market(), market);
    const account = await opened.account(chain.economy.accountId);
    assert.equal(account?.balanceWei, parseTokens("1000"));
    assert.equal(account.maxAppFeePct, 20);
    assert.equal(account.strict, false);
    assert.equal(account.owner.toLowerCase(), chain.economy.payer.toLowerCase());
    assert.equal(await opened.account(99), undefined);
  });

  it("refuses another chain's RPC and an address without a Ledger", async () => {
    await assert.rejects(chain.open({ chainId: 5 }), { name: "WrongChain" });
    await assert.rejects(chain.open({ ledger: `0x${"12".repeat(20)}` }), { name: "WrongChain" });
  });

  it("settles, tells what changed, and gives a batch's bytes back", async () => {
    const opened = await chain.open();
    const from = await opened.blockNumber();
    assert.deepEqual((await opened.changes(from)).settled, []);
    const bytes = await oneRow(await opened.nextBatchNo());
    const result = await opened.settle(bytes);
    assert.equal(result.status, "mined");
    const { batchNo } = decodeBatch(fromHex(bytes));
    const changes = await opened.changes(from);
    assert.deepEqual(changes.settled, [await opened.settledBatch(batchNo)]);
    assert.equal(changes.reorganized, false);
    assert.equal(await opened.commitmentOf(batchNo), changes.settled[0]?.commitment);
    assert.equal(await opened.commitmentOf(batchNo + 1), undefined);
    assert.equal(await opened.settledBatch(batchNo + 1), undefined);
    assert.equal(await opened.batchBytes(batchNo), bytes);
    const again = await opened.settle(bytes);
    assert.ok(again.status === "refused");
    assert.match(again.reason, /^Ledger_BadBatchNo\(/);

    const { escrow, token } = chain.contracts("payer");
    const payer = chain.economy.payer;
    const { operatorId } = chain.economy;
    const terms = { owner: payer, operatorId, signer: payer, strict: false, maxAppFeePct: 20 };
    await (await token.approve(chain.economy.contracts.Escrow, 5n)).wait();
    await (await escrow.deposit(terms, 5n)).wait();
    const deposited = await opened.changes(changes.blockNumber);
    assert.deepEqual(deposited.accountIds, [chain.economy.accountId]);
    assert.equal(deposited.market, false);
    const { registry } = chain.contracts("operator");
    await (await registry.registerApp(payer, 100)).wait();
    assert.equal((await opened.changes(deposited.blockNumber)).market, true);
    assert.equal((await opened.market()).apps[0]?.feeBps, 100);
  });

  it("says by which error the Ledger refuses", async () => {
    const opened = await chain.open();
    const batchNo = await opened.nextBatchNo();
    const bytes = await oneRow(batchNo);
    const malformed = await opened.settle(`${bytes}00`);
    assert.ok(malformed.status === "refused");
    assert.match(malformed.reason, /^Ledger_TrailingBytes\(/);
    const stranger = await chain.open({ settlerKey: `0x${"77".repeat(32)}` });
    await chain.call("anvil_setBalance", stranger.settler, "0x56bc75e2d63100000");
    const refused = await stranger.settle(bytes);
    assert.ok(refused.status === "refused");
    assert.match(refused.reason, /^Registry_NotSettler\(/);
    await chain.call("anvil_setBalance", stranger.settler, "0x0");
    assert.equal((await stranger.settle(bytes)).status, "refused");
  });

  it("replaces a transaction that is not mined by a dearer one, also a former process's", async () => {
    await chain.call("evm_setAutomine", false);
    const former = await chain.open({ settleTimeoutMs: 100 });
    const batchNo = await former.nextBatchNo();
    const bytes = await oneRow(batchNo);
    assert.equal((await former.settle(bytes)).status, "unknown");
    const opened = await chain.open({ bumpAfterMs: 150 });
    const settling = opened.settle(bytes);
    await new Promise((resolve) => void setTimeout(resolve, 600));
    const pool = (await chain.call("txpool_status")) as { pending: string };
    assert.equal(Number(pool.pending), 1, "they are replacements of one another");
    await chain.call("evm_mine");
    const result = await settling;
    assert.equal(result.status, "mined");
    await chain.call("evm_setAutomine", true);
    assert.equal(await opened.nextBatchNo(), batchNo + 1);
    const fees = (await chain.call("eth_getTransactionByHash", result.txHash)) as { maxFeePerGas: string };
    assert.ok(Number(fees.maxFeePerGas) > 0);
  });

  it("gives no answer, and does not throw, while the RPC is down", async () => {
    const opened = await chain.open();
    const bytes = await oneRow(await opened.nextBatchNo());
    const original = globalThis.fetch;
    globalThis.fetch = () => Promise.reject(new TypeError("fetch failed"));
    try {
      assert.equal((await opened.settle(bytes)).status, "unknown");
      await assert.rejects(opened.changes(0n));
    } finally {
      globalThis.fetch = original;
    }
    assert.equal((await opened.settle(bytes)).status, "mined");
  });

  it("notices a reorganization", async () => {
    const opened = await chain.open();
    await chain.call("anvil_mine", "0x3");
    const from = (await opened.changes(await opened.blockNumber())).blockNumber;
    await chain.call("anvil_reorg", 2, []);
    await chain.call("evm_mine");
    const changes = await opened.changes(from);
    assert.equal(changes.reorganized, true);
    assert.equal((await opened.changes(changes.blockNumber)).reorganized, false);
  });

  it("tells who signed where a listing is served", async () => {
    const opened = await chain.open();
    const { providers } = chain.economy;
    const [first] = providers;
    const wallet = chain.wallet(`provider/${first!.name}`);
    const message: EndpointMessage = {
      listingId: first!.listingId,
      baseUrl: "https://api.example.com/v1",
      upstreamModel: "m",
      apiKeyHash: toHex(keccak256(new Uint8Array())),
      maxOutputUnits: 4_096,
      contextUnits: 32_768,
      issuedAt: 1_900_000_000,
    };
    const domain = {
      name: "AI1NET Router",
      version: "1",
      chainId: chain.identity.chainId,
      verifyingContract: opened.contracts.registry,
    };
    const types = {
      Endpoint: [
        { name: "listingId", type: "uint32" },
        { name: "baseUrl", type: "string" },
        { name: "upstreamModel", type: "string" },
        { name: "apiKeyHash", type: "bytes32" },
        { name: "maxOutputUnits", type: "uint24" },
        { name: "contextUnits", type: "uint24" },
        { name: "issuedAt", type: "uint40" },
      ],
    };
    const signature = (await wallet.signTypedData(domain, types, message)) as Hex;
    assert.equal(
      (await opened.verifyEndpoint(message, signature))?.toLowerCase(),
      first!.owner.toLowerCase(),
    );
    const other = await opened.verifyEndpoint({ ...message, baseUrl: "https://evil.example/v1" }, signature);
    assert.notEqual(other?.toLowerCase(), first!.owner.toLowerCase());
    assert.equal(await opened.verifyEndpoint(message, "0x1234"), undefined);
  });
});
