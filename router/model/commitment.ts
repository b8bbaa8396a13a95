import { hash } from "node:crypto";
import canonicalize from "canonicalize";
import type { Hex } from "./bytes.ts";

/**
 * SHA-256 of a JSON value in canonical form (RFC 8785): what `requestHash` (the request's body) and `responseHash` (the
 * answer's choices) of a receipt are. No contract reads them, and SHA-256 is native on every platform.
 */
export function contentHash(value: unknown): Hex {
  return `0x${hash("sha256", canonicalize(value) ?? "null", "hex")}`;
}

/** `responseHash` of a failed attempt. */
export const NO_RESPONSE: Hex = `0x${"00".repeat(32)}`;
