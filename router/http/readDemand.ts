import type { IncomingMessage } from "node:http";
import type { Demand } from "../request/demand.ts";
import { invalidRequest } from "../request/refusal.ts";
import { chat } from "../request/wire/chat.ts";
import { completions } from "../request/wire/completions.ts";
import { images } from "../request/wire/images.ts";
import { speech } from "../request/wire/speech.ts";
import { responses } from "../request/wire/responses.ts";
import { embeddings } from "../request/wire/embeddings.ts";
import { preferencesOf } from "./readPreferences.ts";
import { checkInput, checkTools } from "./checkInput.ts";
import { readBody } from "./readBody.ts";
import {
  ChatFields,
  checkMessages,
  CompletionFields,
  EmbeddingsFields,
  ImageFields,
  parse,
  ResponseFields,
  SpeechFields,
} from "./schemas.ts";

const MOST_CHOICES = 128;

function appIdOf(req: IncomingMessage): number {
  const header = req.headers["x-ai1net-app"] ?? "0";
  if (typeof header !== "string" || !/^\d{1,10}$/.test(header))
    throw invalidRequest("x-ai1net-app must be the number of an app", "x-ai1net-app");
  return Number(header);
}

/** Reads a chat request. @throws {Refusal} @throws {CallerLeft} */
export async function readChat(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(ChatFields, body);
  return {
    wire: chat,
    model: fields.model,
    stream: fields.stream ?? false,
    body,
    bodyBytes: bytes,
    items: fields.messages.length,
    prompts: 1,
    isTextOnly: checkMessages(fields.messages),
    choices: fields.n ?? 1,
    outputUnits: fields.max_completion_tokens ?? fields.max_tokens ?? undefined,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}

/** How many prompts a text request has: a text or one list of tokens is one. */
function promptsOf(prompt: string | readonly unknown[]): number {
  return typeof prompt === "string" || typeof prompt[0] === "number" ? 1 : prompt.length;
}

/** Reads a text request. @throws {Refusal} @throws {CallerLeft} */
export async function readCompletion(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(CompletionFields, body);
  const each = Math.max(fields.n ?? 1, fields.best_of ?? 1);
  if (fields.stream === true && (fields.best_of ?? 1) > 1)
    throw invalidRequest("best_of: can't be streamed", "best_of");
  const prompts = promptsOf(fields.prompt);
  if (prompts * each > MOST_CHOICES)
    throw invalidRequest(`prompt: at most ${MOST_CHOICES} answers at a time`, "prompt");
  return {
    wire: completions,
    model: fields.model,
    stream: fields.stream ?? false,
    body,
    bodyBytes: bytes,
    items: prompts,
    prompts,
    isTextOnly: true,
    // All of them are generated and cost something, whether the caller gets them or not.
    choices: prompts * each,
    outputUnits: fields.max_tokens,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}

/** Reads a request for a response. @throws {Refusal} @throws {CallerLeft} */
export async function readResponse(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(ResponseFields, body);
  checkTools(fields.tools ?? []);
  const { input } = fields;
  return {
    wire: responses,
    model: fields.model,
    stream: fields.stream ?? false,
    body,
    bodyBytes: bytes,
    items: typeof input === "string" ? 2 : input.length + 1,
    prompts: 1,
    isTextOnly: typeof input === "string" || checkInput(input),
    choices: 1,
    outputUnits: fields.max_output_tokens ?? undefined,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}

/** Reads an embeddings request. @throws {Refusal} @throws {CallerLeft} */
export async function readEmbeddings(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(EmbeddingsFields, body);
  const inputs = promptsOf(fields.input);
  return {
    wire: embeddings,
    model: fields.model,
    stream: false,
    body,
    bodyBytes: bytes,
    items: inputs,
    prompts: inputs,
    isTextOnly: true,
    choices: 1,
    outputUnits: 0,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}

/** Reads a request for images. @throws {Refusal} @throws {CallerLeft} */
export async function readImages(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(ImageFields, body);
  return {
    wire: images,
    model: fields.model,
    stream: false,
    body,
    bodyBytes: bytes,
    items: 1,
    prompts: 1,
    isTextOnly: true,
    choices: fields.n ?? 1,
    outputUnits: 1,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}

/** Nobody reads slower than a second a character, nor is silent longer around it. */
const SILENT_SEC = 5;

/** Reads a request for speech. @throws {Refusal} @throws {CallerLeft} */
export async function readSpeech(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(SpeechFields, body);
  return {
    wire: speech,
    model: fields.model,
    stream: false,
    body,
    bodyBytes: bytes,
    items: 1,
    prompts: 1,
    isTextOnly: true,
    choices: 1,
    outputUnits: Math.ceil((fields.input.length + SILENT_SEC) / Math.min(1, fields.speed ?? 1)),
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}
