import { compare } from "../../request/compare.ts";
import { ComparisonReply } from "../comparisonReply.ts";
import type { AppDeps } from "../deps.ts";
import { HttpReply } from "../httpReply.ts";
import { readBody } from "../readBody.ts";
import { chatDemand } from "../readDemand.ts";
import { repeatMarksOf } from "../repeatMarks.ts";
import type { Route } from "../route.ts";
import { CompareFields, parse } from "../schemas.ts";

export function compareRoutes({ world, network }: AppDeps): Route[] {
  return [
    {
      method: "post",
      path: "/v1/compare",
      async handle({ req, res, requestId }) {
        let reply: ComparisonReply | undefined;
        const id = `gen-${requestId}`;
        try {
          await compare(world, {
            call: { requestId: id, authorization: req.headers.authorization, ...repeatMarksOf(req) },
            async read() {
              const { body, bytes } = await readBody(req);
              const { models } = parse(CompareFields, body);
              const { models: _, ...common } = body;
              return models.map((model) => chatDemand(req, { body: { ...common, model }, bytes }));
            },
            begin(demands) {
              const isStream = demands.some(({ stream }) => stream);
              const head = { id, created: Math.floor(world.clock.nowMs() / 1000), model: "comparison" };
              reply = new ComparisonReply(
                res,
                new HttpReply(res, network.chainId),
                head,
                isStream,
                world.logger,
              );
              return reply.begin(demands.map(({ model }) => model));
            },
          });
          reply?.done();
        } catch (error) {
          if (!reply?.isOpen) throw error;
          reply.fail(error);
        }
      },
    },
  ];
}
