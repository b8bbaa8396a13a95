import type { AccountSnapshot } from "../model/account.ts";
import type { Session } from "../model/session.ts";
import { notFound, Refusal } from "../request/refusal.ts";
import type { AppDeps } from "./deps.ts";

/** The wallet that is signed in. @throws {Refusal} 401 */
export async function authorizeWallet(
  { sessions }: Pick<AppDeps, "sessions">,
  authorization: string | undefined,
): Promise<Session> {
  const session = await sessions.find(authorization);
  if (session) return session;
  throw new Refusal(401, "authentication", "sign in with your wallet: POST /v1/auth/siwe", {
    headers: { "www-authenticate": "Bearer" },
    shouldRetry: false,
  });
}

/**
 * An account of this operator's, as the chain has it, if the wallet that is signed in owns it.
 * @throws {Refusal} 401 without a session; 404 for an account that is another's, or nobody's
 */
export async function authorizeOwner(
  deps: Pick<AppDeps, "sessions" | "chain" | "operatorId">,
  authorization: string | undefined,
  accountId: number,
): Promise<AccountSnapshot> {
  const { owner } = await authorizeWallet(deps, authorization);
  const account = await deps.chain.account(accountId);
  if (account?.operatorId !== deps.operatorId || account.owner.toLowerCase() !== owner)
    throw notFound(`the wallet that is signed in owns no account ${accountId} here`);
  return account;
}
