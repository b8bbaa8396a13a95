import { recoverAddress, type PublicClient } from "viem";
import { toHex, type Hex } from "../../router/model/bytes.ts";
import { receiptHasher, receiptId, type SignedReceipt } from "../../router/model/receipt.ts";
import { ledgerAbi, registryAbi } from "./abi.ts";
import { checkStillThere, pinScope, replayChain, type AuditOptions } from "./audit.ts";
import { compareReceipt, hasRow } from "./compareReceipt.ts";
import { compare, type Mismatch, type Report } from "./mismatch.ts";
import type { Replay, SettledGroup } from "./replayBatch.ts";
import { emptyState, keyOf } from "./state.ts";

export interface ReceiptResult {
  readonly id: string;
  /** Whoever signed it. */
  readonly signer: Hex;
  /** Where its row is; undefined while there is none. */
  readonly where: string | undefined;
  readonly details: readonly Mismatch[];
}

/** Checks one receipt: who signed it, and that the chain has just this row. @throws {AuditError} */
export async function checkReceipt(
  client: PublicClient,
  { receipt, signature }: SignedReceipt,
  options: AuditOptions,
): Promise<ReceiptResult> {
  const scope = await pinScope(client, options);
  const { chainId, ledger, registry, rules } = scope.deployment;
  const blockNumber = BigInt(scope.range.to);
  const id = receiptId(receipt);
  const details: Mismatch[] = [];
  const report: Report = (mismatch) => details.push(mismatch);

  const hash = toHex(receiptHasher({ chainId, verifyingContract: ledger })(receipt));
  const signer = await recoverAddress({ hash, signature });
  const operatorOfKey = await client.readContract({
    address: registry,
    abi: registryAbi,
    functionName: "operatorOfReceiptKey",
    args: [signer],
    blockNumber,
  });
  compare(report, "operator of the signing key", `receipt ${id}`, receipt.operatorId, operatorOfKey);

  const state = emptyState();
  const found: SettledGroup[] = [];
  const others: Mismatch[] = [];
  const replay: Replay = {
    state,
    rules,
    report: (mismatch) => others.push(mismatch),
    onGroup: (settled) => {
      if (found.length > 0 || !hasRow(settled, receipt)) return;
      found.push(settled);
      compareReceipt(receipt, settled, state, rules, report);
    },
  };
  await replayChain(client, scope, replay, options.onProgress);
  const [settled] = found;
  if (settled) {
    const { where, operatorId, batch } = settled;
    // A batch that is not what its calldata says proves nothing.
    details.push(...others.filter((mismatch) => mismatch.where === where));
    const stored = await client.readContract({
      address: ledger,
      abi: ledgerAbi,
      functionName: "commitmentOf",
      args: [operatorId, batch.batchNo],
      blockNumber,
    });
    const emitted = state.commitments.get(keyOf(operatorId, batch.batchNo)) ?? "0x";
    compare(report, "stored commitment (I-13)", where, emitted, stored);
  }
  await checkStillThere(client, scope);
  return { id, signer, where: settled?.where, details };
}
