/** What the demo providers take of OpenAI's request bodies. */
import { z } from "zod";
import { textOfTokens } from "./tokenizer.ts";

const MAX_STOPS = 4;
const MAX_INPUTS = 2_048;
const MAX_DIMENSIONS = 1_024;

const part = z.object({
  type: z.literal("text", { error: "only text parts are supported" }),
  text: z.string(),
});
const text = z.union(
  [z.string(), z.array(part).transform((parts) => parts.map((each) => each.text).join(""))],
  {
    error: "must be a text, or a list of text parts",
  },
);

const nullable = <T extends z.ZodType>(type: T) =>
  type
    .nullable()
    .optional()
    .transform((value) => value ?? undefined);

const notSupported = (what: string) => nullable(z.array(z.unknown()).max(0, `${what} are not supported`));

export const ChatBody = z.object({
  model: z.string(),
  messages: z
    .array(
      z.object({
        role: z.enum(["system", "developer", "user", "assistant"], {
          error: "must be system, developer, user or assistant",
        }),
        content: text,
      }),
    )
    .min(1, "must have at least one message"),
  stream: nullable(z.boolean()),
  stream_options: nullable(z.object({ include_usage: nullable(z.boolean()) })),
  max_tokens: nullable(z.int().min(1)),
  max_completion_tokens: nullable(z.int().min(1)),
  stop: nullable(
    z.union(
      [
        z
          .string()
          .min(1)
          .transform((stop) => [stop]),
        z.array(z.string().min(1)).max(MAX_STOPS),
      ],
      {
        error: `must be a text, or at most ${MAX_STOPS} texts`,
      },
    ),
  ),
  temperature: nullable(z.number().min(0).max(2)),
  seed: nullable(z.int()),
  n: nullable(z.literal(1, { error: "only 1 is supported" })),
  tools: notSupported("tools"),
  functions: notSupported("functions"),
});

const tokens = z.array(z.int().min(0)).min(1).transform(textOfTokens);

export const EmbeddingBody = z.object({
  model: z.string(),
  input: z.union(
    [
      z
        .string()
        .min(1)
        .transform((input) => [input]),
      z.array(z.string().min(1)).min(1).max(MAX_INPUTS),
      tokens.transform((input) => [input]),
      z.array(tokens).min(1).max(MAX_INPUTS),
    ],
    { error: `must be a text, at most ${MAX_INPUTS} texts, or tokens` },
  ),
  encoding_format: nullable(z.enum(["float", "base64"])),
  dimensions: nullable(z.int().min(8).max(MAX_DIMENSIONS)),
});

const MOST_IMAGES = 4;
const MOST_SPOKEN = 4_096;

export const ImageBody = z.object({
  model: z.string(),
  prompt: z.string().min(1),
  n: nullable(z.int().min(1).max(MOST_IMAGES)).transform((n) => n ?? 1),
  size: nullable(
    z.enum(["256x256", "512x512", "1024x1024"], { error: "must be 256x256, 512x512 or 1024x1024" }),
  ).transform((size) => {
    const side = Number((size ?? "256x256").split("x")[0]);
    return { width: side, height: side };
  }),
  response_format: nullable(z.literal("b64_json", { error: "only b64_json is supported" })),
});
export type ImageBody = z.infer<typeof ImageBody>;

export const SpeechBody = z.object({
  model: z.string(),
  input: z.string().min(1).max(MOST_SPOKEN),
  speed: nullable(z.number().min(0.25).max(4)).transform((speed) => speed ?? 1),
  response_format: z.enum(["wav", "pcm"], { error: "must be wav or pcm" }),
});
export type SpeechBody = z.infer<typeof SpeechBody>;

/** A text completion, as the chat that it stands for. */
export const TextBody = z
  .object({
    model: z.string(),
    prompt: z.union(
      [
        z.string(),
        z
          .array(z.string())
          .length(1)
          .transform(([only]) => only ?? ""),
      ],
      {
        error: "must be one text",
      },
    ),
    stream: nullable(z.boolean()),
    stream_options: nullable(z.object({ include_usage: nullable(z.boolean()) })),
    max_tokens: nullable(z.int().min(1)),
    stop: nullable(z.union([z.string().min(1), z.array(z.string().min(1)).max(MAX_STOPS)])),
    temperature: nullable(z.number().min(0).max(2)),
    seed: nullable(z.int()),
    n: nullable(z.literal(1, { error: "only 1 is supported" })),
  })
  .transform(({ prompt, ...rest }) =>
    ChatBody.parse({ ...rest, messages: [{ role: "user", content: prompt }] }),
  );

const responseText = z.union(
  [
    z.string(),
    z
      .array(z.object({ type: z.enum(["input_text", "output_text"]), text: z.string() }))
      .transform((parts) => parts.map((each) => each.text).join("")),
  ],
  { error: "must be a text, or a list of text parts" },
);

/** A request to the Responses API, with the chat that it stands for. */
export const ResponseBody = z
  .object({
    model: z.string(),
    input: z.union(
      [
        z
          .string()
          .min(1)
          .transform((content) => [{ role: "user" as const, content }]),
        z
          .array(
            z.object({
              type: nullable(z.literal("message", { error: "only messages are supported" })),
              role: z.enum(["system", "developer", "user", "assistant"]),
              content: responseText,
            }),
          )
          .min(1),
      ],
      { error: "must be a text, or a list of messages" },
    ),
    instructions: nullable(z.string()),
    stream: nullable(z.boolean()),
    max_output_tokens: nullable(z.int().min(1)),
    temperature: nullable(z.number().min(0).max(2)),
    tools: notSupported("tools"),
  })
  .transform(({ model, input, instructions, stream, max_output_tokens: most, temperature }) => {
    const system = instructions === undefined ? [] : [{ role: "system", content: instructions }];
    const messages = [...system, ...input];
    return {
      stream: stream ?? false,
      chat: ChatBody.parse({ model, messages, max_tokens: most, temperature }),
    };
  });
export type ResponseBody = z.infer<typeof ResponseBody>;

export type ChatBody = z.infer<typeof ChatBody>;
export type EmbeddingBody = z.infer<typeof EmbeddingBody>;

/** A refusal, in OpenAI's shape. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    details: { code?: string; param?: string; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = details.code ?? null;
    this.param = details.param ?? null;
    this.headers = details.headers ?? {};
  }

  toJSON(): object {
    const type =
      this.status >= 500
        ? "server_error"
        : this.status === 429
          ? "rate_limit_error"
          : "invalid_request_error";
    return { error: { message: this.message, type, param: this.param, code: this.code } };
  }
}

/** @throws {RequestError} 400, naming the field */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = issue?.path.join(".") ?? "";
  const message = param === "" ? "the body must be a JSON object" : `${param}: ${issue?.message}`;
  throw new RequestError(400, message, { code: "invalid_value", ...(param !== "" && { param }) });
}
