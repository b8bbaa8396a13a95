/**
 * How long a commit takes and how many go through, on this machine's disk: `npm run bench:journal`. The journal alone, and
 * with the store that follows it in the same process.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { openFileJournal } from "../../router/adapters/journal/fileJournal.ts";
import { receiptSigner } from "../../router/adapters/signer/receiptSigner.ts";
import { openProjectedStore } from "../../router/adapters/store/projectedStore.ts";
import { NO_RESPONSE } from "../../router/model/commitment.ts";
import type { Logger } from "../../router/ports.ts";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "3" } } });
const DURATION_MS = Number(values.seconds) * 1_000;
const CONCURRENCY = [1, 16, 64, 256];
const ACCOUNTS = 50;

const identity = { operatorId: 1, chainId: 31_337, ledger: `0x${"1e".repeat(20)}` } as const;
const domain = { chainId: identity.chainId, verifyingContract: identity.ledger };
const signer = receiptSigner(`0x${"5a".repeat(32)}`, domain);
const clock = { nowMs: () => Date.now() };
const nothing = (): void => undefined;
const log: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

let requests = 0;

async function measure(withStore: boolean): Promise<void> {
  // Where a router's data is: the system's temporary directory may be memory.
  mkdirSync("data", { recursive: true });
  const directory = mkdtempSync(path.join("data", "bench-journal-"));
  try {
    const options = { identity, sign: signer.sign, clock, log };
    const journal = await openFileJournal({ ...options, directory: path.join(directory, "journal") });
    const store = withStore
      ? await openProjectedStore({ directory: path.join(directory, "store"), journal, identity, log })
      : undefined;
    for (let account = 1; account <= ACCOUNTS; account++) await journal.openAccount(account, 0);
    for (const concurrency of CONCURRENCY) {
      const latenciesMs: number[] = [];
      const startedAtMs = performance.now();
      const endsAtMs = startedAtMs + DURATION_MS;
      const commitUntilEnd = async (): Promise<void> => {
        while (performance.now() < endsAtMs) {
          const beganAtMs = performance.now();
          await journal.commit({
            requestId: `gen-${++requests}`,
            accountId: 1 + (requests % ACCOUNTS),
            keyId: "0123456789abcdef",
            appId: 0,
            model: "acme/summarizer",
            requestHash: NO_RESPONSE,
            attempts: [
              {
                offerId: 7,
                inputUnits: 1_000,
                outputUnits: 200,
                timing: 120,
                amountWei: 1_234_567_890_123n,
                responseHash: NO_RESPONSE,
                servedAtSec: 1_900_000_000,
              },
            ],
          });
          latenciesMs.push(performance.now() - beganAtMs);
        }
      };
      await Promise.all(Array.from({ length: concurrency }, commitUntilEnd));
      const seconds = (performance.now() - startedAtMs) / 1_000;
      latenciesMs.sort((a, b) => a - b);
      const at = (share: number): string =>
        (latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(2);
      console.log(
        `${withStore ? "with store   " : "journal alone"}  ${String(concurrency).padStart(3)} at once: ` +
          `${Math.round(latenciesMs.length / seconds)
            .toString()
            .padStart(6)} commits/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
      );
    }
    const behindSince = performance.now();
    await store?.current();
    if (store)
      console.log(`with store     ${Math.round(performance.now() - behindSince)} ms behind at the end`);
    await store?.close();
    await journal.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await measure(false);
await measure(true);
