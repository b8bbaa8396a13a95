import { MOST_FEEDBACK } from "../../model/feedback.ts";
import type { StoredReceipt } from "../../ports.ts";
import type { Store } from "../../ports.ts";
import type { FileJournal } from "../journal/fileJournal.ts";

const PAGE = 1_000;

/** Writes into a journal that lost its end what the store still has of it. */
export async function salvage(store: Store, journal: FileJournal): Promise<void> {
  for (const { accountId, lastSeq } of await store.lastSeqs()) {
    let from = journal.nextSeq(accountId) ?? 0;
    while (from <= lastSeq) {
      const rows = await store.receiptsFrom(accountId, from, PAGE);
      const last = rows.at(-1);
      if (!last) break;
      // A request is whole only if the row after it is another's.
      const whole = rows.length < PAGE ? rows : rows.filter((row) => row.requestId !== last.requestId);
      for (const outcome of Map.groupBy(whole, (row) => row.requestId).values()) {
        const [first] = outcome as [StoredReceipt];
        const { accountId: payer, seq } = (outcome.at(-1) ?? first).receipt;
        const payment = await store.payment(payer, seq);
        await journal.adopt({
          kind: "outcome",
          outcome: {
            requestId: first.requestId,
            keyId: first.keyId,
            model: first.model,
            ...(payment && { payment }),
            service: outcome.at(-1)?.service,
            recordedAtMs: first.recordedAtMs,
            receipts: outcome.map(({ receipt, signature }) => ({ receipt, signature })),
          },
        });
      }
      from = (whole.at(-1)?.receipt.seq ?? lastSeq) + 1;
    }
  }
  for (const key of await store.keys()) await journal.adopt({ kind: "key", key });
  for (const endpoint of await store.endpoints()) await journal.adopt({ kind: "endpoint", endpoint });
  for (const feedback of await store.feedback(0, MOST_FEEDBACK))
    await journal.adopt({ kind: "feedback", feedback });
  for (const { batchNo, bytes, commitment, slices, builtAtMs } of await store.openBatches()) {
    await journal.adopt({ kind: "batch", batch: { batchNo, bytes, commitment, slices, builtAtMs } });
  }
}
