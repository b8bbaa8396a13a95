import type { Wei } from "./money.ts";

/** What a key has spent on one day. */
export interface KeyDay {
  readonly keyId: string;
  /** Days since 1970, in UTC. */
  readonly day: number;
  readonly spentWei: Wei;
}
