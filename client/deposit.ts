import type { Hex, PublicClient } from "viem";
import { escrowAbi } from "./abi.ts";
import type { Network } from "./network.ts";
import type { DepositBody } from "./signDeposit.ts";
import type { Terms } from "./terms.ts";

export interface DepositDone {
  readonly accountId: number;
  /** Undefined when the same deposit had been made before. */
  readonly txHash: Hex | undefined;
}

const PATIENCE_MS = 120_000;
const PAUSE_MS = 2_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/**
 * Has the router put a signed deposit through; it pays the gas. Safe to repeat: a deposit is made once.
 * @throws {Error} with the router's reason
 */
export async function sendDeposit({ routerUrl }: Network, body: DepositBody): Promise<DepositDone> {
  for (const deadlineMs = Date.now() + PATIENCE_MS; ; await pause(PAUSE_MS)) {
    const response = await fetch(`${routerUrl}/v1/deposits`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as {
      account_id?: number;
      tx_hash?: Hex;
      error?: { message: string };
    };
    if (answer.account_id !== undefined) return { accountId: answer.account_id, txHash: answer.tx_hash };
    const isPending = response.status === 202 || response.status === 503;
    if (!isPending || Date.now() > deadlineMs)
      throw new Error(
        `the deposit was not made: ${answer.error?.message ?? `transaction ${answer.tx_hash} is not mined yet`}`,
      );
  }
}

/** The account's own address: whatever $AI1NET arrives there belongs to that account, and anyone may sweep it in. */
export function depositAddress(client: PublicClient, network: Network, terms: Terms): Promise<Hex> {
  return client.readContract({
    address: network.contracts.escrow,
    abi: escrowAbi,
    functionName: "depositAddress",
    args: [{ ...terms, operatorId: network.operatorId }],
  });
}
