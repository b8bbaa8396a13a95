import type { Candidate } from "../model/candidate.ts";
import type { ApiKey } from "../model/record.ts";
import type { RateLimits, RateWindow } from "../ports.ts";
import type { Demand } from "./demand.ts";
import { ceilingAt, type PromptSize } from "./price.ts";
import { Refusal } from "./refusal.ts";

type Kind = "requests" | "tokens";

function refused(kind: Kind, limit: number, { remaining, resetsInMs }: RateWindow): Refusal {
  const resetSec = Math.ceil(resetsInMs / 1000);
  return new Refusal(429, "rate_limit_exceeded", `this API key may make ${limit} ${kind} per minute`, {
    retryAfterSec: resetSec,
    metadata: { limit_source: "key_rate", reason: `${kind}_per_minute`, limit, remaining },
    headers: {
      "x-ratelimit-limit": String(limit),
      "x-ratelimit-remaining": String(remaining),
      "x-ratelimit-reset": String(resetSec),
    },
  });
}

/** The most that a request is likely to come to at any of the offers it may go to; 0 where no tokens are billed. */
export function mostTokens(
  demand: Demand,
  ranked: readonly Candidate[],
  sizes: ReadonlyMap<number, PromptSize>,
): number {
  const each = ranked.map((candidate) => {
    const size = sizes.get(candidate.offer.modelId);
    if (size?.unit !== "token") return 0;
    return size.likelyUnits + ceilingAt(demand, size, candidate).outputUnits;
  });
  return Math.max(0, ...each);
}

interface Limiting {
  readonly rateLimits: RateLimits;
}

/** Counts a request of a key that has a limit. @throws {Refusal} 429 */
export async function limitRequests({ rateLimits }: Limiting, key: ApiKey): Promise<void> {
  const { requestsPerMinute: limit, keyId } = key;
  if (limit === undefined) return;
  const window = await rateLimits.take(`${keyId} requests`, 1, limit);
  if (!window.isWithin) throw refused("requests", limit, window);
}

/** Tokens set aside in a key's minute; they become those that were used, or none. */
export interface TokenAllowance {
  settle(tokens: number): Promise<void>;
}

const UNLIMITED: TokenAllowance = { settle: () => Promise.resolve() };

/**
 * Sets aside what a request may come to, before it leaves, so that requests at the same time can't pass the limit
 * together.
 * @throws {Refusal} 429; 413 for a request that no minute could hold
 */
export async function limitTokens(
  { rateLimits }: Limiting,
  key: ApiKey,
  reservedTokens: number,
): Promise<TokenAllowance> {
  const { tokensPerMinute: limit, keyId } = key;
  if (limit === undefined) return UNLIMITED;
  if (reservedTokens > limit)
    throw new Refusal(
      413,
      "payload_too_large",
      `this request may come to ${reservedTokens} tokens, and this API key may use ${limit} per minute: lower max_tokens`,
      { metadata: { limit_source: "key_rate", reason: "tokens_per_minute", limit, needed: reservedTokens } },
    );
  const name = `${keyId} tokens`;
  const window = await rateLimits.take(name, reservedTokens, limit);
  if (!window.isWithin) throw refused("tokens", limit, window);
  let isSettled = false;
  return {
    settle: async (tokens) => {
      if (isSettled) return;
      isSettled = true;
      await rateLimits.correct(name, tokens - reservedTokens);
    },
  };
}
