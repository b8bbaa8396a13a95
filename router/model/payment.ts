import { concatBytes, fromHex, keccak256, uintBytes, type Hex } from "./bytes.ts";
import { contentHash } from "./commitment.ts";
import type { Wei } from "./money.ts";

/**
 * What a strict account's signer signs for one request: an ERC-3009 `TransferWithAuthorization` for the Escrow, which has
 * no such function. So nobody can spend it; it is shown when the request's row is challenged.
 */
export interface PaymentAuthorization {
  /** The account's signer. */
  readonly from: Hex;
  /** The operator's payee. */
  readonly to: Hex;
  /** The most that the request may cost, the app's fee included. */
  readonly valueWei: Wei;
  readonly validAfterSec: number;
  readonly validBeforeSec: number;
  readonly nonce: Hex;
  /** 65 bytes. */
  readonly signature: Hex;
}

/** The Escrow whose domain payments are signed in. */
export interface PaymentDomain {
  readonly chainId: number;
  readonly escrow: Hex;
}

const hash = (text: string): Uint8Array => keccak256(new TextEncoder().encode(text));
const DOMAIN_TYPEHASH = hash(
  "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
);
const AUTHORIZATION_TYPEHASH = hash(
  "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)",
);

/** EIP-712 digest of a payment: what its signature is over. */
export function paymentDigest({ chainId, escrow }: PaymentDomain, payment: PaymentAuthorization): Uint8Array {
  const domain = keccak256(
    concatBytes(
      DOMAIN_TYPEHASH,
      hash("AI1NET Escrow"),
      hash("1"),
      uintBytes(chainId, 32),
      uintBytes(BigInt(escrow), 32),
    ),
  );
  const struct = keccak256(
    concatBytes(
      AUTHORIZATION_TYPEHASH,
      uintBytes(BigInt(payment.from), 32),
      uintBytes(BigInt(payment.to), 32),
      uintBytes(payment.valueWei, 32),
      uintBytes(payment.validAfterSec, 32),
      uintBytes(payment.validBeforeSec, 32),
      fromHex(payment.nonce),
    ),
  );
  return keccak256(concatBytes(new Uint8Array([0x19, 0x01]), domain, struct));
}

/** `requestHash` of a request that a wallet pays: commits to the body and to the payment. */
export function paidRequestHash(body: unknown, nonce: Hex): Hex {
  return contentHash({ body, payment: nonce.toLowerCase() });
}
