import type { IncomingMessage } from "node:http";
import type { Demand } from "../../request/demand.ts";
import { serve } from "../../request/serve.ts";
import type { AppDeps } from "../deps.ts";
import { refusalOf } from "../errors.ts";
import { HttpReply } from "../httpReply.ts";
import {
  readChat,
  readCompletion,
  readEmbeddings,
  readImages,
  readResponse,
  readSpeech,
} from "../readDemand.ts";
import type { Route } from "../route.ts";

export function inferenceRoutes({ world }: AppDeps): Route[] {
  const route = (path: string, read: (req: IncomingMessage) => Promise<Demand>): Route => ({
    method: "post",
    path,
    async handle({ req, res, requestId }) {
      const reply = new HttpReply(res);
      const { authorization } = req.headers;
      try {
        await serve(world, { requestId: `gen-${requestId}`, authorization, read: () => read(req) }, reply);
      } catch (error) {
        if (!reply.isOpen) throw error;
        reply.fail(refusalOf(error, world.logger, requestId));
      }
    },
  });
  return [
    route("/v1/chat/completions", readChat),
    route("/v1/completions", readCompletion),
    route("/v1/responses", readResponse),
    route("/v1/images/generations", readImages),
    route("/v1/audio/speech", readSpeech),
    route("/v1/embeddings", readEmbeddings),
  ];
}
