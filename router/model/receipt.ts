import { concatBytes, fromHex, keccak256, uintBytes, type Hex } from "./bytes.ts";
import type { Wei } from "./money.ts";
import type { Timing } from "./timing.ts";

/** What the operator signs for every attempt of every request. Field order and widths are the contract's. */
export interface Receipt {
  readonly operatorId: number;
  readonly accountId: number;
  /** Gapless per account, in order of completion. */
  readonly seq: number;
  readonly offerId: number;
  /** 0: no app. */
  readonly appId: number;
  readonly inputUnits: number;
  readonly outputUnits: number;
  readonly timing: Timing;
  /** Wei, without the app's fee. */
  readonly amountWei: Wei;
  readonly requestHash: Hex;
  readonly responseHash: Hex;
  readonly servedAtSec: number;
}

export interface SignedReceipt {
  readonly receipt: Receipt;
  /** 65 bytes r || s || v, low s, v 27 or 28. */
  readonly signature: Hex;
}

/** Where a receipt is valid. */
export interface ReceiptDomain {
  readonly chainId: number;
  /** Address of the Ledger. */
  readonly verifyingContract: Hex;
}

export const RECEIPT_TYPE =
  "Receipt(uint24 operatorId,uint32 accountId,uint40 seq,uint32 offerId,uint32 appId,uint24 inputUnits,uint24 outputUnits,uint8 timing,uint96 amount,bytes32 requestHash,bytes32 responseHash,uint40 servedAt)";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const RECEIPT_TYPEHASH = keccak256(text(RECEIPT_TYPE));
const DOMAIN_TYPEHASH = keccak256(
  text("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
);

/** EIP-712 domain separator of "AI1NET Ledger" / "1". */
export function domainSeparator(domain: ReceiptDomain): Uint8Array {
  return keccak256(
    concatBytes(
      DOMAIN_TYPEHASH,
      keccak256(text("AI1NET Ledger")),
      keccak256(text("1")),
      uintBytes(domain.chainId, 32),
      uintBytes(BigInt(domain.verifyingContract), 32),
    ),
  );
}

/**
 * A function that gives the EIP-712 digest of receipts of one domain: what a receipt key signs. The struct is laid out
 * by hand, since this runs once per request.
 */
export function receiptHasher(domain: ReceiptDomain): (receipt: Receipt) => Uint8Array {
  const digestInput = new Uint8Array(66);
  digestInput.set([0x19, 0x01]);
  digestInput.set(domainSeparator(domain), 2);
  const struct = new Uint8Array(13 * 32);
  const view = new DataView(struct.buffer);
  struct.set(RECEIPT_TYPEHASH);
  return (receipt) => {
    view.setUint32(2 * 32 - 4, receipt.operatorId);
    view.setUint32(3 * 32 - 4, receipt.accountId);
    view.setBigUint64(4 * 32 - 8, BigInt(receipt.seq));
    view.setUint32(5 * 32 - 4, receipt.offerId);
    view.setUint32(6 * 32 - 4, receipt.appId);
    view.setUint32(7 * 32 - 4, receipt.inputUnits);
    view.setUint32(8 * 32 - 4, receipt.outputUnits);
    view.setUint32(9 * 32 - 4, receipt.timing);
    view.setBigUint64(10 * 32 - 16, receipt.amountWei >> 64n);
    view.setBigUint64(10 * 32 - 8, receipt.amountWei & 0xffff_ffff_ffff_ffffn);
    struct.set(fromHex(receipt.requestHash), 10 * 32);
    struct.set(fromHex(receipt.responseHash), 11 * 32);
    view.setBigUint64(13 * 32 - 8, BigInt(receipt.servedAtSec));
    digestInput.set(keccak256(struct), 34);
    return keccak256(digestInput);
  };
}

/** `<accountId>-<seq>`: a receipt's name in the API. */
export function receiptId(receipt: Pick<Receipt, "accountId" | "seq">): string {
  return `${receipt.accountId}-${receipt.seq}`;
}

/** The inverse of {@link receiptId}; undefined for any other text. */
export function parseReceiptId(id: string): { accountId: number; seq: number } | undefined {
  const match = /^(\d{1,10})-(\d{1,13})$/.exec(id);
  return match ? { accountId: Number(match[1]), seq: Number(match[2]) } : undefined;
}
