import type { Catalog } from "../market/catalog.ts";
import { formatTokens } from "../model/money.ts";
import type { Unit } from "../model/offer.ts";
import type { RecordedOutcome } from "../model/record.ts";
import type { SignedReceipt } from "../model/receipt.ts";
import { serviceOf } from "../model/service.ts";
import { durationMsOf, FAILED } from "../model/timing.ts";
import { receiptJson } from "../request/receiptJson.ts";

/** What tells the kind of a request by its unit; tokens don't. */
const API_TYPES: Readonly<Partial<Record<Unit, string>>> = { image: "image", second: "tts" };

/** What OpenRouter knows of a request and this router does not have: it is null, rather than a guess. */
const UNKNOWN = {
  upstream_id: null,
  upstream_inference_cost: null,
  session_id: null,
  external_user: null,
  http_referer: null,
  user_agent: null,
  cache_discount: null,
  moderation_latency: null,
  num_fetches: null,
  num_input_audio_prompt: null,
  num_media_prompt: null,
  num_search_results: null,
  preset_id: null,
  response_cache_source_id: null,
  router: null,
  service_tier: null,
  web_search_engine: null,
  workspace_id: null,
} as const;

/**
 * A past request in OpenRouter's words, made of what journal and store keep; money is in $AI1NET. What a receipt says is
 * exact; durations of requests from before they were kept are those of their rows, rounded down.
 */
export function generationJson(outcome: RecordedOutcome, last: SignedReceipt, catalog: Catalog) {
  const { receipt } = last;
  const service = serviceOf(outcome.service);
  const isServed = receipt.timing !== FAILED;
  const providerOf = (offerId: number): string | undefined => catalog.offer(offerId)?.providerId.toString();
  const durationMs = isServed ? (service?.durationMs ?? durationMsOf(receipt.timing)) : null;
  const unit = catalog.model(outcome.model)?.unit ?? "token";
  const cost = Number(formatTokens(receipt.amountWei));
  return {
    ...UNKNOWN,
    id: outcome.requestId,
    request_id: outcome.requestId,
    model: outcome.model,
    /** The provider's id on chain: its tag. */
    provider_name: (isServed ? providerOf(receipt.offerId) : undefined) ?? null,
    api_type: API_TYPES[unit] ?? null,
    created_at: new Date(outcome.recordedAtMs).toISOString(),
    data_region: "global",
    origin: "",
    app_id: receipt.appId === 0 ? null : receipt.appId,
    is_byok: false,
    streamed: service?.isStreamed ?? null,
    cancelled: service?.isCancelled ?? null,
    finish_reason: service?.finishReason ?? null,
    native_finish_reason: service?.finishReason ?? null,
    /** To the first content where it came as it was made, else to the whole; ms. */
    latency: service?.firstContentMs ?? durationMs,
    generation_time: durationMs,
    /** As billed. */
    tokens_prompt: receipt.inputUnits,
    tokens_completion: receipt.outputUnits,
    /** As the provider reported. */
    native_tokens_prompt: service?.native.prompt ?? null,
    native_tokens_completion: service?.native.completion ?? null,
    native_tokens_reasoning: service?.native.reasoning ?? null,
    native_tokens_cached: service?.native.cached ?? null,
    native_tokens_completion_images: null,
    num_media_completion: unit === "image" ? receipt.outputUnits : null,
    /** Rounded as numbers are; exact in wei. */
    usage: cost,
    total_cost: cost,
    total_cost_wei: receipt.amountWei.toString(),
    provider_responses: outcome.receipts.map(({ receipt: { offerId, timing } }) => ({
      provider_name: providerOf(offerId),
      endpoint_id: catalog.offer(offerId)?.listingId.toString(),
      offer_id: offerId,
      outcome: timing === FAILED ? "failed" : "served",
      status: timing === FAILED ? null : 200,
      ...(timing !== FAILED && durationMs !== null && { latency: durationMs }),
    })),
    receipts: outcome.receipts.map(receiptJson),
  };
}
