/** What payers sign to deposit, by the EIPs and the Escrow's own types. */
import { hashTypedData, keccak256, toHex } from "viem";
import { privateKeyToAccount, type PrivateKeyAccount } from "viem/accounts";

import type { Hex } from "../../router/model/bytes.ts";
import type { PaymentAuthorization } from "../../router/model/payment.ts";
import type { Deposit, Terms } from "../../router/ports.ts";
import type { TestChain } from "./anvil.ts";

const GRANT = [
  { name: "owner", type: "address" },
  { name: "operatorId", type: "uint24" },
  { name: "signer", type: "address" },
  { name: "strict", type: "bool" },
  { name: "maxAppFeePct", type: "uint8" },
  { name: "salt", type: "bytes32" },
] as const;

let salts = 0;
export const newSalt = (): Hex => keccak256(toHex(`salt ${++salts}`));

export function termsOf(owner: Hex, overrides: Partial<Terms> = {}): Terms {
  return { owner, signer: owner, strict: false, maxAppFeePct: 20, ...overrides };
}

export interface Signing {
  readonly salt?: Hex;
  readonly validBefore?: bigint;
  /** Who signs, when it is not the owner's own key: that of a contract wallet. */
  readonly key?: PrivateKeyAccount;
}

export function grantSigner(chain: TestChain) {
  const { operatorId, contracts } = chain.economy;
  const chainId = chain.identity.chainId;
  const [escrow, token] = [contracts.Escrow as Hex, contracts.AI1NET as Hex];
  const escrowDomain = { name: "AI1NET Escrow", version: "1", chainId, verifyingContract: escrow };
  const tokenDomain = { name: "AI1NET", version: "1", chainId, verifyingContract: token };
  const later = BigInt(Math.floor(Date.now() / 1000) + 3_600);

  async function authorization(
    account: PrivateKeyAccount,
    terms: Terms,
    amountWei: bigint,
    { salt = newSalt(), validBefore = later, key = account }: Signing = {},
  ): Promise<Extract<Deposit, { kind: "authorization" }>> {
    const nonce = hashTypedData({
      domain: escrowDomain,
      types: { Grant: GRANT },
      primaryType: "Grant",
      message: { ...terms, operatorId, salt },
    });
    const signature = await key.signTypedData({
      domain: tokenDomain,
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
      message: { from: terms.owner, to: escrow, value: amountWei, validAfter: 0n, validBefore, nonce },
    });
    return { kind: "authorization", terms, salt, amountWei, validAfter: 0n, validBefore, signature };
  }

  async function permit(
    account: PrivateKeyAccount,
    terms: Terms,
    amountWei: bigint,
    nonce: bigint,
    { salt = newSalt(), key = account }: Signing = {},
  ): Promise<Extract<Deposit, { kind: "permit" }>> {
    const signature = await key.signTypedData({
      domain: tokenDomain,
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
      message: { owner: terms.owner, spender: escrow, value: amountWei, nonce, deadline: later },
    });
    const grantSignature = await key.signTypedData({
      domain: escrowDomain,
      types: {
        PermitDeposit: [
          { name: "grant", type: "Grant" },
          { name: "amount", type: "uint256" },
          { name: "deadline", type: "uint256" },
        ],
        Grant: GRANT,
      },
      primaryType: "PermitDeposit",
      message: { grant: { ...terms, operatorId, salt }, amount: amountWei, deadline: later },
    });
    const [r, s, v] = [signature.slice(2, 66), signature.slice(66, 130), signature.slice(130)];
    return {
      kind: "permit",
      terms,
      salt,
      amountWei,
      deadline: later,
      permit: { r: `0x${r}`, s: `0x${s}`, v: Number.parseInt(v, 16) },
      grantSignature,
    };
  }
  async function transfer(
    account: PrivateKeyAccount,
    to: Hex,
    valueWei: bigint,
  ): Promise<PaymentAuthorization> {
    const nonce = newSalt();
    const validBefore = later;
    const signature = await account.signTypedData({
      domain: tokenDomain,
      types: {
        TransferWithAuthorization: [
          { name: "from", type: "address" },
          { name: "to", type: "address" },
          { name: "value", type: "uint256" },
          { name: "validAfter", type: "uint256" },
          { name: "validBefore", type: "uint256" },
          { name: "nonce", type: "bytes32" },
        ],
      },
      primaryType: "TransferWithAuthorization",
      message: { from: account.address, to, value: valueWei, validAfter: 0n, validBefore, nonce },
    });
    const validBeforeSec = Number(validBefore);
    return { from: account.address, to, valueWei, validAfterSec: 0, validBeforeSec, nonce, signature };
  }
  return { authorization, permit, transfer };
}

/** A wallet with tokens and no coin for gas. */
export async function fundedWallet(chain: TestChain, amountWei: bigint): Promise<PrivateKeyAccount> {
  const account = privateKeyToAccount(keccak256(toHex(`wallet ${Math.random()}`)));
  const { token } = chain.contracts("admin");
  await (await token.transfer(account.address, amountWei)).wait();
  return account;
}
