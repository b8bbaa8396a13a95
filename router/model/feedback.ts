import type { Hex } from "./bytes.ts";

/** What was said longer ago is forgotten. */
export const FEEDBACK_MS = 90 * 24 * 3_600_000;
/** The latest count. */
export const MOST_FEEDBACK = 20_000;

/** Ratings go from one to so many. */
export const MOST_STARS = 5;

/** What a payer thought of one of its requests. A row has one: a later one takes the place of an earlier. */
export interface Feedback {
  readonly accountId: number;
  readonly seq: number;
  /** Of the account when it was given: whose voice it is. */
  readonly owner: string;
  readonly listingId: number;
  readonly modelId: number;
  /** What the request was about, if its payer said so. */
  readonly task?: string | undefined;
  /** 1 to 5 */
  readonly rating: number;
  readonly atMs: number;
}

/** A review that is on chain, as its event has it. */
export interface Review {
  readonly listingId: number;
  readonly owner: Hex;
  readonly epoch: number;
  readonly accountId: number;
  readonly seq: number;
  /** 1 to 5 */
  readonly rating: number;
  /** Wei of protocol fee that its row paid. */
  readonly weightWei: bigint;
  /** SHA-256 of the text; zeros for none. */
  readonly textHash: Hex;
  readonly txHash: Hex;
}

/** What stands on chain in the place of a text's hash when there is no text. */
export const NO_TEXT: Hex = `0x${"0".repeat(64)}`;
