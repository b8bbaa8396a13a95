import type { IncomingMessage } from "node:http";
import { invalidRequest } from "../request/refusal.ts";
import type { RepeatMarks } from "../request/repeats.ts";

const NAME_FORMAT = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

/** What a request says about being a repetition. @throws {Refusal} 400 */
export function repeatMarksOf({ headers }: IncomingMessage): RepeatMarks {
  const { "idempotency-key": idempotencyKey, "x-stainless-retry-count": retries } = headers;
  if (idempotencyKey !== undefined && !NAME_FORMAT.test(String(idempotencyKey)))
    throw invalidRequest("idempotency-key must be 1 to 255 printable characters", "idempotency-key");
  return {
    idempotencyKey: idempotencyKey?.toString(),
    retryCount: typeof retries === "string" && /^\d{1,3}$/.test(retries) ? Number(retries) : undefined,
  };
}
