import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  appendFileSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";

import {
  openFileJournal,
  type Disk,
  type FileJournal,
  type FileJournalOptions,
  type JournalEntry,
} from "../../../router/adapters/journal/fileJournal.ts";
import { recoverAddress } from "../../../router/adapters/signer/receiptSigner.ts";
import { fromHex } from "../../../router/model/bytes.ts";
import { receiptHasher } from "../../../router/model/receipt.ts";
import { JournalFailure } from "../../../router/ports.ts";
import {
  FAILED_ATTEMPT,
  IDENTITY,
  listeningLog,
  sampleAttempt,
  sampleOutcome,
  SIGNER,
  silentLog,
  systemClock,
  temporaryDirectory,
} from "../../fakes/samples.ts";

const realDisk: Disk = {
  write: async (file, bytes, at) => void (await file.write(bytes, 0, bytes.length, at)),
  sync: (file) => file.datasync(),
};

function open(directory: string, options: Partial<FileJournalOptions> = {}): Promise<FileJournal> {
  return openFileJournal({
    directory,
    identity: IDENTITY,
    sign: SIGNER.sign,
    clock: systemClock,
    log: silentLog,
    ...options,
  });
}

async function all(journal: FileJournal, from = 0): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const group of journal.readFrom(from)) entries.push(...group);
  return entries;
}

function lastSegment(directory: string): string {
  const name = readdirSync(directory)
    .filter((file) => file.endsWith(".journal"))
    .toSorted()
    .at(-1);
  return path.join(directory, name as string);
}

/** A journal of `commits` group commits of one row each, closed; returns the file sizes after each. */
async function written(directory: string, commits: number): Promise<number[]> {
  const journal = await open(directory);
  await journal.openAccount(1, 0);
  const sizes: number[] = [];
  for (let i = 0; i < commits; i++) {
    await journal.commit(sampleOutcome());
    sizes.push(statSync(lastSegment(directory)).size);
  }
  await journal.close();
  return sizes;
}

