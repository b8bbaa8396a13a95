import { parseReceiptId } from "../model/receipt.ts";
import type { StoredReceipt } from "../ports.ts";
import { notFound } from "../request/refusal.ts";
import { authorizeReader } from "./authorizeReader.ts";
import type { AppDeps } from "./deps.ts";

/**
 * A receipt by its own id or by its request's, if it is the caller's own.
 * @throws {Refusal} 401, 404
 */
export async function findReceipt(
  deps: Pick<AppDeps, "sessions" | "world" | "chain" | "operatorId" | "store">,
  authorization: string | undefined,
  name: string,
): Promise<StoredReceipt> {
  const { store } = deps;
  const reads = await authorizeReader(deps, authorization);
  const outcome = name.startsWith("gen-") ? await store.outcome(name) : undefined;
  const id = outcome ? outcome.receipts.at(-1)?.receipt : parseReceiptId(name);
  const stored = id && (await reads(id.accountId)) ? await store.receipt(id.accountId, id.seq) : undefined;
  if (!stored) throw notFound("there is no such receipt for the account of this key or wallet");
  return stored;
}
