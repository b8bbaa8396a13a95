import { receiptId } from "../../model/receipt.ts";
import { FAILED } from "../../model/timing.ts";
import { notFound, Refusal } from "../../request/refusal.ts";
import { accountOf } from "../../request/serve.ts";
import { clientLimit } from "../clientLimit.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { findReceipt } from "../findReceipt.ts";
import { readBody } from "../readBody.ts";
import type { Route } from "../route.ts";
import { FeedbackFields, parse } from "../schemas.ts";

/** Each stays in the journal. */
const FEEDBACK_PER_MINUTE = 120;

/** What callers think of their own requests: it moves which model `auto` picks. */
export function feedbackRoutes(deps: AppDeps): Route[] {
  const { catalog, world, store, opinions } = deps;
  const limit = clientLimit(FEEDBACK_PER_MINUTE);
  return [
    {
      method: "post",
      path: "/v1/feedback",
      async handle({ req, res }) {
        await limit(req);
        const { id, rating, task } = parse(FeedbackFields, (await readBody(req)).body);
        const { receipt, requestId } = await findReceipt(deps, req.headers.authorization, id);
        const { accountId, seq, offerId, timing, amountWei } = receipt;
        if (timing === FAILED || amountWei === 0n)
          throw new Refusal(
            409,
            "invalid_request",
            "nothing was paid for here, so there is nothing to rate",
            {
              param: "id",
              metadata: { reason: "nothing_paid" },
              shouldRetry: false,
            },
          );
        const offer = catalog.offer(offerId);
        if (!offer) throw notFound("the offer that served this is not known any more");
        const { listingId, modelId, providerId } = offer;
        const { owner } = accountOf(world, accountId);
        if (catalog.provider(providerId)?.owner.toLowerCase() === owner.toLowerCase())
          throw new Refusal(403, "permission_denied", "the account's owner sells what it would rate", {
            metadata: { reason: "own_listing" },
            shouldRetry: false,
          });
        const before = await store.feedbackOn(accountId, seq);
        const feedback = {
          accountId,
          seq,
          owner,
          listingId,
          modelId,
          ...(task !== undefined && { task }),
          rating,
          atMs: world.clock.nowMs(),
        };
        await world.journal.append({ kind: "feedback", feedback });
        opinions.heard(feedback);
        sendJson(res, before ? 200 : 201, {
          data: {
            id: receiptId(receipt),
            request_id: requestId,
            model: catalog.modelById(modelId)?.name ?? null,
            listing_id: listingId,
            rating,
            task: task ?? null,
            replaced: before?.rating ?? null,
          },
        });
      },
    },
  ];
}
