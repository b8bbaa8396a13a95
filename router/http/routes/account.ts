import { formatTokens, type Wei } from "../../model/money.ts";
import { authenticate } from "../../request/authenticate.ts";
import { Refusal } from "../../request/refusal.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { keyJson } from "../keyJson.ts";
import type { Route } from "../route.ts";

const amount = (wei: Wei): string => formatTokens(wei > 0n ? wei : 0n);

/** What a key sees of its account and of itself. */
export function accountRoutes({ world }: AppDeps): Route[] {
  const { keys, accounts, funds, clock } = world;
  return [
    {
      method: "get",
      path: "/v1/credits",
      async handle({ req, res }) {
        const { accountId } = authenticate(keys, req.headers.authorization);
        const snapshot = accounts.snapshot(accountId);
        if (!snapshot)
          throw new Refusal(503, "service_unavailable", "this account is not loaded from the chain yet");
        const { heldWei, unsettledWei, availableWei } = await funds.moneyOf(accountId);
        sendJson(res, 200, {
          data: {
            account_id: accountId,
            balance: amount(snapshot.balanceWei),
            credits: amount(snapshot.creditsWei),
            exiting: amount(snapshot.exitWei),
            held: amount(heldWei),
            unsettled: amount(unsettledWei),
            available: amount(availableWei),
            available_wei: (availableWei > 0n ? availableWei : 0n).toString(),
            block_number: snapshot.blockNumber.toString(),
          },
        });
      },
    },
    {
      method: "get",
      path: "/v1/key",
      async handle({ req, res }) {
        const key = authenticate(keys, req.headers.authorization);
        sendJson(res, 200, { data: keyJson(key, await funds.spendOf(key), clock.nowMs()) });
      },
    },
  ];
}
