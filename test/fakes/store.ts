import type { Hex } from "../../router/model/bytes.ts";
import type { Feedback } from "../../router/model/feedback.ts";
import type { ApiKey, Endpoint, RecordedOutcome } from "../../router/model/record.ts";
import type { PaymentAuthorization } from "../../router/model/payment.ts";
import type { Session } from "../../router/model/session.ts";
import type { Activity, Store, StoredBatch, StoredReceipt } from "../../router/ports.ts";
import type { FakeJournal } from "./journal.ts";

/** Reads what a {@link FakeJournal} has; batches are put in by hand. */
export class FakeStore implements Store {
  readonly batches: StoredBatch[] = [];
  readonly #journal: FakeJournal;

  constructor(journal: FakeJournal) {
    this.#journal = journal;
  }

  #receipts(): StoredReceipt[] {
    return this.#journal.outcomes.flatMap(({ receipts, requestId, keyId, model, recordedAtMs, service }) =>
      receipts.map((signed) => ({ ...signed, requestId, keyId, model, recordedAtMs, service })),
    );
  }

  async keys(): Promise<readonly ApiKey[]> {
    return this.#journal.facts.flatMap((fact) => (fact.kind === "key" ? [fact.key] : []));
  }

  async keyDays(): Promise<[]> {
    return [];
  }

  async endpoints(): Promise<readonly Endpoint[]> {
    return this.#journal.facts.flatMap((fact) => (fact.kind === "endpoint" ? [fact.endpoint] : []));
  }

  async feedback(sinceMs: number, limit: number): Promise<readonly Feedback[]> {
    const given = this.#journal.facts.flatMap((fact) => (fact.kind === "feedback" ? [fact.feedback] : []));
    return [...new Map(given.map((each) => [`${each.accountId}-${each.seq}`, each])).values()]
      .filter(({ atMs }) => atMs >= sinceMs)
      .slice(-limit);
  }

  async feedbackOn(accountId: number, seq: number): Promise<Feedback | undefined> {
    const isIts = (each: Feedback): boolean => each.accountId === accountId && each.seq === seq;
    return (await this.feedback(0, Number.MAX_SAFE_INTEGER)).find(isIts);
  }

  async reviewTexts(hashes: readonly Hex[]): Promise<ReadonlyMap<Hex, string>> {
    const { facts } = this.#journal;
    const kept = facts.flatMap((fact) => (fact.kind === "reviewText" ? [fact] : []));
    const wanted = kept.filter(({ textHash }) => hashes.includes(textHash));
    return new Map(wanted.map(({ textHash, text }) => [textHash, text]));
  }

  async payment(accountId: number, seq: number): Promise<PaymentAuthorization | undefined> {
    const isIts = ({ receipts }: RecordedOutcome): boolean => {
      const receipt = receipts.at(-1)?.receipt;
      return receipt?.accountId === accountId && receipt.seq === seq;
    };
    return this.#journal.outcomes.find(isIts)?.payment;
  }

  async usedPayments(sec: number) {
    return this.#journal.outcomes.flatMap(({ payment, receipts }) => {
      const accountId = receipts.at(-1)?.receipt.accountId;
      return payment && accountId !== undefined && payment.validBeforeSec > sec
        ? [{ accountId, nonce: payment.nonce, validBeforeSec: payment.validBeforeSec }]
        : [];
    });
  }

  async session(tokenHash: string): Promise<Session | undefined> {
    const { facts } = this.#journal;
    const opened = facts.flatMap((fact) => (fact.kind === "session" ? [fact.session] : []));
    const isFirst = (session: Session): boolean =>
      opened.find(({ nonce }) => nonce === session.nonce) === session;
    const hasEnded = facts.some((fact) => fact.kind === "sessionEnded" && fact.tokenHash === tokenHash);
    return hasEnded ? undefined : opened.find((each) => each.tokenHash === tokenHash && isFirst(each));
  }

  async receipt(accountId: number, seq: number): Promise<StoredReceipt | undefined> {
    return this.#receipts().find(({ receipt }) => receipt.accountId === accountId && receipt.seq === seq);
  }

  async outcome(requestId: string): Promise<RecordedOutcome | undefined> {
    return this.#journal.outcomes.find((outcome) => outcome.requestId === requestId);
  }

  async servedAs(name: string, sinceMs: number): Promise<RecordedOutcome | undefined> {
    return this.#journal.outcomes.find((each) => each.name === name && each.recordedAtMs >= sinceMs);
  }

  async servedSince(
    { keyId }: { readonly keyId: string },
    requestHash: string,
    sinceMs: number,
  ): Promise<RecordedOutcome | undefined> {
    return this.#journal.outcomes.findLast(
      (each) =>
        each.keyId === keyId &&
        each.recordedAtMs >= sinceMs &&
        each.receipts.at(-1)?.receipt.requestHash === requestHash,
    );
  }

  async activity(accountId: number, fromMs: number, limit: number): Promise<readonly Activity[]> {
    const own = this.#receipts().filter(
      ({ receipt, recordedAtMs }) => receipt.accountId === accountId && recordedAtMs >= fromMs,
    );
    const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
    const groups = Map.groupBy(own, ({ recordedAtMs, model, keyId }) =>
      [dayOf(recordedAtMs), model, keyId].join(" "),
    );
    return [...groups]
      .map(([name, rows]): Activity => {
        const [day = "", model = "", keyId = ""] = name.split(" ");
        const sum = (of: (row: StoredReceipt) => number): number => rows.reduce((n, row) => n + of(row), 0);
        return {
          day,
          model,
          keyId,
          requests: rows.filter(({ receipt }) => receipt.timing > 0).length,
          failures: rows.filter(({ receipt }) => receipt.timing === 0).length,
          inputUnits: sum(({ receipt }) => receipt.inputUnits),
          outputUnits: sum(({ receipt }) => receipt.outputUnits),
          amountWei: rows.reduce((wei, { receipt }) => wei + receipt.amountWei, 0n),
        };
      })
      .toSorted((a, b) => b.day.localeCompare(a.day))
      .slice(0, limit);
  }

  async receiptsFrom(accountId: number, seq: number, limit: number): Promise<readonly StoredReceipt[]> {
    const own = this.#receipts().filter(({ receipt }) => receipt.accountId === accountId);
    return own.filter(({ receipt }) => receipt.seq >= seq).slice(0, limit);
  }

  async receiptsOfOffers(offerIds: readonly number[], afterMs: number, limit: number) {
    const own = this.#receipts().filter(({ receipt }) => offerIds.includes(receipt.offerId));
    return own.filter(({ recordedAtMs }) => recordedAtMs > afterMs).slice(0, limit);
  }

  async latestOfOffers(offerIds: readonly number[], sinceMs: number) {
    return this.#receipts().filter(
      ({ receipt, recordedAtMs }) => offerIds.includes(receipt.offerId) && recordedAtMs >= sinceMs,
    );
  }

  async lastSeqs(): Promise<readonly { accountId: number; lastSeq: number }[]> {
    return [];
  }

  async openBatches(): Promise<readonly StoredBatch[]> {
    return this.batches.filter(({ state }) => state !== "final");
  }

  async batch(batchNo: number): Promise<StoredBatch | undefined> {
    return this.batches.find((batch) => batch.batchNo === batchNo);
  }

  async batchOf(accountId: number, seq: number): Promise<StoredBatch | undefined> {
    return this.batches.find(({ slices }) =>
      slices.some(
        (slice) =>
          slice.accountId === accountId && slice.startSeq <= seq && seq < slice.startSeq + slice.count,
      ),
    );
  }

  async setBatchState(): Promise<void> {}
}
