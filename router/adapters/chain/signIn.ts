import { hashMessage } from "viem";
import { parseSiweMessage } from "viem/siwe";

import type { Hex } from "../../model/bytes.ts";
import type { SignIn, SignInMessage } from "../../ports.ts";
import type { Client } from "./contracts.ts";

function read(text: string): SignInMessage | undefined {
  const { domain, address, chainId, nonce, uri, version, issuedAt, notBefore, expirationTime } =
    parseSiweMessage(text);
  if (!domain || !address || !nonce || !uri || chainId === undefined || version !== "1" || !issuedAt)
    return undefined;
  // A date that is none must not read as "no limit".
  if ([issuedAt, notBefore, expirationTime].some((date) => date && Number.isNaN(date.getTime())))
    return undefined;
  return {
    domain,
    address,
    chainId,
    nonce,
    issuedAtMs: issuedAt.getTime(),
    notBeforeMs: notBefore?.getTime(),
    expiresAtMs: expirationTime?.getTime(),
  };
}

/** Reads sign-in messages and asks keys and, through the chain, contract wallets who signed them. */
export function signIn(client: Client): SignIn {
  return {
    read,
    isSignedBy: async (address: Hex, text: string, signature: Hex) => {
      const isValid = await client.verifyHash({ address, hash: hashMessage(text), signature, mode: "eoa" });
      // It takes a node that does not answer for a wallet that says no: this throws then.
      if (!isValid) await client.getBlockNumber();
      return isValid;
    },
  };
}
