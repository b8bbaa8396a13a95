import { randomUUID } from "node:crypto";
import express, { type Application, type Request, type Response } from "express";
import { Refusal, notFound } from "../request/refusal.ts";
import { cors } from "./cors.ts";
import type { AppDeps } from "./deps.ts";
import { sendError } from "./errors.ts";
import type { Route } from "./route.ts";
import { accountRoutes } from "./routes/account.ts";
import { depositRoutes } from "./routes/deposits.ts";
import { activityRoutes } from "./routes/activity.ts";
import { compareRoutes } from "./routes/compare.ts";
import { docsRoutes } from "./routes/docs.ts";
import { exitRoutes } from "./routes/exits.ts";
import { feedbackRoutes } from "./routes/feedback.ts";
import { inferenceRoutes } from "./routes/inference.ts";
import { keyRoutes } from "./routes/keys.ts";
import { modelRoutes } from "./routes/models.ts";
import { operationRoutes } from "./routes/operations.ts";
import { providerRoutes } from "./routes/provider.ts";
import { receiptRoutes } from "./routes/receipts.ts";
import { reviewRoutes } from "./routes/reviews.ts";
import { topupRoutes } from "./routes/topup.ts";
import { walletRoutes } from "./routes/wallet.ts";

const stopping = (): Refusal =>
  new Refusal(503, "service_unavailable", "the router is stopping; try again", {
    retryAfterSec: 1,
    headers: { connection: "close" },
  });

/** The whole API. What it serves is counted by `deps.gate`, so that a stop can wait for it. */
export function createApp(deps: AppDeps): Application {
  const { gate, trace, world } = deps;
  const { metrics, logger } = world;
  const app = express();
  app.disable("x-powered-by").disable("etag").set("query parser", "simple");
  app.use(cors(deps.corsOrigins));

  /** Runs one route: names the request, counts it, and turns whatever it throws into an answer. */
  const run =
    (route: Omit<Route, "method">) =>
    async (req: Request, res: Response): Promise<void> => {
      const requestId = randomUUID();
      const startedAtMs = performance.now();
      res.setHeader("x-request-id", requestId);
      res.once("close", () => {
        const ms = performance.now() - startedAtMs;
        metrics.request(route.path, res.statusCode, ms / 1000);
        logger.debug({ requestId, route: route.path, status: res.statusCode, ms: Math.round(ms) }, "request");
      });
      const answer = async (): Promise<void> => {
        const hasEntered = gate.enter();
        try {
          if (!hasEntered && route.isOperational !== true) throw stopping();
          await route.handle({ req, res, requestId });
        } catch (error) {
          sendError(res, error, logger, requestId);
        } finally {
          if (hasEntered) gate.leave();
        }
      };
      const { method, headers } = req;
      const request = { requestId, method, route: route.path, headers, status: () => res.statusCode };
      await (trace ? trace(request, answer) : answer());
    };

  const described = [
    ...inferenceRoutes(deps),
    ...compareRoutes(deps),
    ...reviewRoutes(deps),
    ...modelRoutes(deps),
    ...feedbackRoutes(deps),
    ...activityRoutes(deps),
    ...receiptRoutes(deps),
    ...accountRoutes(deps),
    ...walletRoutes(deps),
    ...keyRoutes(deps),
    ...depositRoutes(deps),
    ...exitRoutes(deps),
    ...topupRoutes(deps),
    ...providerRoutes(deps),
    ...operationRoutes(deps),
  ];
  const routes = [...described, ...docsRoutes(described)];
  const methods = Map.groupBy(routes, (route) => route.path);
  for (const route of routes) app[route.method](route.path, run(route));
  for (const [path, known] of methods)
    app.all(
      path,
      run({
        path,
        handle() {
          const allow = known.map((route) => route.method.toUpperCase()).join(", ");
          const message = `this path answers to ${allow} only`;
          throw new Refusal(405, "method_not_allowed", message, { headers: { allow } });
        },
      }),
    );
  app.use(
    run({
      path: "unknown",
      handle({ req }) {
        throw notFound(`there is nothing at ${req.method} ${req.path}`);
      },
    }),
  );
  // Express itself refuses some paths, for instance with a broken escape.
  app.use((error: unknown, _req: Request, res: Response, _next: unknown) => {
    const requestId = randomUUID();
    res.setHeader("x-request-id", requestId);
    const isBadPath = error instanceof URIError;
    const refusal = new Refusal(400, "invalid_request", "the path is not valid");
    sendError(res, isBadPath ? refusal : error, logger, requestId);
  });
  return app;
}
