import type { Account, Chain, Hex, Transport, WalletClient } from "viem";
import { disputesAbi } from "./abi.ts";
import type { Evidence } from "./evidence.ts";
import type { Network } from "./network.ts";
import { rowProof, type InclusionJson } from "./verifyInclusion.ts";

/**
 * Brings a kept receipt before the contracts, with the proof of the row that was settled for it. If they differ, the
 * operator's bond refunds the payer and pays the challenger; if not, the transaction reverts.
 * @returns the transaction's hash
 */
export function challengeRow(
  wallet: WalletClient<Transport, Chain, Account>,
  network: Network,
  { receipt, signature }: Pick<Evidence, "receipt" | "signature">,
  inclusion: InclusionJson,
): Promise<Hex> {
  return wallet.writeContract({
    address: network.contracts.disputes,
    abi: disputesAbi,
    functionName: "challengeRow",
    args: [receipt, signature, rowProof(inclusion)],
  });
}
