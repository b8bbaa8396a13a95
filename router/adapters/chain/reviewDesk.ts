import { getAbiItem, type Abi } from "viem";

import type { Review } from "../../model/feedback.ts";
import type { ReviewDesk, SentResult } from "../../ports.ts";
import { reviewsAbi, settleAbi } from "./abi.ts";
import { BlockTrail } from "./blockTrail.ts";
import type { Client, Contracts } from "./contracts.ts";
import { firstBlockSince } from "./firstBlockSince.ts";
import type { TransactionSender } from "./transactionSender.ts";

/** Nodes bound what one call may ask for. */
const BLOCKS_AT_ONCE = 2_000n;
/** Reviews count for so long. */
const REMEMBERED_SEC = 30n * 86_400n;
/** What the operator pays for in an hour. */
const MOST_RELAYED_PER_HOUR = 200;
const HOUR_MS = 3_600_000;

const reviewed = getAbiItem({ abi: reviewsAbi, name: "Reviewed" });
const ANY_CALL: Abi = [...reviewsAbi, ...settleAbi.filter(({ type }) => type === "error")];

/** Reads the reviews of the last month off the chain, and relays those that account owners have signed. */
export function reviewDesk(
  client: Client,
  { reviews }: Pick<Contracts, "reviews">,
  sender: Pick<TransactionSender, "send">,
  maySend: () => Promise<boolean>,
): ReviewDesk {
  const trail = new BlockTrail(client);
  let readTo: bigint | undefined;
  /** What was reported before is to be forgotten. */
  let isStale = false;
  let relayedAtMs: number[] = [];

  const madeIn = async (fromBlock: bigint, toBlock: bigint): Promise<Review[]> => {
    const found: Review[] = [];
    for (let from = fromBlock; from <= toBlock; from += BLOCKS_AT_ONCE) {
      const to = from + BLOCKS_AT_ONCE - 1n < toBlock ? from + BLOCKS_AT_ONCE - 1n : toBlock;
      const range = { fromBlock: from, toBlock: to };
      const logs = await client.getLogs({ address: reviews, event: reviewed, ...range, strict: true });
      for (const { args, transactionHash } of logs) {
        const { weight, epoch, ...rest } = args;
        found.push({ ...rest, epoch: Number(epoch), weightWei: weight, txHash: transactionHash });
      }
    }
    return found;
  };

  return {
    look: async () => {
      const { head, step } = await trail.follow(readTo ?? -1n);
      if (step === "none" && readTo !== undefined) return { reviews: [], reorganized: false };
      // What fails is read again the next time, all of it after a reorganization.
      if (step === "reorganized") [isStale, readTo] = [true, undefined];
      const from =
        readTo === undefined
          ? await firstBlockSince(client, head.timestamp - REMEMBERED_SEC, head.number)
          : readTo + 1n;
      const found = await madeIn(from, head.number);
      const reorganized = isStale;
      [isStale, readTo] = [false, head.number];
      return { reviews: found, reorganized };
    },
    relay: async ({ proof, rating, textHash, deadlineSec, signature }): Promise<SentResult | "busy"> => {
      const nowMs = Date.now();
      relayedAtMs = relayedAtMs.filter((atMs) => atMs > nowMs - HOUR_MS);
      if (relayedAtMs.length >= MOST_RELAYED_PER_HOUR || !(await maySend())) return "busy";
      const { operatorId, header, group, startSeq, shortfallWei, rowIndex, siblings } = proof;
      const row = { operatorId, header, group, startSeq, shortfall: shortfallWei, rowIndex, siblings };
      const result = await sender.send({
        what: "a review",
        address: reviews,
        abi: ANY_CALL,
        functionName: "reviewFor",
        args: [row, rating, textHash, BigInt(deadlineSec), signature],
      });
      // What is refused was simulated, and cost nothing.
      if (result.status !== "refused") relayedAtMs.push(nowMs);
      return result;
    },
  };
}
