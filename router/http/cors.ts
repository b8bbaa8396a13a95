/** Lets pages of other sites use the API from the browser: it knows callers by what they send, never by cookies. */
import type { NextFunction, Request, Response } from "express";

/** `*`, or origins as browsers write them, in lower case: `https://app.example.com`. */
export type CorsOrigins = "*" | readonly string[];

/** What an operator's own tools read is not for pages. */
const PUBLIC = /^\/(?:v1\/|openapi\.json$)/;
/** The answers' headers that a page may read besides those that every page may. */
const EXPOSED = [
  "payment-required",
  "payment-response",
  "x-ai1net-receipt",
  "x-generation-id",
  "x-request-id",
  "idempotent-replayed",
  "retry-after",
  "x-should-retry",
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "www-authenticate",
].join(", ");
const METHODS = "GET, POST, PATCH, DELETE";
/** Names of headers, with commas between; a page asks for those that it is going to send. */
const HEADER_NAMES = /^[\w!#$%&'*+.^`|~-]+(?:\s*,\s*[\w!#$%&'*+.^`|~-]+)*$/;
const LONGEST_NAMES = 2_048;
/** The longest that browsers remember a preflight. */
const MAX_AGE_SEC = 7_200;

/** The part of an app that says what other sites' pages may do, and answers their preflights. */
export function cors(origins: CorsOrigins) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const { origin, "access-control-request-method": asksFor } = req.headers;
    const names = req.headers["access-control-request-headers"] ?? "";
    if (!PUBLIC.test(req.path)) return next();
    if (origins !== "*") res.vary("origin");
    const isAllowed = origins === "*" || (origin !== undefined && origins.includes(origin.toLowerCase()));
    if (!isAllowed) return next();
    res.setHeader("access-control-allow-origin", origins === "*" ? "*" : (origin ?? ""));
    res.setHeader("access-control-expose-headers", EXPOSED);
    if (req.method !== "OPTIONS" || origin === undefined || asksFor === undefined) return next();
    res.vary("access-control-request-headers");
    res.setHeader("access-control-allow-methods", METHODS);
    if (names.length <= LONGEST_NAMES && HEADER_NAMES.test(names))
      res.setHeader("access-control-allow-headers", names);
    res.setHeader("access-control-max-age", String(MAX_AGE_SEC));
    res.statusCode = 204;
    res.end();
  };
}
