import { z } from "zod";
import type { Hex } from "../../router/model/bytes.ts";
import type { SignedReceipt } from "../../router/model/receipt.ts";
import { AuditError } from "./auditError.ts";

const uint = (bits: number) =>
  z
    .int()
    .min(0)
    .max(2 ** bits - 1);
const hex = (bytes: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${2 * bytes}}$`), `not ${bytes} bytes in hex`)
    .transform((text) => text as Hex);

/** `GET /v1/receipts/:id`; what else the answer has does not matter. */
const SCHEMA = z.object({
  fields: z.object({
    operatorId: uint(24),
    accountId: uint(32),
    seq: uint(40),
    offerId: uint(32),
    appId: uint(32),
    inputUnits: uint(24),
    outputUnits: uint(24),
    timing: uint(8),
    amount: z
      .string()
      .regex(/^\d{1,29}$/, "not a whole number of wei")
      .transform(BigInt)
      .refine((wei) => wei < 2n ** 96n, "more than 96 bits"),
    requestHash: hex(32),
    responseHash: hex(32),
    servedAt: uint(40),
  }),
  signature: hex(65),
});

/** A signed receipt from the JSON that the router's API gives. @throws {AuditError} for any other text */
export function readReceipt(text: string): SignedReceipt {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AuditError("The receipt is not JSON: save what GET /v1/receipts/:id answers.", {
      cause: error,
    });
  }
  const parsed = SCHEMA.safeParse(json);
  if (!parsed.success)
    throw new AuditError(
      `The receipt has not the form of GET /v1/receipts/:id:\n${z.prettifyError(parsed.error)}`,
    );
  const { amount, servedAt, ...fields } = parsed.data.fields;
  return {
    receipt: { ...fields, amountWei: amount, servedAtSec: servedAt },
    signature: parsed.data.signature,
  };
}
