/** Signs receipts with a receipt key: secp256k1 in native code, RFC 6979, low s. */
import secp256k1 from "secp256k1";

import { fromHex, keccak256, toHex, type Hex } from "../../model/bytes.ts";
import { receiptHasher, type Receipt, type ReceiptDomain, type SignedReceipt } from "../../model/receipt.ts";

export interface ReceiptSigner {
  /** Address of the receipt key, lower case. */
  readonly address: Hex;
  readonly domain: ReceiptDomain;
  readonly sign: (receipt: Receipt) => SignedReceipt;
}

const V_OFFSET = 27;

function addressOf(publicKey: Uint8Array): Hex {
  return toHex(keccak256(publicKey.subarray(1)).subarray(12));
}

/** 65 bytes `r || s || v`, v 27 or 28. */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const { signature, recid } = secp256k1.ecdsaSign(digest, privateKey);
  const packed = new Uint8Array(65);
  packed.set(signature);
  packed[64] = V_OFFSET + recid;
  return packed;
}

/** The address whose key made `signature`, lower case. @throws when it is no signature */
export function recoverAddress(digest: Uint8Array, signature: Uint8Array): Hex {
  const recid = (signature[64] as number) - V_OFFSET;
  return addressOf(secp256k1.ecdsaRecover(signature.subarray(0, 64), recid, digest, false));
}

const LOW_S_MAX = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/** Who signed `digest`, as the contracts recover it: 65 bytes, low s; undefined when nobody did. */
export function recoverSigner(digest: Uint8Array, signature: Hex): Hex | undefined {
  const bytes = fromHex(signature);
  const v = bytes[64];
  if (bytes.length !== 65 || (v !== V_OFFSET && v !== V_OFFSET + 1)) return undefined;
  if (BigInt(toHex(bytes.subarray(32, 64))) > LOW_S_MAX) return undefined;
  try {
    return recoverAddress(digest, bytes);
  } catch {
    return undefined;
  }
}

/**
 * @param privateKeyHex 32 bytes; stays in here
 * @throws {TypeError} when it is no private key
 */
export function receiptSigner(privateKeyHex: string, domain: ReceiptDomain): ReceiptSigner {
  const wellFormed = /^0x[0-9a-fA-F]{64}$/.test(privateKeyHex);
  const privateKey = wellFormed ? fromHex(privateKeyHex) : new Uint8Array(32);
  if (!secp256k1.privateKeyVerify(privateKey)) {
    throw new TypeError("the receipt key is no secp256k1 private key (0x and 64 hex digits)");
  }
  const address = addressOf(secp256k1.publicKeyCreate(privateKey, false));
  // A wrong native build would sign what nobody can verify, and only a dispute would show it.
  const probe = keccak256(new TextEncoder().encode("AI1NET receipt key self-test"));
  if (recoverAddress(probe, signDigest(probe, privateKey)) !== address) {
    throw new Error("the receipt key's signatures do not recover to its address");
  }
  const hash = receiptHasher(domain);
  return {
    address,
    domain,
    sign: (receipt) => ({ receipt, signature: toHex(signDigest(hash(receipt), privateKey)) }),
  };
}
