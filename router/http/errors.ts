import type { ServerResponse } from "node:http";
import { CallerLeft, journalDown, Refusal } from "../request/refusal.ts";
import { JournalFailure, type Logger } from "../ports.ts";

/** OpenAI's `error.type`, which some clients look at. */
function openAiType(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 402) return "insufficient_quota";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/** The one shape of every error, in OpenAI's and OpenRouter's words. */
export function errorJson({ status, errorType, message, details }: Refusal) {
  return {
    code: status,
    message,
    type: openAiType(status),
    param: details.param ?? null,
    metadata: { error_type: errorType, ...details.metadata },
  };
}

/** What a caller may know of an error; the rest is for the log. */
export function refusalOf(error: unknown, logger: Logger, requestId: string): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof JournalFailure) return journalDown();
  logger.error({ requestId, err: error }, "a request failed unexpectedly");
  return new Refusal(500, "server", "the router failed; the request id tells its operator why", {
    shouldRetry: false,
  });
}

/** Answers with an error, unless nobody is there. */
export function sendError(res: ServerResponse, error: unknown, logger: Logger, requestId: string): void {
  if (error instanceof CallerLeft || res.headersSent) {
    res.statusCode = 499;
    res.destroy();
    return;
  }
  const refusal = refusalOf(error, logger, requestId);
  const { retryAfterSec, shouldRetry, headers = {} } = refusal.details;
  // Nothing was paid for it.
  res.removeHeader("payment-response");
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (retryAfterSec !== undefined) res.setHeader("retry-after", String(retryAfterSec));
  if (shouldRetry === false) res.setHeader("x-should-retry", "false");
  sendJson(res, refusal.status, { error: errorJson(refusal) });
}

export function sendJson(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  res.statusCode = status;
  res.setHeader("content-type", "application/json; charset=utf-8");
  res.setHeader("content-length", Buffer.byteLength(text));
  res.end(text);
}
