import type { Hex } from "viem";
import type { Receipt } from "./receipt.ts";

/** What is worth keeping of a paid request: with the row's proof it is all that a dispute needs. */
export interface Evidence {
  readonly receipt: Receipt;
  readonly signature: Hex;
  /** What the answer itself said that it cost, in wei. */
  readonly chargedWei: bigint;
  /** The payment that the wallet authorized for it, and no more; undefined with an API key. */
  readonly authorizedWei: bigint | undefined;
  readonly url: string;
  readonly atMs: number;
}

export type ViolationKind =
  | "missing" // a paid answer without a receipt
  | "malformed"
  | "signature"
  | "price" // not by the offer's list
  | "charge" // the answer says another amount than the receipt
  | "ceiling" // more than was authorized
  | "request" // the receipt is for another request
  | "response" // the receipt is for another answer
  | "equivocation" // two receipts for one number: slashable by itself
  | "settlement"; // settled otherwise than signed: slashable with the row's proof

/** A receipt does not say what happened. */
export class ReceiptViolation extends Error {
  override readonly name = "ReceiptViolation";
  readonly kind: ViolationKind;
  /** The receipts that show it. */
  readonly evidence: readonly Evidence[];

  constructor(kind: ViolationKind, message: string, evidence: readonly Evidence[] = []) {
    super(message);
    this.kind = kind;
    this.evidence = evidence;
  }
}
