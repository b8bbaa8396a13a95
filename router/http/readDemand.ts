import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { Demand } from "../request/demand.ts";
import { invalidRequest } from "../request/refusal.ts";
import { NO_PREFERENCES, type Preferences } from "../routing/preferences.ts";
import { readBody } from "./readBody.ts";
import { ChatFields, checkMessages, EmbeddingsFields, parse, type ProviderField } from "./schemas.ts";

function preferencesOf(field: z.infer<typeof ProviderField> | null | undefined): Preferences {
  if (!field) return NO_PREFERENCES;
  return {
    order: field.order ?? [],
    only: field.only,
    ignore: field.ignore ?? [],
    allowFallbacks: field.allow_fallbacks ?? true,
    maxInputPrice: field.max_price?.prompt,
    maxOutputPrice: field.max_price?.completion,
    maxRequestPrice: field.max_price?.request,
  };
}

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
    kind: "chat",
    model: fields.model,
    unit: "token",
    stream: fields.stream ?? false,
    body,
    bodyBytes: bytes,
    items: fields.messages.length,
    isTextOnly: checkMessages(fields.messages),
    choices: fields.n ?? 1,
    outputUnits: fields.max_completion_tokens ?? fields.max_tokens ?? undefined,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}

/** Reads an embeddings request. @throws {Refusal} @throws {CallerLeft} */
export async function readEmbeddings(req: IncomingMessage): Promise<Demand> {
  const { body, bytes } = await readBody(req);
  const fields = parse(EmbeddingsFields, body);
  return {
    kind: "embeddings",
    model: fields.model,
    unit: "token",
    stream: false,
    body,
    bodyBytes: bytes,
    items: typeof fields.input === "string" ? 1 : fields.input.length,
    isTextOnly: true,
    choices: 1,
    outputUnits: 0,
    preferences: preferencesOf(fields.provider),
    appId: appIdOf(req),
  };
}
