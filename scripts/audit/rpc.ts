import { BaseError, createPublicClient, http, HttpRequestError, type PublicClient } from "viem";
import { AuditError } from "./auditError.ts";

const TIMEOUT_MS = 30_000;
const RETRIES = 4;

/** A client that only reads; it retries what a moment may heal, and waits when the endpoint asks it to. */
export function rpcClient(url: string): PublicClient {
  return createPublicClient({ transport: http(url, { timeout: TIMEOUT_MS, retryCount: RETRIES }) });
}

/** True when there is nobody to answer: smaller questions will not help. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof BaseError)) return false;
  const failed = error.walk((cause) => cause instanceof HttpRequestError);
  return failed instanceof HttpRequestError && failed.status === undefined;
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
