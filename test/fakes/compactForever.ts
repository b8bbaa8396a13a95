/** A process to be killed: commits rows of one wei and compacts without end; prints the number of every receipt. */
import { openFileJournal } from "../../router/adapters/journal/fileJournal.ts";
import { IDENTITY, sampleAttempt, sampleOutcome, SIGNER, silentLog, systemClock } from "./samples.ts";

const [directory = ""] = process.argv.slice(2);
const journal = await openFileJournal({
  directory,
  identity: IDENTITY,
  sign: SIGNER.sign,
  clock: systemClock,
  log: silentLog,
  segmentBytes: 2_000,
});
await journal.openAccount(1, 0);
if (journal.position() === 0) {
  const key = { keyId: "key-1", accountId: 1, name: "k", secretHash: "0xcd", createdAtMs: 1 } as const;
  await journal.append({ kind: "key", key });
}

async function compactForever(): Promise<never> {
  for (;;) {
    await journal.compact({
      beforeMs: Date.now() + 1_000,
      nowMs: Date.now(),
      applied: journal.position(),
      isFinal: () => true,
      isOpenBatch: () => false,
    });
    await new Promise((resolve) => void setTimeout(resolve, 1));
  }
}

void compactForever();
for (;;)
  for (const { receipt } of await journal.commit(sampleOutcome(1, [sampleAttempt({ amountWei: 1n })])))
    process.stdout.write(`${receipt.seq}\n`);
