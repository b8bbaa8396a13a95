import { formatTokens, type Wei } from "../model/money.ts";
import { receiptId, type SignedReceipt } from "../model/receipt.ts";
import type { Metered } from "./meter.ts";
import type { Bill } from "./wire/wire.ts";

/** A receipt as the API shows it: `fields` is the very message that was signed (EIP-712), `amount` in wei. */
export function receiptJson({ receipt, signature }: SignedReceipt) {
  const { amountWei, servedAtSec, ...fields } = receipt;
  return {
    id: receiptId(receipt),
    fields: { ...fields, amount: amountWei.toString(), servedAt: servedAtSec },
    signature,
  };
}

/** What the router adds to an answer: the receipt, and the trace if it was asked for. */
export function proofJson({ receipt, trace }: Pick<Bill, "receipt" | "trace">): object {
  return { receipt: receiptJson(receipt), ...(trace && { ai1net_trace: trace }) };
}

/**
 * What a request cost. `cost_wei` is the amount; `cost` says it in tokens as a number, rounded as such are, because that is
 * what clients of OpenRouter check for. `app_fee` is at most that and comes on top.
 */
export function costJson({ attempt: { amountWei } }: Metered, appFeeWei: Wei): object {
  return {
    cost: Number(formatTokens(amountWei)),
    cost_wei: amountWei.toString(),
    ...(appFeeWei > 0n && { app_fee: formatTokens(appFeeWei) }),
  };
}

/** OpenAI's `usage` with what it cost. */
export function usageJson(
  metered: Metered,
  details: Readonly<Record<string, unknown>>,
  appFeeWei: Wei,
): Record<string, unknown> {
  const { unit, promptUnits, completionUnits } = metered;
  const usage: Record<string, unknown> = {
    ...(unit === "token"
      ? {
          prompt_tokens: promptUnits,
          completion_tokens: completionUnits,
          total_tokens: promptUnits + completionUnits,
        }
      : { [`${unit}s`]: completionUnits }),
    ...costJson(metered, appFeeWei),
  };
  for (const field of ["prompt_tokens_details", "completion_tokens_details"])
    if (typeof details[field] === "object" && details[field] !== null) usage[field] = details[field];
  return usage;
}
