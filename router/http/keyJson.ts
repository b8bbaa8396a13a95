import type { KeySpend } from "../model/funds.ts";
import { countedWei, remainingOf, resetsAtMs } from "../model/keyBook.ts";
import { formatTokens, type Wei } from "../model/money.ts";
import type { ApiKey } from "../model/record.ts";

const tokens = (wei: Wei | undefined): string | null =>
  wei === undefined ? null : formatTokens(wei > 0n ? wei : 0n);
const time = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString();

/** A key as the API shows it, in OpenRouter's words; amounts are decimal numbers of tokens. Never the secret. */
export function keyJson(key: ApiKey, spend: KeySpend, nowMs: number) {
  return {
    id: key.keyId,
    /** What OpenRouter's clients look for. */
    hash: key.keyId,
    label: key.name,
    name: key.name,
    account_id: key.accountId,
    created_at: time(key.createdAtMs),
    expires_at: time(key.expiresAtMs),
    disabled: key.isDisabled === true,
    allowed_models: key.allowedModels ?? null,
    limit: tokens(key.limitWei),
    limit_remaining: tokens(remainingOf(key, spend)),
    limit_reset: key.limitReset ?? null,
    limit_resets_at: time(resetsAtMs(key, nowMs)),
    limit_used: tokens(countedWei(key, spend)),
    usage: tokens(spend.totalWei),
    usage_daily: tokens(spend.dailyWei),
    usage_weekly: tokens(spend.weeklyWei),
    usage_monthly: tokens(spend.monthlyWei),
    held: tokens(spend.heldWei),
    requests_per_minute: key.requestsPerMinute ?? null,
    tokens_per_minute: key.tokensPerMinute ?? null,
  };
}
