import { isObject } from "../../model/chat.ts";
import type { Endpoint } from "../../model/record.ts";
import { UpstreamError, type ReportedUsage, type UpstreamFault } from "../../ports.ts";

const MOST_MESSAGE = 300;

function faultOf(status: number): UpstreamFault {
  if (status === 429) return "rate_limited";
  if (status === 401 || status === 402 || status === 403) return "credentials";
  if (status === 400 || status === 404 || status === 405 || status === 413 || status === 422)
    return "rejected";
  if (status === 408) return "timeout";
  // Redirects are not followed: they could lead anywhere.
  return status >= 500 ? "server" : "protocol";
}

/** `Retry-After` in its two forms, and the one that some add. */
function retryAfterMs(headers: Readonly<Record<string, string | string[] | undefined>>): number | undefined {
  const ms = Number(headers["retry-after-ms"]);
  if (headers["retry-after-ms"] !== undefined && Number.isFinite(ms) && ms >= 0) return ms;
  const text = headers["retry-after"];
  if (typeof text !== "string") return undefined;
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(waitMs) && waitMs >= 0 ? waitMs : undefined;
}

/** The words of an error, short, on one line and without the endpoint's key. */
function words(error: unknown, endpoint: Endpoint): string {
  const message = isObject(error) ? error["message"] : error;
  if (typeof message !== "string" || message === "") return "no reason given";
  const shown = endpoint.apiKey === undefined ? message : message.replaceAll(endpoint.apiKey, "[key]");
  return shown.replaceAll(/\s+/g, " ").slice(0, MOST_MESSAGE);
}

/** What a status other than 200 means. `body` is its JSON, if it was JSON. */
export function statusError(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  endpoint: Endpoint,
): UpstreamError {
  const reason = isObject(body) ? (body["error"] ?? body["message"] ?? body["detail"]) : undefined;
  const message = `${status}: ${words(reason, endpoint)}`;
  return new UpstreamError(faultOf(status), message, { status, retryAfterMs: retryAfterMs(headers) });
}

/** An error inside a 200 or a stream; undefined if there is none. */
export function inBandError(
  body: Readonly<Record<string, unknown>>,
  endpoint: Endpoint,
): UpstreamError | undefined {
  const { response, choices } = body;
  const error =
    body["error"] ??
    (isObject(response) ? response["error"] : undefined) ??
    (body["type"] === "error" ? body : undefined);
  if (error !== undefined && error !== null) {
    const isLoad = isObject(error) && (error["code"] === 429 || error["status"] === 429);
    return new UpstreamError(isLoad ? "rate_limited" : "in_band", words(error, endpoint));
  }
  const hasFailed =
    Array.isArray(choices) &&
    choices.some((choice) => isObject(choice) && choice["finish_reason"] === "error");
  return hasFailed ? new UpstreamError("in_band", "finish_reason error") : undefined;
}

function faultOfClient(error: unknown, code: string): UpstreamFault {
  if (/^UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT$/.test(code)) return "timeout";
  if (code === "UND_ERR_HEADERS_OVERFLOW") return "oversized";
  // What came is no HTTP; not every such error of the parser has a code.
  return error instanceof Error && error.name === "HTTPParserError" ? "protocol" : "connect";
}

/** What an exception of the HTTP client means. */
export function clientError(error: unknown, signal: AbortSignal): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (signal.aborted) return new UpstreamError("aborted", "the caller left", { cause: error });
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return new UpstreamError(faultOfClient(error, code), code || "the connection failed", { cause: error });
}

const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/** Reads `usage`, in the words of either of OpenAI's APIs; whatever is no count is as good as not reported. */
export function usageOf(body: Readonly<Record<string, unknown>>): ReportedUsage | undefined {
  const { response } = body;
  const usage = body["usage"] ?? (isObject(response) ? response["usage"] : undefined);
  if (!isObject(usage)) return undefined;
  const details = usage["prompt_tokens_details"] ?? usage["input_tokens_details"];
  return {
    inputUnits: count(usage["prompt_tokens"] ?? usage["input_tokens"]),
    outputUnits: count(usage["completion_tokens"] ?? usage["output_tokens"]),
    cachedUnits: isObject(details) ? count(details["cached_tokens"]) : undefined,
  };
}
