import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createPublicClient, custom, encodeFunctionData } from "viem";
import { toHex, uintBytes, type Hex } from "../../../router/model/bytes.ts";
import { ledgerAbi } from "../../../scripts/audit/abi.ts";
import { readSettleCall } from "../../../scripts/audit/settleCall.ts";

const LEDGER: Hex = `0x${"01".repeat(20)}`;
const RELAY: Hex = `0x${"02".repeat(20)}`;
const SETTLER: Hex = `0x${"03".repeat(20)}`;
const TX: Hex = `0x${"11".repeat(32)}`;

const settle = (operatorId: number, batchNo: number): Hex =>
  encodeFunctionData({
    abi: ledgerAbi,
    functionName: "settle",
    args: [operatorId, toHex(new Uint8Array([1, ...uintBytes(batchNo, 4), 9, 9]))],
  });

interface Frame {
  from: Hex;
  to?: Hex;
  input: Hex;
  error?: string;
  calls?: Frame[];
}

async function read(transaction: { to: Hex; input: Hex }, frame?: Frame, batchNo = 7) {
  const request = async ({ method }: { method: string }): Promise<unknown> => {
    if (method === "eth_getTransactionByHash") return { hash: TX, from: SETTLER, ...transaction };
    assert.equal(method, "debug_traceTransaction");
    if (!frame) throw new Error("the method debug_traceTransaction does not exist");
    return frame;
  };
  const client = createPublicClient({ transport: custom({ request }, { retryCount: 0 }) });
  const event = {
    operatorId: 1,
    batchNo,
    commitment: TX,
    rows: 1,
    amount: 0n,
    appFees: 0n,
    protocolFee: 0n,
    shortfall: 0n,
    rebates: 0n,
  };
  const call = await readSettleCall(client, LEDGER, TX, event);
  return "unreadable" in call ? call.unreadable : { ...call, batch: toHex(call.batch) };
}

const found = { caller: RELAY, operatorId: 1, batch: "0x01000000070909" };

describe("reading a settle call", () => {
  it("takes the calldata of a transaction to the Ledger", async () => {
    assert.deepEqual(await read({ to: LEDGER, input: settle(1, 7) }), { ...found, caller: SETTLER });
  });

  it("finds nothing in a transaction that calls something else", async () => {
    assert.match(JSON.stringify(await read({ to: LEDGER, input: "0x12345678" })), /calls no settle\(\)/);
  });

  it("finds the call inside a transaction to another contract", async () => {
    const frame: Frame = {
      from: SETTLER,
      to: RELAY,
      input: "0x",
      calls: [
        { from: RELAY, to: RELAY, input: settle(1, 7) },
        { from: RELAY, to: LEDGER, input: "0x" },
        { from: RELAY, to: LEDGER, input: settle(1, 6) },
        { from: RELAY, to: LEDGER, input: settle(2, 7) },
        { from: RELAY, to: RELAY, input: "0x", calls: [{ from: RELAY, to: LEDGER, input: settle(1, 7) }] },
      ],
    };
    assert.deepEqual(await read({ to: RELAY, input: "0x" }, frame), found);
  });

  it("passes over calls that were reverted, themselves or with their caller", async () => {
    const inner: Frame = { from: RELAY, to: LEDGER, input: settle(1, 7) };
    const frame: Frame = {
      from: SETTLER,
      to: RELAY,
      input: "0x",
      calls: [
        { ...inner, error: "execution reverted" },
        { from: RELAY, to: RELAY, input: "0x", error: "execution reverted", calls: [inner] },
      ],
    };
    assert.match(
      JSON.stringify(await read({ to: RELAY, input: "0x" }, frame)),
      /no inner call that settles it/,
    );
  });

  it("says so when the node does not trace", async () => {
    assert.match(JSON.stringify(await read({ to: RELAY, input: "0x" })), /does not trace it/);
  });
});
