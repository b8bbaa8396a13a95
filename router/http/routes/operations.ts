import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import type { Route } from "../route.ts";

export function operationRoutes({ world, gate, registry, problems }: AppDeps): Route[] {
  return [
    {
      method: "get",
      path: "/healthz",
      isOperational: true,
      handle({ res }) {
        sendJson(res, 200, { status: "ok" });
      },
    },
    {
      method: "get",
      path: "/readyz",
      isOperational: true,
      handle({ res }) {
        const reasons = [...problems()];
        if (world.journal.failure()) reasons.push("the journal can't write");
        if (gate.isDraining) reasons.push("the router is stopping");
        sendJson(res, reasons.length === 0 ? 200 : 503, {
          ready: reasons.length === 0,
          in_flight: gate.inFlight(),
          problems: reasons,
        });
      },
    },
    {
      method: "get",
      path: "/metrics",
      isOperational: true,
      async handle({ res }) {
        const text = await registry.metrics();
        res.setHeader("content-type", registry.contentType);
        res.end(text);
      },
    },
  ];
}
