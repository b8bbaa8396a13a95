import { compare } from "../../request/compare.ts";
import { compareWallet } from "../../request/compareWallet.ts";
import type { Demand } from "../../request/demand.ts";
import { PaymentRequired } from "../../request/walletPayment.ts";
import { ComparisonReply } from "../comparisonReply.ts";
import type { AppDeps } from "../deps.ts";
import { HttpReply } from "../httpReply.ts";
import { readBody } from "../readBody.ts";
import { chatDemand } from "../readDemand.ts";
import { repeatMarksOf } from "../repeatMarks.ts";
import type { Route } from "../route.ts";
import { CompareFields, parse } from "../schemas.ts";
import { asking, isForWallet, payingAccountOf, paymentsOf, urlOf } from "../x402.ts";

export function compareRoutes({ world, wallets, network }: AppDeps): Route[] {
  return [
    {
      method: "post",
      path: "/v1/compare",
      async handle({ req, res, requestId }) {
        let reply: ComparisonReply | undefined;
        const id = `gen-${requestId}`;
        const rail = wallets && isForWallet(req) ? wallets : undefined;
        try {
          const payments = rail ? paymentsOf(req, rail) : [];
          const common = {
            async read() {
              const { body, bytes } = await readBody(req);
              const { models } = parse(CompareFields, body);
              const { models: _, ...asked } = body;
              return models.map((model) => chatDemand(req, { body: { ...asked, model }, bytes }));
            },
            begin(demands: readonly Demand[]) {
              const isStream = demands.some(({ stream }) => stream);
              const head = { id, created: Math.floor(world.clock.nowMs() / 1000), model: "comparison" };
              const http = new HttpReply(res, network.chainId);
              reply = new ComparisonReply(res, http, head, isStream, world.logger, payments[0]?.from);
              return reply.begin(demands.map(({ model }) => model));
            },
          };
          if (rail) {
            const accountId = payingAccountOf(req);
            await compareWallet(world, rail, { ...common, requestId: id, payments, accountId });
          } else {
            const { authorization } = req.headers;
            await compare(world, {
              ...common,
              call: { requestId: id, authorization, ...repeatMarksOf(req) },
            });
          }
          reply?.done();
        } catch (error) {
          if (error instanceof PaymentRequired && rail) throw asking(error, rail, urlOf(req));
          if (!reply?.isOpen) throw error;
          reply.fail(error);
        }
      },
    },
  ];
}
