import { createHash, timingSafeEqual } from "node:crypto";
import { fromHex } from "../model/bytes.ts";
import type { ApiKey } from "../model/record.ts";
import { Refusal } from "./refusal.ts";

const KEY_FORMAT = /^Bearer +sk-ai1-([0-9a-f]{16})-([A-Za-z0-9_-]{43})$/i;
/** Compared with when there is no such key, so that an unknown id takes as long as a wrong secret. */
const NOBODY = Buffer.alloc(32);

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();

/** The API's keys by id, in memory: what the journal has, plus what was just made. */
export class KeyRing {
  readonly #keys = new Map<string, { key: ApiKey; secretHash: Uint8Array }>();

  constructor(keys: Iterable<ApiKey>) {
    for (const key of keys) this.add(key);
  }

  add(key: ApiKey): void {
    this.#keys.set(key.keyId, { key, secretHash: fromHex(key.secretHash) });
  }

  /** True if there was such a key. */
  remove(keyId: string): boolean {
    return this.#keys.delete(keyId);
  }

  get(keyId: string): ApiKey | undefined {
    return this.#keys.get(keyId)?.key;
  }

  accountIds(): number[] {
    return [...new Set([...this.#keys.values()].map(({ key }) => key.accountId))];
  }

  /** The key in an `Authorization` header; undefined unless its secret is right. */
  find(authorization: string | undefined): ApiKey | undefined {
    const match = KEY_FORMAT.exec(authorization ?? "");
    const entry = this.#keys.get(match?.[1] ?? "");
    const matches = timingSafeEqual(sha256(match?.[2] ?? ""), entry?.secretHash ?? NOBODY);
    return matches ? entry?.key : undefined;
  }
}

/** @throws {Refusal} 401 */
export function authenticate(keys: KeyRing, authorization: string | undefined): ApiKey {
  const key = keys.find(authorization);
  if (key) return key;
  const message =
    authorization === undefined
      ? "no API key: send `Authorization: Bearer sk-ai1-...`"
      : "this API key is not valid";
  throw new Refusal(401, "authentication", message, { headers: { "www-authenticate": "Bearer" } });
}
