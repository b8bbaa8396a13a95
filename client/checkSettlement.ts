import type { PublicClient } from "viem";
import { ReceiptViolation, type Evidence } from "./evidence.ts";
import type { Network } from "./network.ts";
import { verifyInclusion, type InclusionJson } from "./verifyInclusion.ts";

export interface SettlementCheck {
  readonly batchNo: number;
  readonly amountWei: bigint;
}

const COMMON = [
  "accountId",
  "seq",
  "offerId",
  "appId",
  "inputUnits",
  "outputUnits",
  "timing",
  "amount",
] as const;

/**
 * Compares a kept receipt with the row that was settled for it.
 * @throws {ReceiptViolation} when they differ: with the same proof, {@link challengeRow} has the operator slashed
 */
export async function checkSettlement(
  client: PublicClient,
  network: Network,
  evidence: Evidence,
  inclusion: InclusionJson,
): Promise<SettlementCheck> {
  const row = await verifyInclusion(client, network, inclusion);
  const { receipt } = evidence;
  const differs: string[] = COMMON.filter((field) => BigInt(row[field]) !== BigInt(receipt[field]));
  if (receipt.servedAt < row.servedFrom || receipt.servedAt > row.servedTo) differs.push("servedAt");
  if (differs.length > 0)
    throw new ReceiptViolation("settlement", `settled otherwise than signed: ${differs.join(", ")}`, [
      evidence,
    ]);
  return { batchNo: row.batchNo, amountWei: row.amount };
}
