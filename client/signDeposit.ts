import { bytesToHex, type Account, type Hex, type TypedDataDefinition } from "viem";
import type { Network } from "./network.ts";
import { escrowDomain, GRANT_TYPE, grantHash, termsJson, tokenDomain, type Terms } from "./terms.ts";

/** Signs typed data: a viem account, or a wallet client's `signTypedData` with its account filled in. */
export interface Signer {
  signTypedData(typed: TypedDataDefinition): Promise<Hex>;
}

/** A viem account as a signer. @throws {TypeError} for one that has no key here */
export function signerOf(account: Account): Signer {
  const { signTypedData } = account;
  if (!signTypedData) throw new TypeError(`${account.address} can't sign typed data: give a local account`);
  return { signTypedData: (typed) => signTypedData(typed) };
}

/** Body of `POST /v1/deposits`. */
export type DepositBody = { readonly terms: ReturnType<typeof termsJson> } & (
  | { readonly authorization: Readonly<Record<string, string>> }
  | { readonly permit: Readonly<Record<string, string>> }
  | { readonly sweep: true }
);

export interface SigningOptions {
  /** Unix s; default: in an hour. */
  readonly validBefore?: bigint;
  /** Default: random. One salt deposits once. */
  readonly salt?: Hex;
}

const newSalt = (): Hex => bytesToHex(crypto.getRandomValues(new Uint8Array(32)));
const inAnHour = (): bigint => BigInt(Math.floor(Date.now() / 1000) + 3_600);

/**
 * The one signature that opens and funds an account: an ERC-3009 authorization to the Escrow whose nonce is the hash of
 * the Grant. Whoever relays it can't bend it.
 */
export async function signDeposit(
  network: Network,
  signer: Signer,
  terms: Terms,
  amountWei: bigint,
  { validBefore = inAnHour(), salt = newSalt() }: SigningOptions = {},
): Promise<DepositBody> {
  const signature = await signer.signTypedData({
    domain: tokenDomain(network),
    types: {
      ReceiveWithAuthorization: [
        { name: "from", type: "address" },
        { name: "to", type: "address" },
        { name: "value", type: "uint256" },
        { name: "validAfter", type: "uint256" },
        { name: "validBefore", type: "uint256" },
        { name: "nonce", type: "bytes32" },
      ],
    },
    primaryType: "ReceiveWithAuthorization",
    message: {
      from: terms.owner,
      to: network.contracts.escrow,
      value: amountWei,
      validAfter: 0n,
      validBefore,
      nonce: grantHash(network, terms, salt),
    },
  });
  return {
    terms: termsJson(terms),
    authorization: {
      salt,
      amount_wei: amountWei.toString(),
      valid_after: "0",
      valid_before: validBefore.toString(),
      signature,
    },
  };
}

/**
 * The same with an ERC-2612 permit and a signed Grant: two signatures.
 * @param permitNonce the token's `nonces(owner)`
 */
export async function signPermitDeposit(
  network: Network,
  signer: Signer,
  terms: Terms,
  amountWei: bigint,
  permitNonce: bigint,
  { validBefore: deadline = inAnHour(), salt = newSalt() }: SigningOptions = {},
): Promise<DepositBody> {
  const signature = await signer.signTypedData({
    domain: tokenDomain(network),
    types: {
      Permit: [
        { name: "owner", type: "address" },
        { name: "spender", type: "address" },
        { name: "value", type: "uint256" },
        { name: "nonce", type: "uint256" },
        { name: "deadline", type: "uint256" },
      ],
    },
    primaryType: "Permit",
    message: {
      owner: terms.owner,
      spender: network.contracts.escrow,
      value: amountWei,
      nonce: permitNonce,
      deadline,
    },
  });
  const grantSignature = await signer.signTypedData({
    domain: escrowDomain(network),
    types: {
      PermitDeposit: [
        { name: "grant", type: "Grant" },
        { name: "amount", type: "uint256" },
        { name: "deadline", type: "uint256" },
      ],
      Grant: GRANT_TYPE,
    },
    primaryType: "PermitDeposit",
    message: { grant: { ...terms, operatorId: network.operatorId, salt }, amount: amountWei, deadline },
  });
  return {
    terms: termsJson(terms),
    permit: {
      salt,
      amount_wei: amountWei.toString(),
      deadline: deadline.toString(),
      signature,
      grant_signature: grantSignature,
    },
  };
}
