import { hashTypedData, type Hex } from "viem";
import type { Network } from "./network.ts";

/** What the operator signed for one request; the contract's own fields. */
export interface Receipt {
  readonly operatorId: number;
  readonly accountId: number;
  /** Gapless per account. */
  readonly seq: number;
  readonly offerId: number;
  readonly appId: number;
  readonly inputUnits: number;
  readonly outputUnits: number;
  /** `ms = floor(2^(timing/12))`; 0: failed. */
  readonly timing: number;
  /** Wei, without any app's fee. */
  readonly amount: bigint;
  readonly requestHash: Hex;
  readonly responseHash: Hex;
  /** Unix s. */
  readonly servedAt: number;
}

/** A receipt as the API shows it. */
export interface ReceiptJson {
  readonly id: string;
  readonly fields: Omit<Receipt, "amount"> & { readonly amount: string };
  readonly signature: Hex;
}

const RECEIPT_TYPE = [
  { name: "operatorId", type: "uint24" },
  { name: "accountId", type: "uint32" },
  { name: "seq", type: "uint40" },
  { name: "offerId", type: "uint32" },
  { name: "appId", type: "uint32" },
  { name: "inputUnits", type: "uint24" },
  { name: "outputUnits", type: "uint24" },
  { name: "timing", type: "uint8" },
  { name: "amount", type: "uint96" },
  { name: "requestHash", type: "bytes32" },
  { name: "responseHash", type: "bytes32" },
  { name: "servedAt", type: "uint40" },
] as const;

const isHex = (text: unknown, bytes: number): boolean =>
  typeof text === "string" && new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`).test(text);

/** Reads a receipt, fields that are none refused. @throws {TypeError} */
export function parseReceipt(value: unknown): { receipt: Receipt; signature: Hex; id: string } {
  const { id, fields, signature } = (value ?? {}) as Partial<ReceiptJson>;
  const problem = (): string | undefined => {
    if (typeof fields !== "object" || fields === null) return "has no fields";
    if (!isHex(signature, 65)) return "has no signature";
    for (const { name, type } of RECEIPT_TYPE) {
      const field = fields[name];
      if (type === "bytes32" && !isHex(field, 32)) return `${name} is no hash`;
      if (name === "amount" && !(typeof field === "string" && /^\d{1,29}$/.test(field)))
        return "amount is no amount";
      if (type !== "bytes32" && name !== "amount" && !(Number.isSafeInteger(field) && Number(field) >= 0))
        return `${name} is no number`;
    }
    return undefined;
  };
  const found = problem();
  if (found !== undefined || !fields || !signature) throw new TypeError(`not a receipt: it ${found}`);
  const receipt: Receipt = { ...fields, amount: BigInt(fields.amount) };
  return { receipt, signature, id: id ?? `${receipt.accountId}-${receipt.seq}` };
}

/** EIP-712 digest of a receipt: what the operator's receipt key signs. */
export function receiptDigest({ chainId, contracts }: Network, receipt: Receipt): Hex {
  return hashTypedData({
    domain: { name: "AI1NET Ledger", version: "1", chainId, verifyingContract: contracts.ledger },
    types: { Receipt: RECEIPT_TYPE },
    primaryType: "Receipt",
    message: receipt,
  });
}
