import { BaseError, createPublicClient, http, HttpRequestError, type PublicClient } from "viem";
import { AuditError } from "./auditError.ts";

const TIMEOUT_MS = 30_000;
const RETRIES = 4;

/** A client that only reads; it retries what a moment may heal, and waits when the endpoint asks it to. */
export function rpcClient(url: string): PublicClient {
  return createPublicClient({ transport: http(url, { timeout: TIMEOUT_MS, retryCount: RETRIES }) });
}

function httpErrorOf(error: unknown): HttpRequestError | undefined {
  const found = error instanceof BaseError && error.walk((cause) => cause instanceof HttpRequestError);
  return found instanceof HttpRequestError ? found : undefined;
}

/** True when there is nobody to answer: smaller questions will not help. */
export function isUnreachable(error: unknown): boolean {
  const failed = httpErrorOf(error);
  return failed !== undefined && failed.status === undefined;
}

/** True when the same question may be answered later. */
export function mayPass(error: unknown): boolean {
  const status = httpErrorOf(error)?.status ?? 0;
  return isUnreachable(error) || status === 429 || status >= 500;
}

/** An error of the RPC endpoint in one sentence. */
export function rpcError(doing: string, error: unknown): AuditError {
  if (error instanceof AuditError) return error;
  const reason = error instanceof BaseError ? [error.shortMessage, error.details].join(" ") : String(error);
  const advice = isUnreachable(error)
    ? "is it running, and is --rpc right?"
    : "the audit needs an archive node with transactions, logs and the state of past blocks.";
  return new AuditError(`${doing}: ${reason.replaceAll(/\s+/g, " ").trim()}\n${advice}`, { cause: error });
}
