import { Refusal } from "../request/refusal.ts";
import { carries } from "./admin.ts";
import type { AppDeps } from "./deps.ts";

/** Who manages keys: the operator, everybody's; or a wallet, those of the accounts that it owns on chain. */
export type Manager = { readonly kind: "admin" } | { readonly kind: "owner"; readonly owner: string };

/** The operator, or the wallet that is signed in. What they may touch, {@link manages} says. @throws {Refusal} 401 */
export async function authorizeManager(
  { adminToken, sessions }: Pick<AppDeps, "adminToken" | "sessions">,
  authorization: string | undefined,
): Promise<Manager> {
  if (carries(authorization, adminToken)) return { kind: "admin" };
  const session = await sessions.find(authorization);
  if (session) return { kind: "owner", owner: session.owner };
  throw new Refusal(
    401,
    "authentication",
    "this needs a sign-in as the account's owner (POST /v1/auth/siwe), or the operator's admin token",
    { headers: { "www-authenticate": "Bearer" }, shouldRetry: false },
  );
}

/** Whether a manager may act for an account; `undefined` is an account that nobody knows. */
export function manages(manager: Manager, account: { readonly owner: string } | undefined): boolean {
  if (manager.kind === "admin") return true;
  return account?.owner.toLowerCase() === manager.owner.toLowerCase();
}
