/** What request bodies must look like, as far as anything here depends on them. All else goes to the provider as it is. */
import { z } from "zod";
import { isObject } from "../model/chat.ts";
import { MOST_STARS } from "../model/feedback.ts";
import { MEASURED_FORMATS } from "../model/audioClock.ts";
import { MAX_UNITS } from "../model/offer.ts";
import { parseTokens } from "../model/money.ts";
import { TASKS } from "../routing/tasks.ts";
import { invalidRequest } from "../request/refusal.ts";

const model = z.string().min(1).max(200);
const stream = z.boolean().nullish();

/** A decimal number of tokens, as wei per unit of so many, rounded down. */
const price = (units: bigint) =>
  z
    .union([z.string(), z.number()])
    .transform((text, context) => {
      try {
        return parseTokens(String(text)) / units;
      } catch {
        context.addIssue({
          code: "custom",
          message: 'must be a decimal number of tokens, for instance "0.5"',
        });
        return z.NEVER;
      }
    })
    .optional();
const perMillion = price(1_000_000n);
const each = price(1n);

const SORTS = ["price", "throughput", "latency", "exacto"] as const;
const sort = z.enum(SORTS, { error: `must be one of ${SORTS.join(", ")}` });
const positive = z.number().positive();
/** One number is what half of the requests should do at least as well as. */
const percentiles = z
  .union(
    [positive, z.strictObject({ p50: positive, p75: positive, p90: positive, p99: positive }).partial()],
    {
      error: "must be a positive number, or an object of p50, p75, p90, p99",
    },
  )
  .transform((wanted) => (typeof wanted === "number" ? { p50: wanted } : wanted))
  .optional();
const QUANTIZATIONS = "int4 int8 fp4 mxfp4 nvfp4 fp6 fp8 mxfp8 fp16 bf16 fp32 unknown".split(" ");

const providers = z.array(z.string().max(64)).max(64);

/** OpenRouter's table. Prices are in $AI1NET: per million tokens, per request, per image, per second of sound. */
export const ProviderField = z.strictObject({
  order: providers.optional(),
  only: providers.optional(),
  ignore: providers.optional(),
  allow_fallbacks: z.boolean().optional(),
  max_price: z
    .strictObject({
      prompt: perMillion,
      completion: perMillion,
      request: each,
      image: each,
      audio: each,
    })
    .partial()
    .optional(),
  require_parameters: z.boolean().optional(),
  // Promises that no provider here can be held to: asked for, they must not be dropped in silence.
  data_collection: z.literal("allow", { error: "no provider promises that" }).optional(),
  zdr: z.literal(false, { error: "no provider promises that" }).optional(),
  enforce_distillable_text: z.literal(false, { error: "no provider promises that" }).optional(),
  quantizations: z
    .array(z.enum(QUANTIZATIONS, { error: `must be one of ${QUANTIZATIONS.join(", ")}` }))
    .max(16)
    .optional(),
  sort: z
    .union(
      [
        sort.transform((by) => ({ by, partition: "model" as const })),
        z.strictObject({ by: sort, partition: z.enum(["model", "none"]).default("model") }),
      ],
      { error: `must be one of ${SORTS.join(", ")}, or an object of by and partition` },
    )
    .nullish(),
  /** Output units per second. */
  preferred_min_throughput: percentiles,
  /** Seconds to the first content. */
  preferred_max_latency: percentiles,
});

const LEVELS = { low: 0.2, medium: 0.5, high: 1 } as const;
const weight = z
  .union([z.number().min(0).max(1), z.enum(["low", "medium", "high"])], {
    error: "must be a number from 0 to 1, or low, medium or high",
  })
  .transform((given) => (typeof given === "number" ? given : LEVELS[given]))
  .optional();

/** How much each counts when the router chooses the model. */
export const WeightsField = z.strictObject({ speed: weight, cost: weight, quality: weight });

/** What may come with any request to a model; `task` and `preferences` count when the model is `auto`. */
const routing = {
  provider: ProviderField.nullish(),
  /** To be asked after `model`, in this order. */
  models: z.array(model).max(8).nullish(),
  session_id: z.string().min(1).max(256).nullish(),
  prompt_cache_key: z.string().max(1_024).nullish(),
  task: z.enum(TASKS, { error: `must be one of ${TASKS.join(", ")}` }).nullish(),
  preferences: WeightsField.nullish(),
  trace: z.unknown().optional(),
};

