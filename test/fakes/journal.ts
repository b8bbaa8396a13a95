import { toHex, uintBytes } from "../../router/model/bytes.ts";
import type { Outcome } from "../../router/model/outcome.ts";
import type { Fact, RecordedOutcome } from "../../router/model/record.ts";
import type { SignedReceipt } from "../../router/model/receipt.ts";
import { JournalFailure, type Journal } from "../../router/ports.ts";

/** Numbers, "signs" and keeps everything in memory. */
export class FakeJournal implements Journal {
  readonly outcomes: RecordedOutcome[] = [];
  readonly facts: Fact[] = [];
  /** Set: nothing can be written. */
  broken: Error | undefined;
  /** Awaited before a commit is durable. */
  delay: () => Promise<void> = async () => undefined;
  readonly #nextSeq = new Map<number, number>();

  async commit(outcome: Outcome): Promise<readonly SignedReceipt[]> {
    await this.delay();
    if (this.broken) throw new JournalFailure(this.broken.message);
    const { accountId, appId, requestHash } = outcome;
    const receipts = outcome.attempts.map((attempt) => {
      const seq = this.#nextSeq.get(accountId) ?? 0;
      this.#nextSeq.set(accountId, seq + 1);
      const receipt = { operatorId: 3, accountId, seq, appId, requestHash, ...attempt };
      return { receipt, signature: toHex(uintBytes(seq + 1, 65)) };
    });
    const { requestId, keyId, model, appFeeWei, name, payment, service } = outcome;
    this.outcomes.push({
      requestId,
      keyId,
      model,
      appFeeWei,
      name,
      payment,
      service,
      recordedAtMs: Date.now(),
      receipts,
    });
    return receipts;
  }

  async append(fact: Fact): Promise<void> {
    if (this.broken) throw new JournalFailure(this.broken.message);
    this.facts.push(fact);
  }

  failure(): Error | undefined {
    return this.broken;
  }
}
