import { BaseError, HttpRequestError, RpcRequestError, TimeoutError } from "viem";

/** Codes by which nodes and their gateways say that they, not the call, are the problem. */
const TROUBLE_CODES: ReadonlySet<number> = new Set([
  -32_001, // resource not found
  -32_002, // resource unavailable
  -32_005, // limit exceeded
  -32_007, // too many requests, at one vendor
  -32_603, // internal error
  429,
]);

/** Words of nodes that lag behind, were pruned or are too busy; each has its own code for them. */
const TROUBLE_WORDS =
  /header not found|unknown block|block not found|block ?out ?of ?range|missing trie node|syncing|rate limit|too many requests|limit exceeded/i;

/** Words of a contract that refuses: another node would say the same. */
const REVERT_WORDS = /revert|out of gas|invalid opcode/i;

/**
 * Whether a failed call says something about the node only, so that another node may well answer it: no connection, a
 * timeout, an HTTP error, a limit, a block that this node has not (yet). Anything else is the chain's answer.
 */
export function isNodeTrouble(error: unknown): boolean {
  if (!(error instanceof BaseError)) return true; // not even an answer
  const answer = error.walk((cause) => cause instanceof RpcRequestError);
  if (answer instanceof RpcRequestError) {
    const text = `${answer.details} ${answer.message}`;
    if (REVERT_WORDS.test(text) || answer.data !== undefined) return false;
    return TROUBLE_CODES.has(answer.code) || TROUBLE_WORDS.test(text);
  }
  return (
    error.walk((cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError) !== null ||
    error.name === "UnknownRpcError"
  );
}