const units = z.int().min(1).max(MAX_UNITS).nullish();
const array = (most: number) =>
  z
    .custom<unknown[]>(
      (value) => Array.isArray(value) && value.length > 0,
      "must be an array with something in it",
    )
    .refine((value) => value.length <= most, `must have at most ${most} items`)
    .meta({ type: "array", minItems: 1, maxItems: most });

const array0 = (most: number) =>
  z
    .custom<unknown[]>(Array.isArray, "must be an array")
    .refine((value) => value.length <= most, `must have at most ${most} items`)
    .meta({ type: "array", maxItems: most });

export const ChatFields = z.object({
  model,
  stream,
  messages: array(4_096),
  tools: array0(1_024).nullish(),
  n: z.int().min(1).max(16).nullish(),
  max_tokens: units,
  max_completion_tokens: units,
  ...routing,
});

/** Nobody here keeps what was said; refused rather than forgotten. */
const nothingKept = z.null({ error: "nothing is kept here: send the whole input" }).optional();

/** OpenAI's Responses API without its memory and without tools that the provider runs, which have no price. */
export const ResponseFields = z.object({
  model,
  stream,
  input: z.union([z.string().min(1), array(4_096)], { error: "must be a text, or an array of items" }),
  instructions: z.string().nullish(),
  tools: array0(128).nullish(),
  max_output_tokens: units,
  store: z.literal(false, { error: "nothing is kept here: say false, or nothing" }).nullish(),
  background: z.literal(false, { error: "nothing is kept here: say false, or nothing" }).nullish(),
  previous_response_id: nothingKept,
  conversation: nothingKept,
  prompt: nothingKept,
  ...routing,
});

export const ImageFields = z.object({
  model,
  prompt: z.string().min(1).max(32_000),
  n: z.int().min(1).max(10).nullish(),
  stream: z.literal(false, { error: "images come whole" }).nullish(),
  ...routing,
});

export const SpeechFields = z.object({
  model,
  input: z.string().min(1).max(100_000),
  speed: z.number().min(0.25).max(4).nullish(),
  response_format: z
    .enum(MEASURED_FORMATS, { error: `must be one of ${MEASURED_FORMATS.join(", ")}` })
    .nullish(),
  stream_format: z.literal("audio", { error: 'only "audio" is supported' }).nullish(),
  ...routing,
});

/** What was called a completion before there were chats. Sixteen tokens if it does not say, as OpenAI has it. */
export const CompletionFields = z.object({
  model,
  stream,
  prompt: z.union([z.string(), array(2_048)], {
    error: "must be a text, or an array of texts or tokens",
  }),
  n: z.int().min(1).max(16).nullish(),
  best_of: z.int().min(1).max(16).nullish(),
  max_tokens: z
    .int()
    .min(1)
    .max(MAX_UNITS)
    .nullish()
    .transform((most) => most ?? 16),
  ...routing,
});

export const EmbeddingsFields = z.object({
  model,
  input: z.union([z.string().min(1), array(2_048)], {
    error: "must be a text, or an array of texts or tokens",
  }),
  ...routing,
});

const accountId = z
  .int()
  .min(1)
  .max(2 ** 32 - 1);
const keyName = z.string().min(1).max(100);
/** A decimal number of tokens, in wei. */
const tokens = z.union([z.string(), z.number()]).transform((text, context) => {
  try {
    return parseTokens(String(text));
  } catch {
    context.addIssue({ code: "custom", message: 'must be a decimal number of tokens, for instance "0.5"' });
    return z.NEVER;
  }
});
const perMinute = z.int().min(1).max(1_000_000_000).nullish();
/** What a key may do. Null lifts a restriction. */
const keyTerms = {
  limit: tokens.nullish(),
  limit_reset: z.enum(["daily", "weekly", "monthly"]).nullish(),
  expires_at: z.iso
    .datetime({ offset: true, error: "must be a time, for instance 2027-01-31T00:00:00Z" })
    .transform((text) => Date.parse(text))
    .nullish(),
  allowed_models: z.array(model).min(1).max(100).nullish(),
  requests_per_minute: perMinute,
  tokens_per_minute: perMinute,
  /** Of OpenRouter's clients; there are no keys of providers' here to be counted. */
  include_byok_in_limit: z.boolean().nullish(),
};

