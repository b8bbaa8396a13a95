import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { openFileJournal } from "../../../router/adapters/journal/fileJournal.ts";
import { openProjectedStore } from "../../../router/adapters/store/projectedStore.ts";
import {
  IDENTITY,
  sampleOutcome,
  SIGNER,
  silentLog,
  systemClock,
  temporaryDirectory,
} from "../../fakes/samples.ts";
import { useStoreTemplate } from "../../fakes/storeTemplate.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("../../fakes/commitForever.ts"));

/** Runs the program until it has printed `lines` lines, kills it, and returns the acknowledged receipts. */
async function runAndKill(directory: string, lines: number): Promise<Map<number, number[]>> {
  const child = spawn(process.execPath, [PROGRAM, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const acknowledged = new Map<number, number[]>();
  let count = 0;
  for await (const line of createInterface(child.stdout)) {
    const [account, seq] = line.split(" ").map(Number) as [number, number];
    acknowledged.set(account, [...(acknowledged.get(account) ?? []), seq]);
    if (++count === lines) child.kill("SIGKILL");
  }
  await ended;
  return acknowledged;
}

describe("journal and store killed under load", () => {
  it("have every acknowledged receipt, without gaps, and go on", async (t) => {
    const directory = temporaryDirectory(t);
    await useStoreTemplate(path.join(directory, "store"));
    for (const lines of [700, 1_311]) {
      const acknowledged = await runAndKill(directory, lines);
      const options = { identity: IDENTITY, sign: SIGNER.sign, clock: systemClock, log: silentLog };
      const journal = await openFileJournal({ ...options, directory: path.join(directory, "journal") });
      const store = await openProjectedStore({
        directory: path.join(directory, "store"),
        journal,
        identity: IDENTITY,
        log: silentLog,
      });
      assert.equal(journal.failure(), undefined);
      for (const [account, seqs] of acknowledged) {
        const rows = await store.receiptsFrom(account, 0, 1_000_000);
        const stored = rows.map(({ receipt }) => receipt.seq);
        assert.deepEqual(
          stored,
          Array.from(stored, (_, i) => i),
        );
        for (const seq of seqs) assert.ok(seq < stored.length, `receipt ${account}-${seq} is lost`);
        await journal.openAccount(account, 0);
        assert.equal((await journal.commit(sampleOutcome(account)))[0]?.receipt.seq, stored.length);
      }
      await store.close();
      await journal.close();
    }
  });
});
