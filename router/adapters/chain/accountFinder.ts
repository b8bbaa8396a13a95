import type { AccountSnapshot } from "../../model/account.ts";
import type { Hex } from "../../model/bytes.ts";
import type { AccountFinder } from "../../ports.ts";
import { escrowAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";
import { readAccount } from "./readAccount.ts";

/** Terms that are read at once: a few HTTP requests' worth. */
const TERMS_AT_ONCE = 500;
/** Accounts of one wallet that are shown; nobody needs as many. */
const MOST_FOUND = 100;

const lower = (address: string): Hex => address.toLowerCase() as Hex;

function note(index: Map<Hex, number[]>, address: string, accountId: number): void {
  const ids = index.get(lower(address));
  if (ids) ids.push(accountId);
  else index.set(lower(address), [accountId]);
}

/**
 * Knows the accounts of one operator by owner and by signer. Accounts are numbered from 1 and their terms never change,
 * so each is read once, when somebody asks; an index by events would need nodes that search their whole history.
 */
export function accountFinder(client: Client, contracts: Contracts, operatorId: number): AccountFinder {
  const at = { address: contracts.escrow, abi: escrowAbi } as const;
  const byOwner = new Map<Hex, number[]>();
  const bySigner = new Map<Hex, number[]>();
  let known = 0;
  let reading: Promise<void> | undefined;

  const read = async (): Promise<void> => {
    const count = await client.readContract({ ...at, functionName: "accountCount" });
    // Fewer than before: the chain went back, and numbers may have been given anew.
    if (count < known) forget();
    while (known < count) {
      const ids = Array.from({ length: Math.min(TERMS_AT_ONCE, count - known) }, (_, i) => known + 1 + i);
      const terms = await Promise.all(
        ids.map((accountId) => client.readContract({ ...at, functionName: "termsOf", args: [accountId] })),
      );
      for (const [i, { operatorId: operator, owner, signer, strict }] of terms.entries()) {
        if (operator !== operatorId) continue;
        note(byOwner, owner, ids[i] as number);
        if (strict) note(bySigner, signer, ids[i] as number);
      }
      known += ids.length;
    }
  };
  const forget = (): void => {
    byOwner.clear();
    bySigner.clear();
    known = 0;
  };

  const find = async (
    index: Map<Hex, number[]>,
    address: Hex,
    isIts: (account: AccountSnapshot) => boolean,
  ): Promise<AccountSnapshot[]> => {
    for (let tries = 0; ; tries++) {
      reading ??= read().finally(() => (reading = undefined));
      await reading;
      const ids = (index.get(lower(address)) ?? []).slice(0, MOST_FOUND);
      const found = await Promise.all(ids.map((id) => readAccount(client, contracts, id)));
      const accounts = found.filter((account) => account !== undefined && isIts(account));
      // An account that is somebody else's now: the chain went back and grew again in between.
      if (accounts.length === ids.length || tries > 0) return accounts as AccountSnapshot[];
      forget();
    }
  };

  return {
    ofOwner: (owner) => find(byOwner, owner, (account) => lower(account.owner) === lower(owner)),
    ofSigner: (signer) => find(bySigner, signer, (account) => lower(account.signer) === lower(signer)),
  };
}
