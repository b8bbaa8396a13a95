import { createPublicClient, type Hex, type PublicClient, type Transport } from "viem";

import { disputesAbi, escrowAbi, escrowDepositAbi, ledgerAbi, registryAbi, rewardsAbi } from "./abi.ts";

/** A deployment: what stands behind a Ledger. */
export interface Contracts {
  readonly ledger: Hex;
  readonly registry: Hex;
  readonly escrow: Hex;
  readonly token: Hex;
  readonly disputes: Hex;
  readonly challenges: Hex;
  readonly reviews: Hex;
  /** Seconds after its retirement for which an offer still prices what it served. */
  readonly graceSec: number;
  /** Seconds after its service in which a row has to settle. */
  readonly settleWindowSec: number;
  /** Length of a bucket: a row can be challenged until the bucket after its batch's ends, and answered for one more. */
  readonly challengeWindowSec: number;
}

export type Client = PublicClient;

/** Nothing is cached: a block number is what it is now. */
export function rpcClient(transport: Transport): Client {
  return createPublicClient({ transport, cacheTime: 0 });
}

/** Finds a Ledger's contracts. */
export async function findContracts(client: Client, ledger: Hex): Promise<Contracts> {
  const [registry, escrow] = await Promise.all([
    client.readContract({ address: ledger, abi: ledgerAbi, functionName: "registry" }),
    client.readContract({ address: ledger, abi: ledgerAbi, functionName: "escrow" }),
  ]);
  const [token, disputes, rewards, graceSec, challengeWindowSec] = await Promise.all([
    client.readContract({ address: escrow, abi: escrowAbi, functionName: "token" }),
    client.readContract({ address: escrow, abi: escrowDepositAbi, functionName: "disputes" }),
    client.readContract({ address: escrow, abi: escrowDepositAbi, functionName: "rewards" }),
    client.readContract({ address: registry, abi: registryAbi, functionName: "grace" }),
    client.readContract({ address: ledger, abi: ledgerAbi, functionName: "challengeWindow" }),
  ]);
  const [challenges, settleWindowSec, reviews] = await Promise.all([
    client.readContract({ address: disputes, abi: disputesAbi, functionName: "challenges" }),
    client.readContract({ address: disputes, abi: disputesAbi, functionName: "settleWindow" }),
    client.readContract({ address: rewards, abi: rewardsAbi, functionName: "reviews" }),
  ]);
  return {
    ledger,
    registry,
    escrow,
    token,
    disputes,
    challenges,
    reviews,
    graceSec,
    settleWindowSec,
    challengeWindowSec,
  };
}
