import type { ExposureLimit } from "../ports.ts";

/** Stable names of what went wrong, as callers see them in `error.metadata.error_type`. */
export type ErrorType =
  | "authentication"
  | "permission_denied"
  | "payment_required"
  | "rate_limit_exceeded"
  | "provider_overloaded"
  | "provider_unavailable"
  | "timeout"
  | "context_length_exceeded"
  | "invalid_request"
  | "payload_too_large"
  | "method_not_allowed"
  | "not_found"
  | "idempotency_conflict"
  | "already_served"
  | "service_unavailable"
  | "server";

interface RefusalDetails {
  /** The request's field that is at fault. */
  readonly param?: string | undefined;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly retryAfterSec?: number | undefined;
  /** False once a provider may have done billable work: a stock SDK would otherwise repeat the request by itself. */
  readonly shouldRetry?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A request ends without an answer; the caller is told exactly this. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly errorType: ErrorType;
  readonly details: RefusalDetails;

  constructor(status: number, errorType: ErrorType, message: string, details: RefusalDetails = {}) {
    super(message, { cause: details.cause });
    this.status = status;
    this.errorType = errorType;
    this.details = details;
  }
}

/** The caller left before there was anything to pay for. Nobody is there to be told. */
export class CallerLeft extends Error {
  override readonly name = "CallerLeft";
}

export function invalidRequest(message: string, param?: string): Refusal {
  return new Refusal(400, "invalid_request", message, { param });
}

export function notFound(message: string, metadata: Readonly<Record<string, unknown>> = {}): Refusal {
  return new Refusal(404, "not_found", message, { metadata });
}

const BEHIND: Readonly<Record<ExposureLimit, string>> = {
  operator_bond: "what the router has served and not settled yet is as much as its bond covers",
  settle_window: "what this account was served waits too long for its settlement",
  chain: "the router has not heard of the chain for too long",
};
/** Rather late than soon: until then a batch has to be mined. */
const BEHIND_RETRY_SEC = 10;

/** More has to settle before more is served. Nothing was sent to a provider. */
export function settlementBehind(limit: ExposureLimit): Refusal {
  return new Refusal(503, "service_unavailable", `${BEHIND[limit]}; try again later`, {
    retryAfterSec: BEHIND_RETRY_SEC,
    metadata: { limit_source: limit },
  });
}

/** Nothing can be signed, so nothing is served. */
export function journalDown(shouldRetry = true): Refusal {
  return new Refusal(503, "service_unavailable", "the router can't record requests at the moment", {
    shouldRetry,
  });
}

/** Several routers share the money, and this one was away from their database for too long. */
export function lapsed(): Refusal {
  const message = "the money held for this request was spent by others before it ended; nothing is charged";
  return new Refusal(503, "service_unavailable", message, {
    shouldRetry: false,
    metadata: { reason: "hold_lapsed" },
  });
}
