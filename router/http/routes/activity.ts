import { formatTokens } from "../../model/money.ts";
import { authenticate } from "../../request/authenticate.ts";
import { invalidRequest } from "../../request/refusal.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import type { Route } from "../route.ts";

const MOST_DAYS = 90;
const USUAL_DAYS = 30;
const DAY_MS = 86_400_000;
const MOST_ROWS = 5_000;

export function activityRoutes({ world, store }: AppDeps): Route[] {
  return [
    {
      method: "get",
      path: "/v1/activity",
      async handle({ req, res }) {
        const nowMs = world.clock.nowMs();
        const key = authenticate(world.keys, req.headers.authorization, nowMs);
        const text = req.query["days"] ?? String(USUAL_DAYS);
        const days = typeof text === "string" && /^\d{1,2}$/.test(text) ? Number(text) : 0;
        if (days < 1 || days > MOST_DAYS)
          throw invalidRequest(`days: must be a number from 1 to ${MOST_DAYS}`, "days");
        // Whole days, today among them.
        const fromMs = (Math.floor(nowMs / DAY_MS) - days + 1) * DAY_MS;
        const rows = await store.activity(key.accountId, fromMs, MOST_ROWS);
        sendJson(res, 200, {
          data: rows.map(({ day, model, keyId, requests, failures, inputUnits, outputUnits, amountWei }) => ({
            date: day,
            model,
            key_id: keyId,
            requests,
            failed_attempts: failures,
            input_units: inputUnits,
            output_units: outputUnits,
            cost: formatTokens(amountWei),
            cost_wei: amountWei.toString(),
          })),
        });
      },
    },
  ];
}
