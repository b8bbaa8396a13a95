import { createHash } from "node:crypto";
import { toHex, type Hex } from "../model/bytes.ts";
import { NO_TEXT } from "../model/feedback.ts";
import type { Network } from "./deps.ts";

/** What stands on chain for a review's text: SHA-256 of its UTF-8 bytes. */
export function textHashOf(text: string | undefined): Hex {
  return text === undefined ? NO_TEXT : toHex(createHash("sha256").update(text, "utf8").digest());
}

/** What `Reviews.reviewFor` takes the owner's word for. */
export interface ReviewWords {
  readonly accountId: number;
  readonly seq: number;
  readonly listingId: number;
  readonly rating: number;
  readonly textHash: Hex;
  /** Unix s. */
  readonly deadlineSec: number;
}

/** The typed data (EIP-712) that an account's owner signs to review, as `eth_signTypedData_v4` takes it. */
export function reviewTypedData({ chainId, contracts }: Network, words: ReviewWords) {
  const { deadlineSec, ...message } = words;
  return {
    domain: {
      name: "AI1NET Reviews",
      version: "1",
      chainId,
      verifyingContract: contracts.reviews,
    },
    types: {
      Review: [
        { name: "accountId", type: "uint32" },
        { name: "seq", type: "uint40" },
        { name: "listingId", type: "uint32" },
        { name: "rating", type: "uint8" },
        { name: "textHash", type: "bytes32" },
        { name: "deadline", type: "uint256" },
      ],
    },
    primaryType: "Review",
    message: { ...message, deadline: deadlineSec },
  };
}
