/** The wallet rail's headers (x402 v2): what is asked for, what comes, what it came to. */
import type { IncomingMessage } from "node:http";
import {
  decodePaymentSignatureHeader,
  encodePaymentRequiredHeader,
  encodePaymentResponseHeader,
} from "@x402/core/http";
import type { PaymentRequired as Asked, PaymentRequirements } from "@x402/core/types";
import type { Hex } from "../model/bytes.ts";
import type { Wei } from "../model/money.ts";
import type { PaymentAuthorization } from "../model/payment.ts";
import { invalidRequest, Refusal } from "../request/refusal.ts";
import { ASKED_VALIDITY_SEC, type PaymentRequired, type WalletRail } from "../request/walletPayment.ts";
import { parse, PaymentFields } from "./schemas.ts";

const VERSION = 2;
/** What the Escrow calls itself; wallets show it. */
const ESCROW = { name: "AI1NET Escrow", version: "1" } as const;
const LONGEST_HEADER = 8_192;

type Rail = Pick<WalletRail, "chainId" | "escrow" | "payee">;

const networkOf = ({ chainId }: Pick<Rail, "chainId">): `${string}:${string}` => `eip155:${chainId}`;

/** What a wallet has to sign for a request that costs at most `amountWei`; of a comparison for one of its columns. */
function requirements(rail: Rail, amountWei: Wei, column: number | undefined): PaymentRequirements {
  return {
    scheme: "exact",
    network: networkOf(rail),
    amount: amountWei.toString(),
    asset: rail.escrow,
    payTo: rail.payee,
    maxTimeoutSeconds: ASKED_VALIDITY_SEC,
    extra: { ...ESCROW, ...(column !== undefined && { column }) },
  };
}

/** The header of a 402. */
export function paymentRequiredHeader(
  accepts: PaymentRequirements[],
  url: string,
  error: string,
): { readonly "payment-required": string } {
  const asked: Asked = {
    x402Version: VERSION,
    error,
    resource: { url, description: "one request, charged by what it uses", mimeType: "application/json" },
    accepts,
  };
  return { "payment-required": encodePaymentRequiredHeader(asked) };
}

/** The header of an answer that a wallet pays for. Of a stream it leaves before the amount is known. */
export function paymentResponseHeader(chainId: number, payer: Hex, chargedWei: Wei | undefined): string {
  return encodePaymentResponseHeader({
    success: true,
    payer,
    // Many requests settle in one transaction, later; the receipt is what proves this one.
    transaction: "",
    network: networkOf({ chainId }),
    ...(chargedWei !== undefined && { amount: chargedWei.toString() }),
  });
}

/** Puts what has to be signed into a refusal that asks for a payment. */
export function asking(refusal: PaymentRequired, rail: Rail, url: string): Refusal {
  const { status, errorType, message, details, amountsWei } = refusal;
  const accepts = amountsWei.map((amountWei, index) =>
    requirements(rail, amountWei, amountsWei.length > 1 ? index : undefined),
  );
  const headers = paymentRequiredHeader(accepts, url, message);
  return new Refusal(status, errorType, message, { ...details, headers: { ...details.headers, ...headers } });
}

/** True for a request that brings a payment, or no key that it could be meant to be paid by. */
export function isForWallet({ headers }: IncomingMessage): boolean {
  const { authorization = "" } = headers;
  // SDKs can't leave the header out; whatever is no key of this API is none.
  return headers["payment-signature"] !== undefined || !/^Bearer +(?:sk|ses)-/i.test(authorization);
}

const wrong = (message: string): Refusal =>
  invalidRequest(`payment-signature: ${message}`, "payment-signature");

/** Reads a payment's header, whoever is asked to pay what. @throws {Refusal} 400 */
export function readPaymentHeader(header: string, network: string, asset: string): PaymentAuthorization {
  if (header.length > LONGEST_HEADER) throw wrong("is too long");
  let decoded: unknown;
  try {
    decoded = decodePaymentSignatureHeader(header);
  } catch {
    throw wrong("is no base64 of JSON, as x402 v2 has it");
  }
  const { accepted, payload } = parse(PaymentFields, decoded);
  if (accepted.scheme !== "exact" || accepted.network !== network)
    throw wrong(`must be of scheme exact on ${network}`);
  if (accepted.asset.toLowerCase() !== asset.toLowerCase()) throw wrong(`must be in ${asset}`);
  const { from, to, value, validAfter, validBefore, nonce } = payload.authorization;
  return {
    from,
    to,
    valueWei: value,
    validAfterSec: Number(validAfter),
    validBeforeSec: Number(validBefore),
    nonce,
    signature: payload.signature,
  };
}

/** The payments that a request brings, with commas between, as lists in headers are. @throws {Refusal} 400 */
export function paymentsOf({ headers }: IncomingMessage, rail: Rail): PaymentAuthorization[] {
  const header = headers["payment-signature"];
  if (header === undefined) return [];
  return String(header)
    .split(",")
    .map((item) => readPaymentHeader(item.trim(), networkOf(rail), rail.escrow));
}

/** The payment that a request brings. @throws {Refusal} 400 */
export function paymentOf(req: IncomingMessage, rail: Rail): PaymentAuthorization | undefined {
  const [payment, ...more] = paymentsOf(req, rail);
  if (more.length > 0) throw wrong("has several payments; only the columns of a comparison have one each");
  return payment;
}

/** The account that a wallet wants to pay from, where it has several. @throws {Refusal} 400 */
export function payingAccountOf({ headers }: IncomingMessage): number | undefined {
  const header = headers["x-ai1net-account"];
  if (header !== undefined && !/^[1-9]\d{0,9}$/.test(String(header)))
    throw invalidRequest("x-ai1net-account must be the number of an account", "x-ai1net-account");
  return header === undefined ? undefined : Number(header);
}

/** As the caller wrote it, for its wallet to show. */
export function urlOf({ headers, url = "" }: IncomingMessage): string {
  return `http://${headers.host ?? "localhost"}${url}`;
}
