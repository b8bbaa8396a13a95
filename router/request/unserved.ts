import type { UpstreamError } from "../ports.ts";
import type { Route } from "../routing/chooseOffer.ts";
import { notFound, Refusal } from "./refusal.ts";

/** A try that came to nothing. */
export interface PastTry {
  readonly providerId: number;
  readonly error: UpstreamError;
}

const isFree = ({ error: { fault } }: PastTry): boolean =>
  fault === "connect" || fault === "rate_limited" || fault === "credentials" || fault === "rejected";

/** What the caller is told when every try failed: the request's own fault first, then the last provider's. */
export function nobodyServed(past: readonly [PastTry, ...PastTry[]]): Refusal {
  const last = past.at(-1) ?? past[0];
  const { fault, message, status } = last.error;
  const details = {
    shouldRetry: past.every(isFree),
    cause: last.error,
    metadata: {
      previous_errors: past.map(({ providerId, error }) => ({
        provider: String(providerId),
        code: error.fault,
        ...(error.status !== undefined && { status: error.status }),
      })),
    },
  };
  if (fault === "rejected") {
    const isTooLong = /context.{0,20}length|maximum context/i.test(message);
    return new Refusal(
      status ?? 400,
      isTooLong ? "context_length_exceeded" : "invalid_request",
      `the provider refused the request: ${message}`,
      details,
    );
  }
  if (past.every(({ error }) => error.fault === "rate_limited")) {
    const waits = past.map(({ error }) => error.retryAfterMs ?? 1_000);
    return new Refusal(429, "rate_limit_exceeded", "every provider of this model is at its limit", {
      ...details,
      retryAfterSec: Math.max(1, Math.ceil(Math.min(...waits) / 1000)),
    });
  }
  if (fault === "timeout") return new Refusal(504, "timeout", "the provider took too long", details);
  return new Refusal(502, "provider_unavailable", "the provider failed, and no other could serve", details);
}

/** After content there is no other provider and no other status. */
export function brokenStream(error: UpstreamError): Refusal {
  return new Refusal(
    502,
    "provider_unavailable",
    "the provider broke off in mid-answer; nothing is charged",
    {
      shouldRetry: false,
      cause: error,
      metadata: { provider_code: error.fault },
    },
  );
}

/** Every offer was taken between the choice and the try. */
export function noRoom(waitMs = 0): Refusal {
  return new Refusal(503, "provider_overloaded", "every provider of this model is busy", {
    retryAfterSec: Math.max(1, Math.ceil(waitMs / 1000)),
  });
}

/** Reasons that are the caller's own. */
const PREFERENCES = ["preference", "max_price", "parameters", "quantization"] as const;

/** What the caller is told when no offer came into question. */
export function noRoute(model: string, { trace }: Route, nowMs: number, retryAtMs: number): Refusal {
  const reasons = new Set(trace.map((judgement) => judgement.excluded));
  const metadata = { excluded_by: [...reasons] };
  if (reasons.has("capacity")) {
    const busy = trace.filter(({ excluded }) => excluded === "capacity");
    return noRoom(Math.min(...busy.map(({ candidate }) => candidate.health.roomAtMs)) - nowMs);
  }
  if (reasons.has("breaker"))
    return new Refusal(503, "provider_unavailable", `the providers of ${model} are failing at the moment`, {
      retryAfterSec: Math.max(1, Math.ceil((retryAtMs - nowMs) / 1000)),
      metadata,
    });
  if (reasons.has("context"))
    return new Refusal(400, "context_length_exceeded", `the prompt is too long for ${model}`, {
      param: "messages",
      metadata,
    });
  if (PREFERENCES.some((reason) => reasons.has(reason)))
    return notFound(`no provider of ${model} is left by the request's \`provider\` field`, metadata);
  if (reasons.has("unit")) return notFound(`${model} does not do this kind of request`, metadata);
  return new Refusal(503, "provider_unavailable", `nobody serves ${model} at the moment`, { metadata });
}
