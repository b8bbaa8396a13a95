import type { IncomingMessage } from "node:http";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { Refusal } from "../request/refusal.ts";

/** Bounds what strangers may make the router do. @throws {Refusal} 429 */
export type ClientLimit = (req: IncomingMessage) => Promise<void>;

/** At most `perMinute` from one address, and ten times that from all together. */
export function clientLimit(perMinute: number): ClientLimit {
  const one = new RateLimiterMemory({ points: perMinute, duration: 60 });
  const all = new RateLimiterMemory({ points: perMinute * 10, duration: 60 });
  return async (req) => {
    try {
      await one.consume(req.socket.remoteAddress ?? "unknown");
      await all.consume("all");
    } catch (limit) {
      if (!(limit instanceof RateLimiterRes)) throw limit;
      throw new Refusal(429, "rate_limit_exceeded", "too many of these at a time; try again later", {
        retryAfterSec: Math.max(1, Math.ceil(limit.msBeforeNext / 1000)),
      });
    }
  };
}
