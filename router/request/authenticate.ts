import { hash, timingSafeEqual } from "node:crypto";
import { fromHex } from "../model/bytes.ts";
import type { ApiKey } from "../model/record.ts";
import { Refusal } from "./refusal.ts";

const KEY_FORMAT = /^Bearer +sk-ai1-([0-9a-f]{16})-([A-Za-z0-9_-]{43})$/i;
/** Compared with when there is no such key, so that an unknown id takes as long as a wrong secret. */
const NOBODY = Buffer.alloc(32);

const sha256 = (text: string): Buffer => hash("sha256", text, "buffer");

/** The API's keys by id, in memory: what the journal has, plus what was just made. */
export class KeyRing {
  readonly #keys = new Map<string, { key: ApiKey; secretHash: Uint8Array }>();

  constructor(keys: Iterable<ApiKey>) {
    for (const key of keys) this.add(key);
  }

  /** Adds a key, or takes it in as it is now. */
  add(key: ApiKey): void {
    this.#keys.set(key.keyId, { key, secretHash: fromHex(key.secretHash) });
  }

  /** Undefined for a key that never was, or was revoked. */
  get(keyId: string): ApiKey | undefined {
    const key = this.#keys.get(keyId)?.key;
    return key?.revokedAtMs === undefined ? key : undefined;
  }

  /** Keys that were not revoked, oldest first. */
  list(includes: (key: ApiKey) => boolean): ApiKey[] {
    return [...this.#keys.values()]
      .map(({ key }) => key)
      .filter((key) => key.revokedAtMs === undefined && includes(key))
      .toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  }

  accountIds(): number[] {
    return [...new Set([...this.#keys.values()].map(({ key }) => key.accountId))];
  }

  /** The key in an `Authorization` header, revoked or not; undefined unless its secret is right. */
  find(authorization: string | undefined): ApiKey | undefined {
    const match = KEY_FORMAT.exec(authorization ?? "");
    const entry = this.#keys.get(match?.[1] ?? "");
    const matches = timingSafeEqual(sha256(match?.[2] ?? ""), entry?.secretHash ?? NOBODY);
    return matches ? entry?.key : undefined;
  }
}

function refused(message: string, reason: string): Refusal {
  return new Refusal(401, "authentication", message, {
    headers: { "www-authenticate": "Bearer" },
    metadata: { reason },
  });
}

/** Who asks, if it may still ask. @throws {Refusal} 401 */
export function authenticate(
  keys: KeyRing,
  authorization: string | undefined,
  nowMs: number = Date.now(),
): ApiKey {
  const key = keys.find(authorization);
  if (!key)
    throw authorization === undefined
      ? refused("no API key: send `Authorization: Bearer sk-ai1-...`", "key_missing")
      : refused("this API key is not valid", "key_unknown");
  // Only those who have the secret are told this much.
  if (key.revokedAtMs !== undefined)
    throw refused("this API key was revoked; its account's owner can make another", "key_revoked");
  if (key.isDisabled === true)
    throw refused("this API key is switched off; its account's owner can switch it on", "key_disabled");
  if (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs)
    throw refused(`this API key expired at ${new Date(key.expiresAtMs).toISOString()}`, "key_expired");
  return key;
}
