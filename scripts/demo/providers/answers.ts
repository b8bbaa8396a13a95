/** The demo providers' answers: computed, paced like a model's, in OpenAI's shapes. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ChatAbility, Conversation, EmbeddingAbility } from "./ability.ts";
import { limitText, type FinishReason, type Part } from "./limitText.ts";
import { RequestError, type ChatBody, type EmbeddingBody } from "./requests.ts";
import { countPrompt, countTokens, TokenMeter } from "./tokenizer.ts";

/** How fast a provider is. */
export interface Pace {
  readonly firstTokenMs: number;
  readonly tokensPerSec: number;
}

const DEFAULT_MAX_TOKENS = 1_024;
const MOST_TOKENS = 4_096;
const CONTEXT_TOKENS = 32_768;
/** Shorter waits cost more than they are. */
const SHORTEST_WAIT_MS = 4;

interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

const usageOf = (promptTokens: number, completionTokens: number): Usage => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: promptTokens + completionTokens,
});

/** Waits as a model would, so that the whole takes `tokens / tokensPerSec`, however long single waits really take. */
async function* paced(
  parts: Generator<Part, FinishReason>,
  pace: Pace,
  signal: AbortSignal,
): AsyncGenerator<string, FinishReason> {
  let dueMs = performance.now() + pace.firstTokenMs;
  for (;;) {
    const next = parts.next();
    if (next.done) return next.value;
    const waitMs = dueMs - performance.now();
    if (waitMs >= SHORTEST_WAIT_MS) await sleep(waitMs, undefined, { signal });
    signal.throwIfAborted();
    yield next.value.text;
    dueMs += (next.value.tokens * 1_000) / pace.tokensPerSec;
  }
}

/** Starts an answer: its prompt's tokens, and its pieces at their pace. */
export function begin(ability: ChatAbility, body: ChatBody, pace: Pace, signal: AbortSignal) {
  const promptTokens = countPrompt(body.messages.map((message) => message.content));
  if (promptTokens > CONTEXT_TOKENS)
    throw new RequestError(400, `the prompt has ${promptTokens} tokens, at most ${CONTEXT_TOKENS} fit`, {
      code: "context_length_exceeded",
      param: "messages",
    });
  const conversation: Conversation = {
    messages: body.messages.map(({ role, content }) => ({ role, text: content })),
    temperature: body.temperature ?? 1,
    seed: body.seed,
  };
  const asked = body.max_completion_tokens ?? body.max_tokens ?? DEFAULT_MAX_TOKENS;
  const parts = limitText(ability.reply(conversation), Math.min(asked, MOST_TOKENS), body.stop ?? []);
  return { promptTokens, texts: paced(parts, pace, signal) };
}

const chatId = (): string => `chatcmpl-${randomBytes(12).toString("hex")}`;
const nowSec = (): number => Math.floor(Date.now() / 1_000);

/** A whole `chat.completion`. */
export async function complete(
  ability: ChatAbility,
  body: ChatBody,
  pace: Pace,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { promptTokens, texts } = begin(ability, body, pace, signal);
  let content = "";
  let next = await texts.next();
  for (; !next.done; next = await texts.next()) content += next.value;
  return {
    id: chatId(),
    object: "chat.completion",
    created: nowSec(),
    model: body.model,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content, refusal: null },
        logprobs: null,
        finish_reason: next.value,
      },
    ],
    usage: usageOf(promptTokens, countTokens(content)),
  };
}

/** Writes `chat.completion.chunk` events until the answer ends. */
export async function stream(
  ability: ChatAbility,
  body: ChatBody,
  pace: Pace,
  response: ServerResponse,
  signal: AbortSignal,
  shape: (event: Readonly<Record<string, unknown>>) => object | undefined = (event) => event,
): Promise<void> {
  const { promptTokens, texts } = begin(ability, body, pace, signal);
  const withUsage = body.stream_options?.include_usage === true;
  const frame = { id: chatId(), object: "chat.completion.chunk", created: nowSec(), model: body.model };
  const write = async (fields: object): Promise<void> => {
    const event = shape({ ...frame, ...fields });
    if (event && !response.write(`data: ${JSON.stringify(event)}\n\n`))
      await once(response, "drain", { signal });
  };
  const choice = (delta: object, finishReason: FinishReason | null) => ({
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    ...(withUsage && { usage: null }),
  });
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  await write(choice({ role: "assistant", content: "" }, null));
  const meter = new TokenMeter();
  let next = await texts.next();
  for (; !next.done; next = await texts.next()) {
    meter.add(next.value);
    await write(choice({ content: next.value }, null));
  }
  await write(choice({}, next.value));
  if (withUsage) await write({ choices: [], usage: usageOf(promptTokens, meter.tokens) });
  response.end("data: [DONE]\n\n");
}

/** A chat's answer as a text completion's: whole, or one event of it; undefined for an event that says nothing. */
export function asText(answer: Readonly<Record<string, unknown>>): object | undefined {
  type Choice = Readonly<Record<"message" | "delta", { readonly content?: string } | undefined>> & {
    readonly finish_reason: string | null;
  };
  const choices = (answer["choices"] as readonly Choice[]).map(
    ({ message, delta, finish_reason }, index) => ({
      index,
      text: (message ?? delta)?.content ?? "",
      logprobs: null,
      finish_reason,
    }),
  );
  const [first] = choices;
  if (first?.text === "" && first.finish_reason === null) return undefined;
  return { ...answer, object: "text_completion", choices };
}

const asBase64 = (vector: readonly number[]): string =>
  Buffer.from(Float32Array.from(vector).buffer).toString("base64");

/** A `list` of embeddings. */
export async function embed(
  ability: EmbeddingAbility,
  body: EmbeddingBody,
  pace: Pace,
  signal: AbortSignal,
): Promise<object> {
  const counts = body.input.map(countTokens);
  const tooLong = counts.findIndex((tokens) => tokens > CONTEXT_TOKENS);
  if (tooLong >= 0)
    throw new RequestError(400, `input ${tooLong} has more than ${CONTEXT_TOKENS} tokens`, {
      code: "context_length_exceeded",
      param: "input",
    });
  await sleep(pace.firstTokenMs, undefined, { signal });
  const dimensions = body.dimensions ?? ability.defaultDimensions;
  const vectors = body.input.map((text) => ability.embed(text, dimensions));
  const tokens = counts.reduce((sum, count) => sum + count, 0);
  return {
    object: "list",
    model: body.model,
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: body.encoding_format === "base64" ? asBase64(vector) : vector,
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
