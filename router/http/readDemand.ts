import type { IncomingMessage } from "node:http";
import type { Demand } from "../request/demand.ts";
import { invalidRequest } from "../request/refusal.ts";
import { chat } from "../request/wire/chat.ts";
import { completions } from "../request/wire/completions.ts";
import { responses } from "../request/wire/responses.ts";
import { embeddings } from "../request/wire/embeddings.ts";
import { checkInput, checkTools } from "./checkInput.ts";
import type { JsonBody } from "./readBody.ts";
import { commonOf } from "./readCommon.ts";
import {
  ChatFields,
  checkMessages,
  CompletionFields,
  EmbeddingsFields,
  parse,
  ResponseFields,
} from "./schemas.ts";

const MOST_CHOICES = 128;

/** A chat request. @throws {Refusal} 400 */
export function chatDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(ChatFields, received.body);
  return {
    ...commonOf(req, received, fields),
    wire: chat,
    stream: fields.stream ?? false,
    items: fields.messages.length,
    prompts: 1,
    isTextOnly: checkMessages(fields.messages),
    choices: fields.n ?? 1,
    outputUnits: fields.max_completion_tokens ?? fields.max_tokens ?? undefined,
  };
}

/** How many prompts a text request has: a text or one list of tokens is one. */
function promptsOf(prompt: string | readonly unknown[]): number {
  return typeof prompt === "string" || typeof prompt[0] === "number" ? 1 : prompt.length;
}

/** A text request. @throws {Refusal} 400 */
export function completionDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(CompletionFields, received.body);
  const each = Math.max(fields.n ?? 1, fields.best_of ?? 1);
  if (fields.stream === true && (fields.best_of ?? 1) > 1)
    throw invalidRequest("best_of: can't be streamed", "best_of");
  const prompts = promptsOf(fields.prompt);
  if (prompts * each > MOST_CHOICES)
    throw invalidRequest(`prompt: at most ${MOST_CHOICES} answers at a time`, "prompt");
  return {
    ...commonOf(req, received, fields),
    wire: completions,
    stream: fields.stream ?? false,
    items: prompts,
    prompts,
    isTextOnly: true,
    // All of them are generated and cost something, whether the caller gets them or not.
    choices: prompts * each,
    outputUnits: fields.max_tokens,
  };
}

/** A request for a response. @throws {Refusal} 400 */
export function responseDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(ResponseFields, received.body);
  checkTools(fields.tools ?? []);
  const { input } = fields;
  return {
    ...commonOf(req, received, fields),
    wire: responses,
    stream: fields.stream ?? false,
    items: typeof input === "string" ? 2 : input.length + 1,
    prompts: 1,
    isTextOnly: typeof input === "string" || checkInput(input),
    choices: 1,
    outputUnits: fields.max_output_tokens ?? undefined,
  };
}

/** An embeddings request. @throws {Refusal} 400 */
export function embeddingsDemand(req: IncomingMessage, received: JsonBody): Demand {
  const fields = parse(EmbeddingsFields, received.body);
  const inputs = promptsOf(fields.input);
  return {
    ...commonOf(req, received, fields),
    wire: embeddings,
    stream: false,
    items: inputs,
    prompts: inputs,
    isTextOnly: true,
    choices: 1,
    outputUnits: 0,
  };
}
