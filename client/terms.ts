import { hashTypedData, type Hex } from "viem";
import type { Network } from "./network.ts";

/** What an account is, for ever. Two accounts differ if any of these do. */
export interface Terms {
  /** May exit and withdraw. */
  readonly owner: Hex;
  /** Authorizes the requests of a strict account; an EOA. */
  readonly signer: Hex;
  /** Every paid request needs the signer's own authorization. */
  readonly strict: boolean;
  /** Fees of apps above this many per cent are not charged; at most 20. */
  readonly maxAppFeePct: number;
}

/** The terms of a wallet's own account, unless told otherwise. */
export function termsOf(owner: Hex, overrides: Partial<Omit<Terms, "owner">> = {}): Terms {
  return { owner, signer: owner, strict: false, maxAppFeePct: 20, ...overrides };
}

export const GRANT_TYPE = [
  { name: "owner", type: "address" },
  { name: "operatorId", type: "uint24" },
  { name: "signer", type: "address" },
  { name: "strict", type: "bool" },
  { name: "maxAppFeePct", type: "uint8" },
  { name: "salt", type: "bytes32" },
] as const;

export const escrowDomain = ({ chainId, contracts }: Network) =>
  ({ name: "AI1NET Escrow", version: "1", chainId, verifyingContract: contracts.escrow }) as const;
export const tokenDomain = ({ chainId, contracts }: Network) =>
  ({ name: "AI1NET", version: "1", chainId, verifyingContract: contracts.token }) as const;

/** EIP-712 hash of the Grant: what the nonce of a gasless deposit has to be. */
export function grantHash(network: Network, terms: Terms, salt: Hex): Hex {
  return hashTypedData({
    domain: escrowDomain(network),
    types: { Grant: GRANT_TYPE },
    primaryType: "Grant",
    message: { ...terms, operatorId: network.operatorId, salt },
  });
}

/** Terms in the words of the router's API. */
export function termsJson({ owner, signer, strict, maxAppFeePct }: Terms) {
  return { owner, signer, strict, max_app_fee_pct: maxAppFeePct };
}
