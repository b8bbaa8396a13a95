import { getAbiItem } from "viem";

import type { Challenge, ChallengeDesk } from "../../ports.ts";
import { challengesAbi } from "./abi.ts";
import { BlockTrail } from "./blockTrail.ts";
import type { Client, Contracts } from "./contracts.ts";
import { firstBlockSince } from "./firstBlockSince.ts";
import type { TransactionSender } from "./transactionSender.ts";

/** Nodes bound what one call may ask for. */
const BLOCKS_AT_ONCE = 2_000n;
/** `IChallenges.ChallengeState.Open` */
const OPEN = 1;

const challengeOpened = getAbiItem({ abi: challengesAbi, name: "ChallengeOpened" });

/**
 * Reads an operator's challenges off the chain and answers them. Nothing is remembered across restarts: a challenge is open
 * for one window, so all that can still be answered lie in the blocks of the last one.
 */
export function challengeDesk(
  client: Client,
  { challenges, challengeWindowSec }: Pick<Contracts, "challenges" | "challengeWindowSec">,
  operatorId: number,
  sender: Pick<TransactionSender, "send">,
): ChallengeDesk {
  const trail = new BlockTrail(client);
  const at = { address: challenges, abi: challengesAbi } as const;
  let readTo: bigint | undefined;

  const openedIn = async (fromBlock: bigint, toBlock: bigint): Promise<Challenge[]> => {
    const opened: Challenge[] = [];
    for (let from = fromBlock; from <= toBlock; from += BLOCKS_AT_ONCE) {
      const to = from + BLOCKS_AT_ONCE - 1n < toBlock ? from + BLOCKS_AT_ONCE - 1n : toBlock;
      const logs = await client.getLogs({
        address: challenges,
        event: challengeOpened,
        args: { operatorId },
        fromBlock: from,
        toBlock: to,
        strict: true,
      });
      for (const { args } of logs)
        opened.push({ accountId: args.accountId, seq: args.seq, answerBySec: args.answerBy });
    }
    return opened;
  };

  return {
    look: async () => {
      const { head, step } = await trail.follow(readTo ?? -1n);
      const all = readTo === undefined || step === "reorganized";
      const seen = { blockNumber: head.number, timeSec: Number(head.timestamp) };
      if (step === "none" && !all) return { ...seen, opened: [] };
      // What fails is read again the next time.
      if (all) readTo = undefined;
      const fromBlock =
        readTo === undefined
          ? await firstBlockSince(client, head.timestamp - BigInt(challengeWindowSec), head.number)
          : readTo + 1n;
      const opened = await openedIn(fromBlock, head.number);
      readTo = head.number;
      return { ...seen, opened };
    },
    isOpen: async (accountId, seq) => {
      const { state } = await client.readContract({
        ...at,
        functionName: "challenge",
        args: [accountId, seq],
      });
      return state === OPEN;
    },
    answer: ({ accountId, seq }, { from, to, valueWei, validAfterSec, validBeforeSec, nonce, signature }) => {
      const [validAfter, validBefore] = [BigInt(validAfterSec), BigInt(validBeforeSec)];
      const authorization = { from, to, value: valueWei, validAfter, validBefore, nonce };
      return sender.send({
        what: `the answer for row ${seq} of account ${accountId}`,
        ...at,
        functionName: "answer",
        args: [accountId, seq, authorization, signature],
      });
    },
  };
}
