import { createHash, randomBytes } from "node:crypto";
import { toHex } from "../model/bytes.ts";
import type { ApiKey, KeyTerms } from "../model/record.ts";

/** A key of an account, and the text that is shown once and kept nowhere. */
export function newKey(
  accountId: number,
  name: string,
  createdAtMs: number,
  terms: KeyTerms = {},
): { readonly key: ApiKey; readonly text: string } {
  const secret = randomBytes(32).toString("base64url");
  const key: ApiKey = {
    keyId: randomBytes(8).toString("hex"),
    accountId,
    name,
    secretHash: toHex(createHash("sha256").update(secret).digest()),
    createdAtMs,
    ...terms,
  };
  return { key, text: `sk-ai1-${key.keyId}-${secret}` };
}
