import { recoverAddress, type Hex, type PublicClient } from "viem";
import { registryAbi } from "./abi.ts";
import { ReceiptViolation } from "./evidence.ts";
import type { Network } from "./network.ts";
import { parseReceipt, receiptDigest, type Receipt } from "./receipt.ts";

export interface VerifiedReceipt {
  readonly receipt: Receipt;
  readonly signature: Hex;
  readonly digest: Hex;
  /** One of the operator's receipt keys: what it signs binds the operator's bond. */
  readonly signedBy: Hex;
}

/** Keys and price lists never change, so each is asked for once. */
const known = new WeakMap<PublicClient, Map<string, Promise<unknown>>>();

function once<T>(client: PublicClient, key: string, read: () => Promise<T>): Promise<T> {
  let asked = known.get(client);
  if (!asked) known.set(client, (asked = new Map()));
  const found = asked.get(key) as Promise<T> | undefined;
  if (found) return found;
  const reading = read();
  asked.set(key, reading);
  // A node that did not answer is asked again.
  reading.catch(() => asked.delete(key));
  return reading;
}

/**
 * Checks a receipt against the chain: a receipt key of this operator signed these very fields, and the amount is what the
 * offer's own price list says for these units.
 * @param value as the API shows it: `{fields, signature}`
 * @throws {ReceiptViolation} saying what does not hold
 */
export async function verifyReceipt(
  client: PublicClient,
  network: Network,
  value: unknown,
): Promise<VerifiedReceipt> {
  let parsed;
  try {
    parsed = parseReceipt(value);
  } catch (cause) {
    throw new ReceiptViolation("malformed", cause instanceof Error ? cause.message : String(cause));
  }
  const { receipt, signature } = parsed;
  const digest = receiptDigest(network, receipt);
  const signedBy = await recoverAddress({ hash: digest, signature }).catch(() => undefined);
  if (!signedBy) throw new ReceiptViolation("signature", "the signature is none");
  const registry = { address: network.contracts.registry, abi: registryAbi } as const;
  const [operatorId, offer] = await Promise.all([
    once(client, `key ${network.contracts.registry} ${signedBy}`, () =>
      client.readContract({ ...registry, functionName: "operatorOfReceiptKey", args: [signedBy] }),
    ),
    once(client, `offer ${network.contracts.registry} ${receipt.offerId}`, () =>
      client.readContract({ ...registry, functionName: "offer", args: [receipt.offerId] }),
    ),
  ]);
  if (operatorId === 0 || operatorId !== network.operatorId || receipt.operatorId !== network.operatorId)
    throw new ReceiptViolation(
      "signature",
      `${signedBy} is no receipt key of operator ${network.operatorId}`,
    );
  const listed =
    receipt.timing === 0
      ? 0n
      : BigInt(receipt.inputUnits) * offer.inputPrice +
        BigInt(receipt.outputUnits) * offer.outputPrice +
        offer.requestPrice;
  if (receipt.amount !== listed)
    throw new ReceiptViolation(
      "price",
      `it charges ${receipt.amount} wei; by offer ${receipt.offerId}'s price list it is ${listed}`,
    );
  return { receipt, signature, digest, signedBy };
}
