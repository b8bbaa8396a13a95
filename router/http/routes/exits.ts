import type { AccountSnapshot } from "../../model/account.ts";
import { formatTokens } from "../../model/money.ts";
import type { ExitStatus } from "../../ports.ts";
import { invalidRequest, Refusal } from "../../request/refusal.ts";
import { authorizeOwner } from "../authorizeOwner.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { readBody } from "../readBody.ts";
import type { Exchange, Route } from "../route.ts";
import { ExitFields, parse } from "../schemas.ts";

const date = (sec: number): string => new Date(sec * 1000).toISOString();

function phaseOf({ readyAtSec, nowSec }: ExitStatus): "none" | "notice" | "ready" {
  if (readyAtSec === undefined) return "none";
  return readyAtSec > nowSec ? "notice" : "ready";
}

const conflict = (message: string, reason: string): Refusal =>
  new Refusal(409, "invalid_request", message, { shouldRetry: false, metadata: { reason } });

const statusJson = ({ accountId, balanceWei }: AccountSnapshot, status: ExitStatus) => ({
  account_id: accountId,
  phase: phaseOf(status),
  balance: formatTokens(balanceWei),
  exiting: formatTokens(status.amountWei),
  ready_at: status.readyAtSec === undefined ? null : date(status.readyAtSec),
  notice_seconds: status.noticeSec,
});

/**
 * Leaving. The contracts take an exit from the owner alone, so the router prepares the transaction and the wallet sends
 * it; the same calls work with no router at all (client/, `npm run payer -- exit`).
 */
export function exitRoutes(deps: AppDeps): Route[] {
  const { exits, network } = deps;
  const find = async ({ req }: Exchange): Promise<AccountSnapshot> => {
    const id = String(req.params["id"]);
    if (!/^[1-9]\d{0,9}$/.test(id)) throw invalidRequest("an account is named by its number", "id");
    return authorizeOwner(deps, req.headers.authorization, Number(id));
  };
  return [
    {
      method: "get",
      path: "/v1/accounts/:id/exit",
      async handle(exchange) {
        const account = await find(exchange);
        sendJson(exchange.res, 200, statusJson(account, await exits.status(account.accountId)));
      },
    },
    {
      method: "post",
      path: "/v1/accounts/:id/exit",
      async handle(exchange) {
        const account = await find(exchange);
        const { accountId, owner, balanceWei } = account;
        const { action, amount, to } = parse(ExitFields, (await readBody(exchange.req)).body);
        const status = await exits.status(accountId);
        const phase = phaseOf(status);
        if (action === "request" && balanceWei === 0n)
          throw conflict("there is nothing to withdraw: credits can only be spent", "empty");
        if (action !== "request" && phase === "none")
          throw conflict("no exit was requested: action request comes first", "no_exit");
        if (action === "withdraw" && phase === "notice")
          throw conflict(`the notice ends at ${date(status.readyAtSec ?? 0)}`, "notice");
        const call =
          action === "request"
            ? exits.request(accountId, amount ?? balanceWei)
            : action === "cancel"
              ? exits.cancel(accountId)
              : exits.withdraw(accountId, to ?? (owner as `0x${string}`));
        sendJson(exchange.res, 200, {
          ...statusJson(account, status),
          /** To be signed and sent by the owner's wallet. */
          transaction: { from: owner, to: call.to, data: call.data, value: "0x0", chain_id: network.chainId },
        });
      },
    },
  ];
}
