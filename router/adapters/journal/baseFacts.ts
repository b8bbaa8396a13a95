import { dayOf } from "../../model/period.ts";
import { FEEDBACK_MS, type Feedback } from "../../model/feedback.ts";
import { receiptId } from "../../model/receipt.ts";
import type { KeyDay } from "../../model/keyDay.ts";
import type { ApiKey, BuiltBatch, Endpoint, Fact, JournalRecord } from "../../model/record.ts";
import type { Session } from "../../model/session.ts";

/** What a key spent longer ago is one sum. */
const KEY_DAYS = 400;

/** What is left of records that are dropped: the facts that still hold, and what keys have spent. */
export class BaseFacts {
  readonly #keys = new Map<string, ApiKey>();
  readonly #sessions = new Map<string, Session>();
  readonly #endpoints = new Map<number, Endpoint>();
  #lastBatch: BuiltBatch | undefined;
  readonly #feedback = new Map<string, Feedback>();
  readonly #reviewTexts = new Map<string, Extract<Fact, { kind: "reviewText" }>>();
  readonly #days = new Map<string, KeyDay>();

  take(record: JournalRecord): void {
    switch (record.kind) {
      case "outcome": {
        const { keyId, recordedAtMs, receipts, appFeeWei = 0n } = record.outcome;
        const amountWei = receipts.reduce((sum, { receipt }) => sum + receipt.amountWei, 0n);
        this.#spent({ keyId, day: dayOf(recordedAtMs), spentWei: amountWei + appFeeWei });
        return;
      }
      case "keyDays":
        for (const day of record.days) this.#spent(day);
        return;
      case "key":
        this.#keys.set(record.key.keyId, {
          ...record.key,
          revokedAtMs: this.#keys.get(record.key.keyId)?.revokedAtMs ?? record.key.revokedAtMs,
        });
        return;
      case "keyRevoked": {
        const key = this.#keys.get(record.keyId);
        if (key) this.#keys.set(record.keyId, { ...key, revokedAtMs: key.revokedAtMs ?? record.atMs });
        return;
      }
      case "feedback":
        this.#feedback.set(receiptId(record.feedback), record.feedback);
        return;
      case "reviewText":
        this.#reviewTexts.set(record.textHash, record);
        return;
      case "session":
        this.#sessions.set(record.session.tokenHash, record.session);
        return;
      case "sessionEnded":
        this.#sessions.delete(record.tokenHash);
        return;
      case "endpoint": {
        const { listingId, issuedAtSec } = record.endpoint;
        if (issuedAtSec > (this.#endpoints.get(listingId)?.issuedAtSec ?? -1))
          this.#endpoints.set(listingId, record.endpoint);
        return;
      }
      case "batch":
        if (record.batch.batchNo > (this.#lastBatch?.batchNo ?? -1)) this.#lastBatch = record.batch;
        return;
      case "batchDropped":
        if (this.#lastBatch?.commitment === record.commitment) this.#lastBatch = undefined;
        return;
      // The segments' own headers have the counters.
      case "tailAccepted":
        return;
    }
  }

  #spent({ keyId, day, spentWei }: KeyDay): void {
    if (spentWei === 0n) return;
    const name = `${keyId} ${day}`;
    this.#days.set(name, { keyId, day, spentWei: spentWei + (this.#days.get(name)?.spentWei ?? 0n) });
  }

  /** Keys that were revoked before `beforeMs` and sessions that have expired are gone. */
  facts(beforeMs: number, nowMs: number): Fact[] {
    const facts: Fact[] = [];
    for (const key of this.#keys.values())
      if ((key.revokedAtMs ?? Infinity) >= beforeMs) facts.push({ kind: "key", key });
    for (const session of this.#sessions.values())
      if (session.expiresAtMs > nowMs) facts.push({ kind: "session", session });
    for (const endpoint of this.#endpoints.values()) facts.push({ kind: "endpoint", endpoint });
    for (const feedback of this.#feedback.values())
      if (feedback.atMs >= nowMs - FEEDBACK_MS) facts.push({ kind: "feedback", feedback });
    facts.push(...this.#reviewTexts.values());
    // The Ledger knows of it: a journal that did not would be taken for one that has lost its end.
    if (this.#lastBatch) facts.push({ kind: "batch", batch: this.#lastBatch });
    const days = this.#merged(dayOf(nowMs) - KEY_DAYS);
    if (days.length > 0) facts.push({ kind: "keyDays", days });
    return facts;
  }

  #merged(fromDay: number): KeyDay[] {
    const merged = new Map<string, KeyDay>();
    for (const { keyId, day, spentWei } of this.#days.values()) {
      const kept = Math.max(day, fromDay);
      const name = `${keyId} ${kept}`;
      merged.set(name, { keyId, day: kept, spentWei: spentWei + (merged.get(name)?.spentWei ?? 0n) });
    }
    return [...merged.values()];
  }
}
