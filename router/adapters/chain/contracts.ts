import { createPublicClient, http, type Hex, type PublicClient } from "viem";

import { escrowAbi, ledgerAbi, registryAbi } from "./abi.ts";

/** A deployment: what stands behind a Ledger. */
export interface Contracts {
  readonly ledger: Hex;
  readonly registry: Hex;
  readonly escrow: Hex;
  readonly token: Hex;
  /** Seconds after its retirement for which an offer still prices what it served. */
  readonly graceSec: number;
}

export type Client = PublicClient;

const TIMEOUT_MS = 10_000;
const CALLS_AT_ONCE = 200;

/** Calls made in one tick go in one HTTP request. Nothing is cached: a block number is what it is now. */
export function rpcClient(rpcUrl: string): Client {
  return createPublicClient({
    transport: http(rpcUrl, {
      batch: { batchSize: CALLS_AT_ONCE, wait: 0 },
      timeout: TIMEOUT_MS,
      retryCount: 2,
    }),
    cacheTime: 0,
  });
}

/** The configuration and the chain do not fit each other. */
export class WrongChain extends Error {
  override readonly name = "WrongChain";
}

/** Finds a Ledger's contracts. @throws {WrongChain} when the RPC is another chain's, or there is no Ledger */
export async function findContracts(client: Client, ledger: Hex, chainId: number): Promise<Contracts> {
  const actual = await client.getChainId();
  if (actual !== chainId) throw new WrongChain(`the RPC is of chain ${actual}, expected ${chainId}`);
  const code = await client.getCode({ address: ledger });
  if (code === undefined) throw new WrongChain(`there is no contract at ${ledger} on chain ${chainId}`);
  const [registry, escrow] = await Promise.all([
    client.readContract({ address: ledger, abi: ledgerAbi, functionName: "registry" }),
    client.readContract({ address: ledger, abi: ledgerAbi, functionName: "escrow" }),
  ]);
  const [token, graceSec] = await Promise.all([
    client.readContract({ address: escrow, abi: escrowAbi, functionName: "token" }),
    client.readContract({ address: registry, abi: registryAbi, functionName: "grace" }),
  ]);
  return { ledger, registry, escrow, token, graceSec };
}