describe("file journal", () => {
  it("numbers and signs every attempt, and has it after a restart", async (t) => {
    const directory = path.join(temporaryDirectory(t), "journal");
    const journal = await open(directory);
    await journal.openAccount(1, 40);
    const receipts = await journal.commit(sampleOutcome(1, [FAILED_ATTEMPT, sampleAttempt()]));
    assert.deepEqual(
      receipts.map(({ receipt }) => receipt.seq),
      [40, 41],
    );
    const hash = receiptHasher({ chainId: IDENTITY.chainId, verifyingContract: IDENTITY.ledger });
    for (const { receipt, signature } of receipts) {
      assert.equal(recoverAddress(hash(receipt), fromHex(signature)), SIGNER.address);
    }
    await journal.append({ kind: "keyRevoked", keyId: "k", atMs: 5 });
    await journal.close();

    const again = await open(directory);
    const entries = await all(again);
    assert.deepEqual(
      entries.map(({ position }) => position),
      [0, 1],
    );
    assert.ok(entries[0]?.record.kind === "outcome");
    assert.deepEqual(entries[0].record.outcome.receipts, receipts);
    await again.openAccount(1, 40);
    assert.equal((await again.commit(sampleOutcome()))[0]?.receipt.seq, 42);
    await again.close();
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.equal(statSync(lastSegment(directory)).mode & 0o777, 0o600);
  });

  it("gives 1,000 concurrent commits numbers without gaps, in order of completion, with few syncs", async (t) => {
    const directory = temporaryDirectory(t);
    let syncs = 0;
    const disk = { ...realDisk, sync: (file: Parameters<Disk["sync"]>[0]) => (syncs++, file.datasync()) };
    const journal = await open(directory, { disk });
    const expected: [number, number][] = [];
    for (const account of [1, 2, 3]) await journal.openAccount(account, account * 100);
    const resolved: number[][] = [[], [], [], []];
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, i) => {
        const account = 1 + (i % 3);
        const [signed] = await journal.commit(sampleOutcome(account));
        assert.ok(signed);
        resolved[account]?.push(signed.receipt.seq);
        expected.push([account, signed.receipt.seq]);
      }),
    );
    for (const account of [1, 2, 3]) {
      const seqs = resolved[account] as number[];
      assert.deepEqual(
        seqs,
        Array.from(seqs, (_, i) => account * 100 + i),
      );
    }
    assert.ok(syncs < 20, `${syncs} syncs`);
    assert.equal(journal.position(), 1_000);
    await journal.close();
    const again = await open(directory);
    assert.equal((await all(again)).length, 1_000);
    assert.equal((await all(again, 990)).length, 10);
    await again.close();
  });

  it("does not resolve before the sync, and does not wait when idle", async (t) => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const journal = await open(temporaryDirectory(t), { disk: { ...realDisk, sync: () => gate } });
    await journal.openAccount(1, 0);
    let durable = false;
    const commit = journal.commit(sampleOutcome()).then(() => (durable = true));
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(durable, false);
    assert.equal(journal.position(), 0);
    release();
    await commit;
    assert.equal(journal.position(), 1);
    await journal.close();
  });

  it("cuts off a torn tail at every byte of the last record, and says so", async (t) => {
    const source = temporaryDirectory(t);
    const sizes = await written(source, 3);
    const [, second, third] = sizes as [number, number, number];
    const directory = temporaryDirectory(t);
    const target = path.join(directory, path.basename(lastSegment(source)));
    for (let size = second + 1; size < third; size++) {
      copyFileSync(lastSegment(source), target);
      truncateSync(target, size);
      const log = listeningLog();
      const journal = await open(directory, { log });
      assert.equal(journal.position(), 2, `cut at ${size}`);
      assert.equal(log.lines.length, 1);
      await journal.close();
      assert.equal(statSync(target).size, second);
    }
  });

  it("goes on numbering where a torn tail was cut off", async (t) => {
    const directory = temporaryDirectory(t);
    const sizes = await written(directory, 3);
    truncateSync(lastSegment(directory), (sizes[2] as number) - 1);
    const journal = await open(directory);
    await journal.openAccount(1, 0);
    assert.equal((await journal.commit(sampleOutcome()))[0]?.receipt.seq, 2);
    await journal.close();
    const again = await open(directory);
    assert.equal(again.position(), 3);
    await again.close();
  });

  it("cuts off a tail of zeros or of garbage", async (t) => {
    for (const tail of [Buffer.alloc(5_000), Buffer.from("A1JF\0\0\0\x05....hel"), Buffer.from("x")]) {
      const directory = temporaryDirectory(t);
      const sizes = await written(directory, 2);
      appendFileSync(lastSegment(directory), tail);
      const journal = await open(directory);
      assert.equal(journal.position(), 2);
      await journal.close();
      assert.equal(statSync(lastSegment(directory)).size, sizes[1]);
    }
  });

  it("refuses a file damaged in the middle, naming it and the offset", async (t) => {
    const directory = temporaryDirectory(t);
    const sizes = await written(directory, 3);
    const file = lastSegment(directory);
    const sound = readFileSync(file);
    for (const at of [sizes[0] as number, (sizes[0] as number) + 6, (sizes[0] as number) + 100, 3]) {
      const bytes = Buffer.from(sound);
      bytes[at] = (bytes[at] as number) ^ 0x40;
      writeFileSync(file, bytes);
      const offset = at === 3 ? 0 : sizes[0];
      await assert.rejects(open(directory), {
        name: "JournalDamaged",
        message: new RegExp(
          `${path.basename(file)} is damaged at byte ${offset}; sound records follow at byte`,
        ),
      });
    }
    writeFileSync(file, sound);
    await (await open(directory)).close();
  });

  it("refuses damage at the end of an earlier segment, and a missing segment", async (t) => {
    const directory = temporaryDirectory(t);
    const journal = await open(directory, { segmentBytes: 1_000 });
    await journal.openAccount(1, 7);
    for (let i = 0; i < 9; i++) await journal.commit(sampleOutcome());
    await journal.close();
    const files = readdirSync(directory)
      .filter((name) => name.endsWith(".journal"))
      .toSorted();
    assert.ok(files.length > 3, `${files.length} segments`);

    const again = await open(directory);
    assert.deepEqual(
      (await all(again, 4)).map(({ position }) => position),
      [4, 5, 6, 7, 8],
    );
    await again.openAccount(1, 0);
    assert.equal((await again.commit(sampleOutcome()))[0]?.receipt.seq, 16);
    await again.close();

    const second = path.join(directory, files[1] as string);
    const bytes = readFileSync(second);
    truncateSync(second, bytes.length - 1);
    await assert.rejects(open(directory), { name: "JournalDamaged", message: /is damaged at byte/ });
    renameSync(second, `${second}.away`);
    await assert.rejects(open(directory), {
      name: "JournalDamaged",
      message: /a file of the journal is missing/,
    });
  });

  it("refuses the journal of another deployment", async (t) => {
    const directory = temporaryDirectory(t);
    await written(directory, 1);
    await assert.rejects(open(directory, { identity: { ...IDENTITY, chainId: 1 } }), {
      name: "JournalDamaged",
      message: /is the journal of operator 3 on chain 31337/,
    });
  });

  it("stops for ever after a write or a sync failed, and tells everybody who waits", async (t) => {
    for (const fault of ["write", "sync"] as const) {
      const directory = temporaryDirectory(t);
      let broken = false;
      let attempts = 0;
      const disk: Disk = {
        ...realDisk,
        [fault]: async (...args: Parameters<Disk["write"]>) => {
          if (broken) {
            attempts++;
            throw new Error("ENOSPC");
          }
          await realDisk[fault](...args);
        },
      };
      const journal = await open(directory, { disk });
      await journal.openAccount(1, 0);
      await journal.commit(sampleOutcome());
      broken = true;
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => journal.commit(sampleOutcome())),
      );
      for (const result of results) {
        assert.ok(result.status === "rejected" && result.reason instanceof JournalFailure);
      }
      broken = false;
      await assert.rejects(journal.commit(sampleOutcome()), JournalFailure);
      await assert.rejects(journal.append({ kind: "keyRevoked", keyId: "k", atMs: 0 }), JournalFailure);
      assert.ok(journal.failure() instanceof JournalFailure);
      assert.equal(attempts, 1);
      await journal.close();
      const again = await open(directory);
      assert.ok(again.position() >= 1);
      await again.close();
    }
  });

  it("signs nothing once the chain knows more of an account than the journal, until an operator decides", async (t) => {
    const directory = temporaryDirectory(t);
    await written(directory, 3);
    const journal = await open(directory);
    await journal.openAccount(2, 1_000);
    assert.equal(journal.failure(), undefined);
    await journal.openAccount(1, 5);
    assert.match(
      journal.failure()?.message ?? "",
      /unverified tail: account 1 is at sequence number 5 elsewhere, at 3 in/,
    );
    await assert.rejects(journal.commit(sampleOutcome(2)), JournalFailure);
    await journal.close();

    const accepted = await open(directory, { acceptTail: true });
    await accepted.openAccount(1, 5);
    assert.equal(accepted.failure(), undefined);
    await accepted.close();

    // Once is enough.
    const again = await open(directory);
    await again.openAccount(1, 5);
    assert.equal((await again.commit(sampleOutcome()))[0]?.receipt.seq, 5);
    await again.close();
  });

  it("commits nothing for an account that was not opened, and goes on", async (t) => {
    const journal = await open(temporaryDirectory(t));
    await assert.rejects(journal.commit(sampleOutcome(9)), RangeError);
    assert.equal(journal.failure(), undefined);
    await journal.openAccount(9, 0);
    await journal.commit(sampleOutcome(9));
    await journal.close();
  });

  it("is opened by one process at a time, and needs no cleaning up after SIGKILL", async (t) => {
    const directory = temporaryDirectory(t);
    const program = `
      import { openFileJournal } from ${JSON.stringify(import.meta.resolve("../../../router/adapters/journal/fileJournal.ts"))};
      import { IDENTITY, SIGNER, systemClock, silentLog } from ${JSON.stringify(import.meta.resolve("../../fakes/samples.ts"))};
      await openFileJournal({ directory: ${JSON.stringify(directory)}, identity: IDENTITY, sign: SIGNER.sign, clock: systemClock, log: silentLog });
      console.log("open");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    await assert.rejects(open(directory), { name: "DirectoryInUse" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    const journal = await open(directory);
    await assert.rejects(open(directory), { name: "DirectoryInUse" });
    await journal.close();
    await (await open(directory)).close();
  });
});
