import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createPublicClient, custom, encodeEventTopics, numberToHex, RpcRequestError } from "viem";
import type { Hex } from "../../../router/model/bytes.ts";
import { registryAbi } from "../../../scripts/audit/abi.ts";
import { AuditError } from "../../../scripts/audit/auditError.ts";
import type { Deployment } from "../../../scripts/audit/deployment.ts";
import type { AuditEvent } from "../../../scripts/audit/events.ts";
import { readEvents } from "../../../scripts/audit/readEvents.ts";
import { OWNER, RULES } from "../../fakes/auditedWorld.ts";

const DEPLOYMENT: Deployment = {
  chainId: 1,
  ledger: `0x${"01".repeat(20)}`,
  escrow: `0x${"02".repeat(20)}`,
  registry: `0x${"03".repeat(20)}`,
  token: `0x${"04".repeat(20)}`,
  disputes: `0x${"05".repeat(20)}`,
  challenges: `0x${"06".repeat(20)}`,
  rules: RULES,
};

interface Asked {
  readonly from: number;
  readonly to: number;
}

/** An endpoint with a log in every tenth block that refuses ranges of more than `limit` blocks. */
function endpoint(limit: number, asked: Asked[] = []) {
  const log = (blockNumber: number) => ({
    address: DEPLOYMENT.registry,
    blockNumber: numberToHex(blockNumber),
    logIndex: "0x0",
    transactionHash: `0x${"11".repeat(32)}`,
    data: "0x",
    topics: encodeEventTopics({
      abi: registryAbi,
      eventName: "ReceiptKeyAdded",
      args: { operatorId: blockNumber, key: OWNER },
    }),
  });
  const request = async ({ method, params }: { method: string; params?: unknown }): Promise<unknown> => {
    if (method === "eth_getBlockByNumber") {
      const [number] = params as [Hex];
      return { number, timestamp: numberToHex(Number(number) * 12), transactions: [] };
    }
    assert.equal(method, "eth_getLogs");
    const [{ fromBlock, toBlock }] = params as [{ fromBlock: Hex; toBlock: Hex }];
    const [from, to] = [Number(fromBlock), Number(toBlock)];
    if (to - from >= limit)
      throw new RpcRequestError({
        body: {},
        url: "",
        error: { code: -32_005, message: "query returned more than 10000 results" },
      });
    asked.push({ from, to });
    const blocks = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    // Not in order: nothing says that they must be.
    return blocks
      .filter((block) => block % 10 === 0)
      .map(log)
      .toReversed();
  };
  return createPublicClient({ transport: custom({ request }, { retryCount: 0 }) });
}

async function read(client: ReturnType<typeof endpoint>, from: number, to: number): Promise<AuditEvent[]> {
  return Array.fromAsync(readEvents(client, DEPLOYMENT, { from, to }, () => undefined));
}

describe("reading events", () => {
  for (const limit of [1, 7, 100, 1_000_000])
    it(`asks for every block once, in order, ${limit} at a time at the most`, async () => {
      const asked: Asked[] = [];
      const events = await read(endpoint(limit, asked), 5, 1_234);
      assert.deepEqual(
        events.map(({ at }) => at.blockNumber),
        Array.from({ length: 123 }, (_, i) => 10 * (i + 1)),
      );
      assert.equal(asked[0]?.from, 5);
      assert.equal(asked.at(-1)?.to, 1_234);
      asked.slice(1).forEach(({ from }, i) => assert.equal(from, (asked[i]?.to ?? 0) + 1));
    });

  it("knows the time of every block", async () => {
    const events = await read(endpoint(100), 1, 50);
    assert.deepEqual(
      events.map(({ at }) => at.timestampSec),
      [120, 240, 360, 480, 600],
    );
  });

  it("gives up when not even one block can be read", async () => {
    await assert.rejects(read(endpoint(0), 1, 50), (error) => {
      assert.ok(error instanceof AuditError);
      assert.match(error.message, /Cannot read the logs from block 1 on.*more than 10000 results/s);
      return true;
    });
  });

  it("reads nothing of an empty range", async () => {
    assert.deepEqual(await read(endpoint(100), 10, 9), []);
  });
});
