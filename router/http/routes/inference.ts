import type { IncomingMessage } from "node:http";
import type { Demand } from "../../request/demand.ts";
import { serve } from "../../request/serve.ts";
import { aiDemand } from "../aiDemand.ts";
import { serveWallet } from "../../request/serveWallet.ts";
import { PaymentRequired } from "../../request/walletPayment.ts";
import type { AppDeps } from "../deps.ts";
import { refusalOf } from "../errors.ts";
import { HttpReply } from "../httpReply.ts";
import { readBody, type JsonBody } from "../readBody.ts";
import { chatDemand, completionDemand, embeddingsDemand, responseDemand } from "../readDemand.ts";
import { imagesDemand, speechDemand } from "../readMedia.ts";
import { repeatMarksOf } from "../repeatMarks.ts";
import type { Route } from "../route.ts";
import { asking, isForWallet, payingAccountOf, paymentOf, urlOf } from "../x402.ts";

export function inferenceRoutes({ world, wallets, network }: AppDeps): Route[] {
  const route = (path: string, demandOf: (req: IncomingMessage, received: JsonBody) => Demand): Route => ({
    method: "post",
    path,
    async handle({ req, res, requestId }) {
      const reply = new HttpReply(res, network.chainId);
      const { authorization } = req.headers;
      const call = {
        requestId: `gen-${requestId}`,
        read: async (): Promise<Demand> => demandOf(req, await readBody(req)),
      };
      try {
        if (wallets && isForWallet(req)) {
          const payer = { payment: paymentOf(req, wallets), accountId: payingAccountOf(req) };
          await serveWallet(world, wallets, { ...call, ...payer }, reply);
        } else await serve(world, { ...call, authorization, ...repeatMarksOf(req) }, reply);
      } catch (error) {
        if (error instanceof PaymentRequired && wallets) throw asking(error, wallets, urlOf(req));
        if (!reply.isOpen) throw error;
        reply.fail(refusalOf(error, world.logger, requestId));
      }
    },
  });
  return [
    route("/v1/chat/completions", chatDemand),
    route("/v1/completions", completionDemand),
    route("/v1/responses", responseDemand),
    route("/v1/images/generations", imagesDemand),
    route("/v1/audio/speech", speechDemand),
    route("/v1/embeddings", embeddingsDemand),
    route("/v1/ai/request", aiDemand),
  ];
}
