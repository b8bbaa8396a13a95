import { contentHash } from "../model/commitment.ts";
import type { Hex } from "../model/bytes.ts";
import type { Wei } from "../model/money.ts";
import { appFeeUp } from "../model/offer.ts";
import type { Attempt } from "../model/outcome.ts";
import type { SignedReceipt } from "../model/receipt.ts";
import { AlreadyServed, JournalFailure, NotCovered } from "../ports.ts";
import { invalidRequest, journalDown, lapsed } from "./refusal.ts";
import { alreadyServed } from "./repeats.ts";
import type { Request, World } from "./world.ts";

/**
 * What `requestHash` commits to: the body as it was received.
 * @throws {Refusal} 400 for JSON that has no canonical form: lone surrogates, numbers out of range
 */
export function requestHashOf(body: Readonly<Record<string, unknown>>): Hex {
  try {
    return contentHash(body);
  } catch (cause) {
    throw invalidRequest(
      `the body has no canonical form: ${cause instanceof Error ? cause.message : "bad JSON"}`,
    );
  }
}

/**
 * Makes the tries of a request durable, numbered and signed, and counts what they cost. Only after this may the caller
 * see the end of the answer, and only after this may the hold end.
 * @throws {Refusal} 503 when the journal can't write
 */
export async function record(
  world: World,
  request: Request,
  /** That served, or was asked first. */
  model: string,
  attempts: readonly Attempt[],
  /** How the last of them served; see `Outcome`. */
  service?: string,
): Promise<readonly SignedReceipt[]> {
  const { requestId, key, app, demand, requestHash, name, payment } = request;
  const { accountId, keyId } = key;
  const feeWei = (amountWei: Wei): Wei => appFeeUp(amountWei, app.feeBps, app.maxAppFeePct);
  const startedAtMs = world.clock.nowMs();
  try {
    const receipts = await world.journal.commit({
      requestId,
      accountId,
      keyId,
      appId: demand.appId,
      model,
      requestHash,
      // Only what was paid for is never served again.
      name: (attempts.at(-1)?.timing ?? 0) > 0 ? name : undefined,
      appFeeWei: feeWei(attempts.at(-1)?.amountWei ?? 0n),
      // A row that costs nothing needs none, and nobody can challenge it.
      payment: (attempts.at(-1)?.amountWei ?? 0n) > 0n ? payment : undefined,
      service: (attempts.at(-1)?.timing ?? 0) > 0 ? service : undefined,
      attempts,
    });
    const rows = receipts.map(({ receipt: { seq, amountWei, servedAtSec } }) => ({
      seq,
      servedAtSec,
      costWei: amountWei + feeWei(amountWei),
    }));
    world.funds.recorded(key, rows, world.clock.nowMs());
    const costWei = rows.reduce((sum, row) => sum + row.costWei, 0n);
    world.metrics.journaled(rows.length, costWei);
    return receipts;
  } catch (error) {
    if (error instanceof AlreadyServed) throw alreadyServed(error.receipt, error.requestId);
    if (error instanceof NotCovered) throw lapsed();
    if (error instanceof JournalFailure) throw journalDown(false);
    throw error;
  } finally {
    world.metrics.stage("commit", (world.clock.nowMs() - startedAtMs) / 1000);
  }
}
