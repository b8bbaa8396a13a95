import type { Hex } from "./bytes.ts";

/** A wallet that signed in. The token itself is shown once and never kept. */
export interface Session {
  /** SHA-256 of the token's secret part. */
  readonly tokenHash: Hex;
  /** Who signed in, lower case. */
  readonly owner: Hex;
  /** Of the signed message: it opens one session and no other. */
  readonly nonce: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** Sessions that an owner may have at a time; a further one ends the oldest. */
export const MOST_SESSIONS = 16;
