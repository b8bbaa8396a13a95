import type { Hex } from "viem";
import { createSiweMessage } from "viem/siwe";
import type { Network } from "./network.ts";

/** A wallet that is signed in: `authorization` goes into the header of that name. */
export interface WalletSession {
  readonly authorization: string;
  readonly owner: Hex;
  readonly expiresAt: string;
}

/** Signs a text: a viem account. */
export interface MessageSigner {
  readonly address: Hex;
  signMessage(message: { readonly message: string }): Promise<Hex>;
}

async function call<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, init);
  const body = (await response.json()) as { error?: { message: string } };
  if (!response.ok) throw new Error(`${url}: ${body.error?.message ?? response.status}`);
  return body as T;
}

const post = (body: object, authorization?: string): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...(authorization !== undefined && { authorization }) },
  body: JSON.stringify(body),
});

export interface SignInOptions {
  /** Whose wallet it is, when that is a contract that takes this key's signatures. Default: the key's. */
  readonly address?: Hex;
  /** The page that asks; default: the router itself. */
  readonly uri?: string;
}

/** Signs in with a wallet (EIP-4361). */
export async function signIn(
  { routerUrl, chainId }: Network,
  signer: MessageSigner,
  { address = signer.address, uri = routerUrl }: SignInOptions = {},
): Promise<WalletSession> {
  const { nonce } = await call<{ nonce: string }>(`${routerUrl}/v1/auth/siwe/nonce`);
  const message = createSiweMessage({
    address,
    chainId,
    domain: new URL(uri).host,
    nonce,
    uri,
    version: "1",
  });
  const signature = await signer.signMessage({ message });
  const { token, owner, expires_at } = await call<{ token: string; owner: Hex; expires_at: string }>(
    `${routerUrl}/v1/auth/siwe`,
    post({ message, signature }),
  );
  return { authorization: `Bearer ${token}`, owner, expiresAt: expires_at };
}

/** Makes an API key for an account of the wallet that is signed in. It is shown this once. */
export async function makeKey(
  { routerUrl }: Network,
  { authorization }: WalletSession,
  accountId: number,
  name: string,
): Promise<string> {
  const made = await call<{ key: string }>(`${routerUrl}/v1/keys`, post({ accountId, name }, authorization));
  return made.key;
}
