/** What the main endpoints answer with. Further fields may come; those that are here stay. */
import { z } from "zod";

const wei = z.string().regex(/^\d+$/).meta({ description: "Wei" });
const tokens = z
  .string()
  .regex(/^-?\d+(?:\.\d+)?$/)
  .meta({ description: "$AI1NET" });
const count = z.int().min(0);

const Receipt = z.looseObject({
  id: z.string().meta({ description: "<account>-<seq>" }),
  fields: z.looseObject({
    operatorId: count,
    accountId: count,
    seq: count,
    offerId: count,
    appId: count,
    inputUnits: count,
    outputUnits: count,
    timing: count,
    amount: wei,
    requestHash: z.string(),
    responseHash: z.string(),
    servedAt: count,
  }),
  signature: z.string(),
});

export const ReceiptAnswer = Receipt.extend({
  request_id: z.string(),
  model: z.string(),
  recorded_at: count,
  batch: z.looseObject({ batch_no: count, state: z.string(), tx_hash: z.string().nullable() }).nullable(),
});

export const ChatAnswer = z.looseObject({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: count,
  model: z.string(),
  choices: z.array(z.looseObject({ index: count, finish_reason: z.string().nullable() })),
  usage: z.looseObject({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    cost: z.number(),
    cost_wei: wei,
  }),
  receipt: Receipt,
});

const Pricing = z.looseObject({
  prompt: tokens,
  completion: tokens,
  request: tokens,
  input_cache_read: tokens,
});

export const ModelsAnswer = z.looseObject({
  object: z.literal("list"),
  data: z.array(
    z.looseObject({
      id: z.string(),
      unit: z.enum(["token", "image", "second"]),
      pricing: Pricing.nullable(),
      context_length: count,
      max_completion_tokens: count,
    }),
  ),
});

const share = z.number().min(0).max(1).nullable();
export const EndpointsAnswer = z.looseObject({
  data: z.looseObject({
    id: z.string(),
    endpoints: z.array(
      z.looseObject({
        tag: z.string(),
        listing_id: count,
        offer_id: count,
        pricing: Pricing,
        status: z.enum(["up", "down", "unknown"]),
        breaker: z.enum(["closed", "open", "half_open"]),
        rating: z.number().min(1).max(5).nullable(),
        reviews: count,
        uptime_last_5m: share,
        uptime_last_30m: share,
        uptime_last_1d: share,
      }),
    ),
  }),
});

export const GenerationAnswer = z.looseObject({
  data: z.looseObject({
    id: z.string(),
    model: z.string(),
    provider_name: z.string().nullable(),
    created_at: z.string(),
    streamed: z.boolean().nullable(),
    cancelled: z.boolean().nullable(),
    finish_reason: z.string().nullable(),
    latency: z.number().nullable(),
    generation_time: z.number().nullable(),
    tokens_prompt: count,
    tokens_completion: count,
    native_tokens_prompt: count.nullable(),
    native_tokens_completion: count.nullable(),
    usage: z.number(),
    total_cost: z.number(),
    total_cost_wei: wei,
    receipts: z.array(Receipt),
  }),
});