/** One prompt for several models: a chat, with `models` in the place of `model`. */
export const CompareFields = z.object({
  models: z
    .array(model)
    .min(2)
    .max(8)
    .refine((models) => new Set(models).size === models.length, "must be different models"),
  stream,
  messages: array(4_096),
  n: z.literal(1, { error: "one answer a column" }).nullish(),
});

/** AI1NET's own shape: what is to be done, not by whom. */
export const AiFields = z.strictObject({
  task: z.enum(TASKS, { error: `must be one of ${TASKS.join(", ")}` }),
  input: z.union([z.string().min(1), array(2_048)], {
    error: "must be a text, an array of messages, or for embeddings of texts",
  }),
  preferences: WeightsField.nullish(),
  stream,
  max_output_units: units,
  model: model.optional(),
  provider: ProviderField.nullish(),
  trace: z.unknown().optional(),
  /** Further fields of the endpoint that does the task: temperature, voice, size, ... */
  options: z.record(z.string().max(64), z.unknown()).nullish(),
});

export const KeyFields = z
  .strictObject({
    account_id: accountId.optional(),
    /** The same; its first name. */
    accountId: accountId.optional(),
    name: keyName,
    ...keyTerms,
  })
  .refine((fields) => (fields.account_id === undefined) !== (fields.accountId === undefined), {
    path: ["account_id"],
    error: "name the account that pays, once",
  });

export const KeyChanges = z.strictObject({
  name: keyName.optional(),
  disabled: z.boolean().optional(),
  ...keyTerms,
});

const bytes = (most: number, what: string) =>
  z
    .templateLiteral(["0x", z.string()])
    .refine((text) => text.length <= 2 + 2 * most && /^0x(?:[0-9a-fA-F]{2})+$/.test(text), `must be ${what}`);

export const SignInFields = z.strictObject({
  message: z.string().min(1).max(4_096),
  signature: bytes(8_192, "a signature, 0x and hex digits"),
});

const address = z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{40}$/)], {
  error: "must be an address, 0x and 40 hex digits",
});
const bytes32 = z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{64}$/)], {
  error: "must be 32 bytes, 0x and 64 hex digits",
});
/** A whole number as a decimal string: JSON's own lose what is above 2^53. */
const decimal = (bits: number) =>
  z
    .string()
    .regex(/^\d{1,78}$/, "must be a whole number as a decimal string")
    .transform(BigInt)
    .refine((value) => value < 1n << BigInt(bits), `must fit into ${bits} bits`);

export const MOST_APP_FEE_PCT = 20;
/** Of an account with this router's operator. */
export const TermsFields = z
  .strictObject({
    owner: address,
    /** Default: the owner. */
    signer: address.optional(),
    strict: z.boolean().default(false),
    max_app_fee_pct: z.int().min(0).max(MOST_APP_FEE_PCT).default(MOST_APP_FEE_PCT),
  })
  .transform(({ owner, signer, strict, max_app_fee_pct }) => ({
    owner,
    signer: signer ?? owner,
    strict,
    maxAppFeePct: max_app_fee_pct,
  }));

const unixSec = decimal(256).refine((value) => value < 1n << 40n, "must be Unix seconds");
/** `PAYMENT-SIGNATURE` of x402 v2, as far as it is looked at. */
export const PaymentFields = z.object({
  x402Version: z.literal(2),
  accepted: z.object({ scheme: z.string(), network: z.string(), asset: z.string() }),
  payload: z.object({
    authorization: z.object({
      from: address,
      to: address,
      value: decimal(256),
      validAfter: unixSec,
      validBefore: unixSec,
      nonce: bytes32,
    }),
    signature: bytes(8_192, "a signature, 0x and hex digits"),
  }),
});

const tokenAmount = z.string().transform((text, context) => {
  try {
    return parseTokens(text);
  } catch {
    context.addIssue({ code: "custom", message: 'must be a decimal number of tokens, for instance "0.5"' });
    return z.NEVER;
  }
});
export const ExitFields = z.strictObject({
  action: z.enum(["request", "withdraw", "cancel"]),
  /** Of a request, in $AI1NET; default: the balance. */
  amount: tokenAmount.refine((wei) => wei > 0n, "must be more than nothing").optional(),
  /** Where a withdrawal goes; default: to the owner. */
  to: address.optional(),
});
export const TopupFields = z.strictObject({
  payer: address,
  /** $AI1NET; default: the least that is relayed. */
  amount: tokenAmount.optional(),
  /** An account for the wallet rail: every request needs the wallet's signature, and it has no keys. */
  strict: z.boolean().default(false),
  name: z.string().min(1).max(100).default("topup"),
});

