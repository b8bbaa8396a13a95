import type { Hex, PublicClient } from "viem";
import { ledgerAbi } from "./abi.ts";
import type { Network } from "./network.ts";

/** `GET /v1/receipts/:id/proof` */
export interface InclusionJson {
  readonly batch_no: number;
  readonly proof: {
    readonly operatorId: number;
    readonly header: Hex;
    readonly group: Hex;
    readonly startSeq: number;
    readonly shortfall: string;
    readonly rowIndex: number;
    readonly siblings: readonly Hex[];
  };
}

/** What the Ledger takes. */
export function rowProof({ proof }: InclusionJson) {
  const { operatorId, header, group, startSeq, shortfall, rowIndex, siblings } = proof;
  return { operatorId, header, group, startSeq, shortfall: BigInt(shortfall), rowIndex, siblings };
}

/**
 * Has the Ledger itself check that a row was settled, and returns it as it was priced on chain.
 * @throws viem's contract error when the Ledger knows of no such row
 */
export function verifyInclusion(client: PublicClient, network: Network, inclusion: InclusionJson) {
  return client.readContract({
    address: network.contracts.ledger,
    abi: ledgerAbi,
    functionName: "proveRow",
    args: [rowProof(inclusion)],
  });
}
