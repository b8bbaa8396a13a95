import { parseEventLogs, type Log } from "viem";

import type { ChainChanges, SettledBatch } from "../../ports.ts";
import { disputesAbi, escrowAbi, ledgerAbi } from "./abi.ts";
import { BlockTrail } from "./blockTrail.ts";
import type { Client, Contracts } from "./contracts.ts";

/** Nodes bound what one call may ask for. */
const BLOCKS_AT_ONCE = 2_000n;
export interface ChangeReader {
  changes(fromBlock: bigint): Promise<ChainChanges>;
}

/** Reads the contracts' logs block range by block range; a reorganization is noticed by {@link BlockTrail}. */
export function changeReader(client: Client, contracts: Contracts, operatorId: number): ChangeReader {
  const trail = new BlockTrail(client);

  const logsOf = async (fromBlock: bigint, toBlock: bigint): Promise<Log[]> => {
    const logs: Log[] = [];
    for (let from = fromBlock; from <= toBlock; from += BLOCKS_AT_ONCE) {
      const to = from + BLOCKS_AT_ONCE - 1n < toBlock ? from + BLOCKS_AT_ONCE - 1n : toBlock;
      const address = [contracts.registry, contracts.escrow, contracts.ledger, contracts.disputes];
      logs.push(...(await client.getLogs({ address, fromBlock: from, toBlock: to })));
    }
    return logs;
  };

  return {
    changes: async (fromBlock) => {
      const { head, step } = await trail.follow(fromBlock);
      const nothing = { accountIds: [], market: false, settled: [] };
      if (step === "reorganized") return { ...nothing, blockNumber: head.number, reorganized: true };
      if (step === "none") return { ...nothing, blockNumber: fromBlock, reorganized: false };
      const logs = await logsOf(fromBlock + 1n, head.number);
      return { ...sort(logs, contracts, operatorId), blockNumber: head.number, reorganized: false };
    },
  };
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

function sort(
  logs: readonly Log[],
  { registry, escrow, ledger, disputes }: Contracts,
  operatorId: number,
): Pick<ChainChanges, "accountIds" | "market" | "settled"> {
  const accountIds = new Set<number>();
  for (const { args } of parseEventLogs({
    abi: escrowAbi,
    logs: logs.filter(({ address }) => same(address, escrow)),
  })) {
    accountIds.add(args.accountId);
  }
  for (const { args } of parseEventLogs({
    abi: disputesAbi,
    logs: logs.filter(({ address }) => same(address, disputes)),
  })) {
    if (args.operatorId === operatorId) accountIds.add(args.accountId);
  }
  const settled: SettledBatch[] = [];
  for (const { eventName, args, transactionHash, blockNumber } of parseEventLogs({
    abi: ledgerAbi,
    logs: logs.filter(({ address }) => same(address, ledger)),
  })) {
    if (eventName !== "BatchSettled" || args.operatorId !== operatorId) continue;
    if (transactionHash === null || blockNumber === null) continue;
    settled.push({
      batchNo: args.batchNo,
      commitment: args.commitment,
      txHash: transactionHash,
      blockNumber,
    });
  }
  return {
    accountIds: [...accountIds],
    market: logs.some(({ address }) => same(address, registry)),
    settled,
  };
}
