import type { AccountSnapshot } from "../../model/account.ts";
import { escrowAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";

const FLAG_STRICT = 1;
const FLAG_SELF_SETTLED = 2;
const ROWS_PER_WORD = 256;
/** Rows looked at: as many as may wait for a batch. A later one counts as unsettled until it comes into view. */
const WORDS = 64;
const APP_FEE_SHIFT = 2;
const APP_FEE_MASK = 31;

/** An account at one block: balance and `nextSeq` belong together. Undefined for an account that does not exist. */
export async function readAccount(
  client: Client,
  { escrow }: Contracts,
  accountId: number,
): Promise<AccountSnapshot | undefined> {
  const blockNumber = await client.getBlockNumber();
  const at = { address: escrow, abi: escrowAbi, args: [accountId], blockNumber } as const;
  const [account, exit, terms] = await Promise.all([
    client.readContract({ ...at, functionName: "account" }),
    client.readContract({ ...at, functionName: "exitOf" }),
    client.readContract({ ...at, functionName: "termsOf" }),
  ]);
  if (account.operatorId === 0) return undefined;
  const { nextSeq } = account;
  const hasSelfSettled = (account.flags & FLAG_SELF_SETTLED) !== 0;
  return {
    accountId,
    operatorId: account.operatorId,
    owner: terms.owner,
    signer: terms.signer,
    strict: (account.flags & FLAG_STRICT) !== 0,
    maxAppFeePct: (account.flags >> APP_FEE_SHIFT) & APP_FEE_MASK,
    balanceWei: account.balance,
    creditsWei: account.credits,
    nextSeq,
    selfSettled: hasSelfSettled
      ? await selfSettledFrom(nextSeq, (index) =>
          client.readContract({ ...at, functionName: "selfSettledWord", args: [accountId, index] }),
        )
      : undefined,
    exitWei: exit.readyAt === 0 ? 0n : exit.amount,
    blockNumber,
  };
}

async function selfSettledFrom(
  nextSeq: number,
  wordAt: (index: bigint) => Promise<bigint>,
): Promise<ReadonlySet<number>> {
  const first = Math.floor(nextSeq / ROWS_PER_WORD);
  const words = await Promise.all(Array.from({ length: WORDS }, (_, i) => wordAt(BigInt(first + i))));
  const seqs = new Set<number>();
  for (const [i, word] of words.entries()) {
    for (let bits = word, seq = (first + i) * ROWS_PER_WORD; bits !== 0n; bits >>= 1n, seq++)
      if ((bits & 1n) === 1n && seq >= nextSeq) seqs.add(seq);
  }
  return seqs;
}
