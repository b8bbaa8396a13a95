import type { AccountSnapshot } from "../../model/account.ts";
import { escrowAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";

const FLAG_STRICT = 1;
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
  return {
    accountId,
    operatorId: account.operatorId,
    owner: terms.owner,
    signer: terms.signer,
    strict: (account.flags & FLAG_STRICT) !== 0,
    maxAppFeePct: (account.flags >> APP_FEE_SHIFT) & APP_FEE_MASK,
    balanceWei: account.balance,
    creditsWei: account.credits,
    nextSeq: account.nextSeq,
    exitWei: exit.readyAt === 0 ? 0n : exit.amount,
    blockNumber,
  };
}
