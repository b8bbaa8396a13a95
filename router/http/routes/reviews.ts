import type { Review } from "../../model/feedback.ts";
import { receiptId } from "../../model/receipt.ts";
import { FAILED } from "../../model/timing.ts";
import { notFound, Refusal } from "../../request/refusal.ts";
import { accountOf } from "../../request/serve.ts";
import { clientLimit } from "../clientLimit.ts";
import type { AppDeps } from "../deps.ts";
import { sendJson } from "../errors.ts";
import { findReceipt } from "../findReceipt.ts";
import { readBody } from "../readBody.ts";
import { reviewTypedData, textHashOf } from "../reviewMessage.ts";
import type { Exchange, Route } from "../route.ts";
import { parse, ReviewFields } from "../schemas.ts";

const REVIEWS_PER_MINUTE = 30;
/** How long a wallet has to sign, unless it says otherwise. */
const SIGN_WITHIN_SEC = 3_600;
const MOST_SHOWN = 100;

const conflict = (reason: string, message: string): Refusal =>
  new Refusal(409, "invalid_request", message, { metadata: { reason }, shouldRetry: false });

const reviewJson = ({ accountId, seq, ...review }: Review, text: string | undefined) => ({
  receipt_id: receiptId({ accountId, seq }),
  listing_id: review.listingId,
  owner: review.owner,
  rating: review.rating,
  epoch: review.epoch,
  /** The protocol fee that its row paid: what it counts for. */
  weight_wei: review.weightWei.toString(),
  text_hash: review.textHash,
  /** Null: there is none, or another router has it. */
  text: text ?? null,
  tx_hash: review.txHash,
});

/** Reviews with the proof of their row attached; the operator pays the gas. */
export function reviewRoutes(deps: AppDeps): Route[] {
  const { catalog, world, store, opinions, reviews, network, proveRow } = deps;
  const limit = clientLimit(REVIEWS_PER_MINUTE);

  return [
    {
      method: "get",
      path: "/v1/models/*name/reviews",
      async handle({ req, res }: Exchange) {
        const { name } = req.params;
        const model = catalog.model(Array.isArray(name) ? name.join("/") : (name ?? ""));
        if (!model) throw notFound(`there is no model ${String(name)}`, { reason: "model_not_found" });
        const found = opinions.reviewsOf(catalog.listingsOf(model.modelId), MOST_SHOWN);
        const texts = await store.reviewTexts(found.map(({ textHash }) => textHash));
        const data = found.map((review) => reviewJson(review, texts.get(review.textHash)));
        sendJson(res, 200, { object: "list", id: model.name, data });
      },
    },
    {
      method: "post",
      path: "/v1/reviews",
      async handle({ req, res }) {
        await limit(req);
        const fields = parse(ReviewFields, (await readBody(req)).body);
        const { id, rating, text, signature } = fields;
        const { receipt } = await findReceipt(deps, req.headers.authorization, id);
        const { accountId, seq, offerId, timing, amountWei } = receipt;
        if (timing === FAILED || amountWei === 0n)
          throw conflict("nothing_paid", "nothing was paid for here, so there is nothing to review");
        const offer = catalog.offer(offerId);
        if (!offer) throw notFound("the offer that served this is not known any more");
        const { listingId } = offer;
        const textHash = textHashOf(text);
        const keepText = async (): Promise<void> => {
          if (text !== undefined) await world.journal.append({ kind: "reviewText", textHash, text });
        };
        const shown = { id: receiptId(receipt), listing_id: listingId, rating, text_hash: textHash };

        const made = opinions.reviewOf(accountId, seq);
        if (made) {
          // The very same, whose answer was lost: its text may not have been kept yet.
          if (made.rating !== rating || made.textHash !== textHash)
            throw conflict("Reviews_RowUsed", "this request was reviewed before, with other words");
          await keepText();
          sendJson(res, 200, { status: "already_reviewed", ...shown, tx_hash: made.txHash });
          return;
        }
        const proof = await proveRow(accountId, seq);
        if (!proof)
          throw new Refusal(
            409,
            "invalid_request",
            "this request is not settled yet; try again in a minute",
            {
              metadata: { reason: "not_settled" },
              retryAfterSec: 60,
            },
          );
        const { owner } = accountOf(world, accountId);
        const nowSec = Math.floor(world.clock.nowMs() / 1000);
        const deadlineSec = fields.deadline ?? nowSec + SIGN_WITHIN_SEC;
        if (signature === undefined) {
          const words = { accountId, seq, listingId, rating, textHash, deadlineSec };
          sendJson(res, 200, {
            status: "to_sign",
            ...shown,
            owner,
            deadline: deadlineSec,
            typed_data: reviewTypedData(network, words),
            message:
              "sign typed_data as the account's owner, then send this again with deadline and signature",
          });
          return;
        }
        const result = await reviews.relay({ proof, rating, textHash, deadlineSec, signature });
        if (result === "busy")
          throw new Refusal(503, "service_unavailable", "the review can't be sent now; try again later", {
            retryAfterSec: 30,
          });
        if (result.status === "refused")
          throw conflict(
            /^\w+(?=\()/.exec(result.reason)?.[0] ?? "refused",
            `the review would fail: ${result.reason}`,
          );
        if (result.status === "unknown") {
          res.setHeader("retry-after", "5");
          sendJson(res, 202, {
            status: "pending",
            ...shown,
            tx_hash: result.txHash ?? null,
            message: "send the same request again to learn what became of it",
          });
          return;
        }
        await keepText();
        sendJson(res, 201, { status: "reviewed", ...shown, tx_hash: result.txHash });
      },
    },
  ];
}
