import type { z } from "zod";
import type { Percentiles } from "../model/candidate.ts";
import { NO_PREFERENCES, type Preferences } from "../routing/preferences.ts";
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
export function preferencesOf(field: z.infer<typeof ProviderField> | null | undefined): Preferences {
  if (!field) return NO_PREFERENCES;
  return {
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
    timeValue: NO_PREFERENCES.timeValue,
  };
}
