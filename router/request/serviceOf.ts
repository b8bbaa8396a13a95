import { isObject } from "../model/chat.ts";
import { serviceText } from "../model/service.ts";
import type { Delivery } from "./delivery.ts";
import type { Demand } from "./demand.ts";
import type { Fields } from "./wire/wire.ts";

/** Why an answer ended, in the words of whichever endpoint it came from. */
function finishReasonOf({ choices, response, status }: Fields): string | undefined {
  if (Array.isArray(choices)) {
    const last: unknown = choices.findLast(
      (choice) => isObject(choice) && typeof choice["finish_reason"] === "string",
    );
    const reason = isObject(last) ? last["finish_reason"] : undefined;
    return typeof reason === "string" ? reason : undefined;
  }
  if (isObject(response)) return finishReasonOf(response);
  return typeof status === "string" ? status : undefined;
}

/** What the journal keeps of a delivery besides its receipt. */
export function serviceOfDelivery({ stream, wire }: Demand, delivery: Delivery): string {
  const { usage, usageDetails, body, lastEvents, startedAtMs, endedAtMs, firstContentMs } = delivery;
  const details = usageDetails["completion_tokens_details"] ?? usageDetails["output_tokens_details"];
  const reasoning = isObject(details) ? details["reasoning_tokens"] : undefined;
  let finishReason = body && finishReasonOf(body);
  for (const event of lastEvents) finishReason ??= finishReasonOf(event);
  return serviceText({
    isStreamed: stream || wire.answers === "bytes",
    isCancelled: !delivery.isWhole,
    firstContentMs,
    durationMs: endedAtMs - startedAtMs,
    finishReason,
    native: {
      prompt: usage?.inputUnits,
      completion: usage?.outputUnits,
      reasoning: typeof reasoning === "number" ? reasoning : undefined,
      cached: usage?.cachedUnits,
    },
  });
}
