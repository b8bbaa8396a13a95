import { authenticate } from "../request/authenticate.ts";
import type { AppDeps } from "./deps.ts";

/** Whether an account's requests may be shown to whoever asks. */
export type Reads = (accountId: number) => Promise<boolean>;

/**
 * Who may read about an account's requests: its API keys, and the wallet that is signed in and owns it or signs for it.
 * @throws {Refusal} 401
 */
export async function authorizeReader(
  { sessions, world, chain, operatorId }: Pick<AppDeps, "sessions" | "world" | "chain" | "operatorId">,
  authorization: string | undefined,
): Promise<Reads> {
  const session = await sessions.find(authorization);
  if (!session) {
    const key = authenticate(world.keys, authorization);
    return (accountId) => Promise.resolve(accountId === key.accountId);
  }
  return async (accountId) => {
    const account = world.accounts.snapshot(accountId) ?? (await chain.account(accountId));
    if (account?.operatorId !== operatorId) return false;
    return [account.owner, account.signer].some((address) => address.toLowerCase() === session.owner);
  };
}
