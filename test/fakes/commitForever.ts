/** A process to be killed: commits without end and prints `accountId seq` of every receipt that it was given. */
import path from "node:path";

import { openFileJournal } from "../../router/adapters/journal/fileJournal.ts";
import { openProjectedStore } from "../../router/adapters/store/projectedStore.ts";
import { IDENTITY, sampleOutcome, SIGNER, silentLog, systemClock } from "./samples.ts";

const ACCOUNTS = 4;
const IN_FLIGHT = 32;

const [directory = ""] = process.argv.slice(2);
const journal = await openFileJournal({
  directory: path.join(directory, "journal"),
  identity: IDENTITY,
  sign: SIGNER.sign,
  clock: systemClock,
  log: silentLog,
  segmentBytes: 100_000,
});
await openProjectedStore({
  directory: path.join(directory, "store"),
  journal,
  identity: IDENTITY,
  log: silentLog,
});

async function commitForever(accountId: number): Promise<never> {
  for (;;) {
    for (const { receipt } of await journal.commit(sampleOutcome(accountId))) {
      process.stdout.write(`${receipt.accountId} ${receipt.seq}\n`);
    }
  }
}

for (let accountId = 1; accountId <= ACCOUNTS; accountId++) await journal.openAccount(accountId, 0);
await Promise.all(Array.from({ length: IN_FLIGHT }, (_, i) => commitForever(1 + (i % ACCOUNTS))));