const signature = bytes(8_192, "a signature, 0x and hex digits");
export const DepositFields = z
  .strictObject({
    terms: TermsFields,
    authorization: z
      .strictObject({
        salt: bytes32,
        amount_wei: decimal(96),
        valid_after: decimal(256),
        valid_before: decimal(256),
        signature,
      })
      .optional(),
    permit: z
      .strictObject({
        salt: bytes32,
        amount_wei: decimal(96),
        deadline: decimal(256),
        /** Of the permit; left out by a wallet that gave the allowance beforehand. */
        signature: z.templateLiteral(["0x", z.string().regex(/^[0-9a-fA-F]{130}$/)]).optional(),
        grant_signature: signature,
      })
      .optional(),
    sweep: z.literal(true).optional(),
  })
  .refine(
    ({ authorization, permit, sweep }) =>
      [authorization, permit, sweep].filter((way) => way !== undefined).length === 1,
    "give one of `authorization`, `permit` and `sweep`",
  );

/** By the receipt's own id, or its request's. */
const receiptName = z.string().min(1).max(100);
const stars = z.int().min(1).max(MOST_STARS);

export const FeedbackFields = z.strictObject({
  id: receiptName,
  rating: stars,
  /** What the request was about; default: what the model is for. */
  task: z.enum(TASKS).optional(),
});

export const ReviewFields = z.strictObject({
  id: receiptName,
  rating: stars,
  text: z
    .string()
    .min(1)
    .max(2_000)
    .refine((text) => text.isWellFormed(), "must be well-formed Unicode")
    .optional(),
  /** Unix s; of what was signed. */
  deadline: z
    .int()
    .min(0)
    .max(2 ** 40 - 1)
    .optional(),
  /** Of the account's owner, under the typed data that the same request without it is answered with. */
  signature: signature.optional(),
});

const u24 = z.int().min(1).max(MAX_UNITS);

export const EndpointFields = z.strictObject({
  listing_id: z
    .int()
    .min(1)
    .max(2 ** 32 - 1),
  base_url: z.url({ protocol: /^https?$/, error: "must be an http(s) URL" }).max(2_048),
  upstream_model: z.string().min(1).max(200),
  api_key: z
    .string()
    .min(1)
    .max(1_024)
    .regex(/^[\x21-\x7e]+$/, "must be printable ASCII without spaces")
    .optional(),
  max_output_units: u24.default(4_096),
  context_units: u24.default(32_768),
  issued_at: z
    .int()
    .min(0)
    .max(2 ** 40 - 1),
  signature: z.templateLiteral(["0x", z.string().regex(/^(?:[0-9a-fA-F]{2}){1,4096}$/)]),
});

const pathOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`,
    "",
  );

/** Parses, or says which field is wrong. @throws {Refusal} 400 */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknownField = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = pathOf([...(issue?.path ?? []), ...(unknownField === undefined ? [] : [unknownField])]);
  const problem = unknownField === undefined ? (issue?.message ?? "is not valid") : "is not a known field";
  throw invalidRequest(path === "" ? problem : `${path}: ${problem}`, path === "" ? undefined : path);
}

/** Checks the messages of a chat; true if all of their content is text. @throws {Refusal} 400 */
export function checkMessages(messages: readonly unknown[]): boolean {
  let isTextOnly = true;
  messages.forEach((message, i) => {
    const field = `messages[${i}]`;
    if (!isObject(message)) throw invalidRequest(`${field}: must be an object`, field);
    if (typeof message["role"] !== "string")
      throw invalidRequest(`${field}.role: must be a string`, `${field}.role`);
    const { content } = message;
    if (content === null || content === undefined || typeof content === "string") return;
    if (!Array.isArray(content))
      throw invalidRequest(`${field}.content: must be a string or an array of parts`, `${field}.content`);
    isTextOnly &&= content.every(
      (part) => isObject(part) && (part["type"] === "text" || part["type"] === "refusal"),
    );
  });
  return isTextOnly;
}
