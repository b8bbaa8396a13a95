import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { Percentiles } from "../model/candidate.ts";
import { NO_PREFERENCES, type Preferences } from "../routing/preferences.ts";
import { invalidRequest } from "../request/refusal.ts";
import type { ProviderField } from "./schemas.ts";

const MS_PER_SEC = 1_000;

/** What is wanted, without what is not. */
function given(
  wanted: Readonly<Record<string, number | undefined>> | undefined,
  factor: number,
): Partial<Percentiles> | undefined {
  if (!wanted) return undefined;
  const entries = Object.entries(wanted).flatMap(([share, value]) =>
    value === undefined ? [] : [[share, value * factor] as const],
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** A request's `provider` field, as routing has it. */
function preferencesOf(field: z.infer<typeof ProviderField> | null | undefined): Preferences {
  if (!field) return NO_PREFERENCES;
  return {
    ...NO_PREFERENCES,
    order: field.order ?? [],
    only: field.only,
    ignore: field.ignore ?? [],
    allowFallbacks: field.allow_fallbacks ?? true,
    sort: field.sort?.by,
    partition: field.sort?.partition ?? "model",
    maxInputPrice: field.max_price?.prompt,
    maxOutputPrice: field.max_price?.completion,
    maxRequestPrice: field.max_price?.request,
    maxImagePrice: field.max_price?.image,
    maxAudioPrice: field.max_price?.audio,
    preferredMaxLatencyMs: given(field.preferred_max_latency, MS_PER_SEC),
    preferredMinThroughput: given(field.preferred_min_throughput, 1),
    requireParameters: field.require_parameters ?? false,
    quantizations: field.quantizations,
  };
}

const MOST_SESSION_CHARACTERS = 256;

export interface RoutingFields {
  readonly provider?: z.infer<typeof ProviderField> | null | undefined;
  readonly models?: readonly string[] | null | undefined;
  readonly session_id?: string | null | undefined;
  readonly prompt_cache_key?: string | null | undefined;
}

/** What a request belongs to: `session_id`, the header `x-session-id`, or OpenAI's `prompt_cache_key`. */
function sessionOf({ headers }: IncomingMessage, fields: RoutingFields): string | undefined {
  const header = headers["x-session-id"];
  if (header !== undefined && (header === "" || header.length > MOST_SESSION_CHARACTERS))
    throw invalidRequest(`x-session-id must have 1 to ${MOST_SESSION_CHARACTERS} characters`, "x-session-id");
  const named = fields.session_id ?? header?.toString() ?? (fields.prompt_cache_key || undefined);
  // Whatever people put in there need not be kept.
  return named === undefined ? undefined : createHash("sha256").update(named).digest("base64url");
}

/** What a request says about where it goes. @throws {Refusal} 400 */
export function routingOf(req: IncomingMessage, fields: RoutingFields): Preferences {
  const preferences = preferencesOf(fields.provider);
  const sessionId = sessionOf(req, fields);
  if (!fields.models?.length && sessionId === undefined) return preferences;
  return { ...preferences, fallbackModels: fields.models ?? [], sessionId };
}
