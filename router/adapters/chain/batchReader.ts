import { decodeFunctionData, getAbiItem, type Hex } from "viem";

import type { SettledBatch } from "../../ports.ts";
import { ledgerAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";

const BLOCKS_AT_ONCE = 10_000n;
const NO_COMMITMENT = /^0x0*$/;

const batchSettled = getAbiItem({ abi: ledgerAbi, name: "BatchSettled" });
const shortfallRecorded = getAbiItem({ abi: ledgerAbi, name: "ShortfallRecorded" });

export interface BatchReader {
  nextBatchNo(): Promise<number>;
  commitmentOf(batchNo: number): Promise<Hex | undefined>;
  settledBatch(batchNo: number): Promise<SettledBatch | undefined>;
  batchBytes(batchNo: number): Promise<Hex | undefined>;
  shortfalls(batchNo: number): Promise<readonly { accountId: number; shortfallWei: bigint }[]>;
}

/** What the Ledger has of an operator's batches. */
export function batchReader(client: Client, { ledger }: Contracts, operatorId: number): BatchReader {
  const at = { address: ledger, abi: ledgerAbi } as const;
  const reader: BatchReader = {
    nextBatchNo: () => client.readContract({ ...at, functionName: "nextBatchNo", args: [operatorId] }),
    commitmentOf: async (batchNo) => {
      const commitment = await client.readContract({
        ...at,
        functionName: "commitmentOf",
        args: [operatorId, batchNo],
      });
      return NO_COMMITMENT.test(commitment) ? undefined : commitment;
    },
    settledBatch: async (batchNo) => {
      const head = await client.getBlockNumber();
      // From the newest block down: nobody asks for an old batch often.
      for (let to = head; to >= 0n; to -= BLOCKS_AT_ONCE) {
        const fromBlock = to >= BLOCKS_AT_ONCE ? to - BLOCKS_AT_ONCE + 1n : 0n;
        const [log] = await client.getLogs({
          address: ledger,
          event: batchSettled,
          args: { operatorId, batchNo },
          fromBlock,
          toBlock: to,
          strict: true,
        });
        if (!log) continue;
        const { transactionHash, blockNumber, args } = log;
        return { batchNo, commitment: args.commitment, txHash: transactionHash, blockNumber };
      }
      return undefined;
    },
    batchBytes: async (batchNo) => {
      const settled = await reader.settledBatch(batchNo);
      if (!settled) return undefined;
      const { to, input } = await client.getTransaction({ hash: settled.txHash });
      if (to?.toLowerCase() !== ledger.toLowerCase()) return undefined;
      const { functionName, args } = decodeFunctionData({ abi: ledgerAbi, data: input });
      return functionName === "settle" ? args[1] : undefined;
    },
    shortfalls: async (batchNo) => {
      const settled = await reader.settledBatch(batchNo);
      if (!settled) return [];
      const { blockNumber } = settled;
      const logs = await client.getLogs({
        address: ledger,
        event: shortfallRecorded,
        args: { operatorId, batchNo },
        fromBlock: blockNumber,
        toBlock: blockNumber,
        strict: true,
      });
      return logs.map(({ args }) => ({ accountId: args.accountId, shortfallWei: args.shortfall }));
    },
  };
  return reader;
}
