import { encodeFunctionData, parseAbi, type Hex } from "viem";

import type { ExitDesk } from "../../ports.ts";
import { escrowAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";

/** What an owner sends by itself to leave; a test compares it with what was compiled. */
export const exitAbi = parseAbi([
  "function exitNotice() view returns (uint32)",
  "function requestExit(uint32 accountId, uint96 amount)",
  "function cancelExit(uint32 accountId)",
  "function withdraw(uint32 accountId, address to) returns (uint96)",
]);

/** Reads how far exits are, and writes the calls that only the owner may make. */
export function exitDesk(client: Client, { escrow }: Contracts): ExitDesk {
  const call = (data: Hex) => ({ to: escrow, data });
  return {
    status: async (accountId) => {
      const [exit, noticeSec, block] = await Promise.all([
        client.readContract({
          address: escrow,
          abi: escrowAbi,
          functionName: "exitOf",
          args: [accountId],
        }),
        client.readContract({ address: escrow, abi: exitAbi, functionName: "exitNotice" }),
        client.getBlock({ blockTag: "latest" }),
      ]);
      const readyAtSec = exit.readyAt === 0 ? undefined : exit.readyAt;
      return { amountWei: exit.amount, readyAtSec, noticeSec, nowSec: Number(block.timestamp) };
    },
    request: (accountId, amountWei) =>
      call(encodeFunctionData({ abi: exitAbi, functionName: "requestExit", args: [accountId, amountWei] })),
    cancel: (accountId) =>
      call(encodeFunctionData({ abi: exitAbi, functionName: "cancelExit", args: [accountId] })),
    withdraw: (accountId, to) =>
      call(encodeFunctionData({ abi: exitAbi, functionName: "withdraw", args: [accountId, to] })),
  };
}
