/** The journal in files: append-only segments, one write and one fdatasync per group of commits. */
import { mkdir, open, type FileHandle } from "node:fs/promises";
import path from "node:path";

import type { Outcome } from "../../model/outcome.ts";
import type { Receipt, SignedReceipt } from "../../model/receipt.ts";
import type { Fact, JournalRecord } from "../../model/record.ts";
import { JournalFailure, type Clock, type Journal, type Logger, type SequenceCounters } from "../../ports.ts";
import { compact, type CompactionRules } from "./compact.ts";
import { frame } from "./frames.ts";
import { lockFile } from "./lock.ts";
import { recordOutcome } from "./recordOutcome.ts";
import { recordFromText, recordToText } from "./recordText.ts";
import {
  basePath,
  createSegment,
  isBase,
  JournalDamaged,
  listSegments,
  readSegment,
  recordsIn,
  removeReplaced,
  segmentPath,
  syncDirectory,
  type JournalIdentity,
  type Segment,
  type SegmentHeader,
} from "./segments.ts";

/** A record with its place: records are numbered from 0. */
export interface JournalEntry {
  readonly position: number;
  readonly record: JournalRecord;
}

/** Numbers of the records that stand for those that were dropped: from `first` up to `end`, exclusively. */
export interface JournalBase {
  readonly first: number;
  readonly end: number;
}

/** What the journal does to its disk; tests put faults here. */
export interface Disk {
  write(file: FileHandle, bytes: Buffer, at: number): Promise<void>;
  sync(file: FileHandle): Promise<void>;
}

export interface FileJournalOptions {
  readonly directory: string;
  readonly identity: JournalIdentity;
  readonly sign: (receipt: Receipt) => SignedReceipt;
  readonly clock: Clock;
  readonly log: Logger;
  /** The operator's word that the end of the journal is complete, although chain or store know more. */
  readonly acceptTail?: boolean;
  /** A segment that reached this size is closed. */
  readonly segmentBytes?: number;
  readonly disk?: Disk;
}

export interface FileJournal extends Journal, SequenceCounters {
  /** Records that are durable. */
  position(): number;
  /** Durable records from `position` on, in order; those of one group commit together. */
  readFrom(position: number): AsyncGenerator<JournalEntry[]>;
  /** Number of an account's next row; undefined for an account without rows in here. */
  nextSeq(accountId: number): number | undefined;
  /** Stores a record as it is, numbers and signatures included: for what another copy of the journal still had. */
  adopt(record: JournalRecord): Promise<void>;
  /** Is told the records of every group commit, in order, before its commits resolve. At most one listener. */
  onDurable(listener: (entries: readonly JournalEntry[]) => void): void;
  /** Undefined as long as nothing was dropped. */
  base(): JournalBase | undefined;
  /** Drops the oldest segments, as far as the rules allow. One at a time. @returns how many records are gone */
  compact(rules: CompactionRules): Promise<number>;
  /** Writes what is waiting and releases the directory. */
  close(): Promise<void>;
}

const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Bounds one write, and so the time that its commits wait for each other. */
const GROUP_BYTES = 4 * 1024 * 1024;

const realDisk: Disk = {
  write: async (file, bytes, at) => {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
  },
  sync: (file) => file.datasync(),
};

const endOfTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Waiting {
  readonly record: JournalRecord;
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (error: JournalFailure) => void;
}

/**
 * Opens a journal, or begins one in an empty directory.
 * @throws {JournalDamaged} when its files are not what this router wrote
 * @throws {DirectoryInUse} when another process has it open
 */
export async function openFileJournal(options: FileJournalOptions): Promise<FileJournal> {
  const { directory, identity, log } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unlock = lockFile(path.join(directory, "lock"));
  try {
    const state = await replay(directory, identity, log);
    return new OpenJournal(options, state, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

interface Replayed {
  readonly file: FileHandle;
  readonly bytes: number;
  readonly position: number;
  readonly counters: Map<number, number>;
  readonly base: JournalBase | undefined;
}

async function replay(directory: string, identity: JournalIdentity, log: Logger): Promise<Replayed> {
  await removeReplaced(directory);
  const files = await listSegments(directory);
  let position = 0;
  let base: JournalBase | undefined;
  let last: Segment | undefined;
  for (const [index, file] of files.entries()) {
    last = await readSegment(file, identity, index === files.length - 1);
    if (isBase(file)) {
      const { firstRecord } = last.header;
      position = firstRecord + last.records;
      base = { first: firstRecord, end: position };
      if (file !== basePath(directory, position) || files.length === 1)
        throw new JournalDamaged(`${file} does not end where its name says. Restore it from a copy.`);
      continue;
    }
    if (last.header.firstRecord !== position || file !== segmentPath(directory, position)) {
      throw new JournalDamaged(
        `${file} begins at record ${last.header.firstRecord}, expected ${position}: a file of the journal is missing. ` +
          "Restore it from a copy.",
      );
    }
    position += last.records;
  }
  if (!last) {
    last = await readSegment(
      await createSegment(directory, headerOf(identity, 0, new Map())),
      identity,
      true,
    );
    await syncDirectory(path.dirname(directory));
  }
  const counters = new Map(last.header.counters);
  for (const group of last.groups) {
    for (const record of recordsOf(group)) count(counters, record);
  }
  const file = await open(last.path, "r+");
  if (last.tornBytes > 0) {
    log.warn(
      { file: last.path, offset: last.bytes, bytes: last.tornBytes },
      "journal: cut off a write that a crash had interrupted; nothing of it was ever acknowledged",
    );
    await file.truncate(last.bytes);
  }
  // What was read may never have been synced by the process that wrote it.
  await file.sync();
  return { file, bytes: last.bytes, position, counters, base };
}

function headerOf(
  { operatorId, chainId, ledger }: JournalIdentity,
  firstRecord: number,
  counters: ReadonlyMap<number, number>,
): SegmentHeader {
  return {
    format: "ai1net-journal",
    version: 1,
    operatorId,
    chainId,
    ledger,
    firstRecord,
    counters: [...counters],
  };
}

function recordsOf(group: Buffer): JournalRecord[] {
  return group.toString("utf8").split("\n").map(recordFromText);
}

function count(counters: Map<number, number>, record: JournalRecord): void {
  if (record.kind === "tailAccepted") counters.set(record.accountId, record.nextSeq);
  if (record.kind !== "outcome") return;
  for (const { receipt } of record.outcome.receipts) counters.set(receipt.accountId, receipt.seq + 1);
}

class OpenJournal implements FileJournal {
  readonly #options: FileJournalOptions;
  readonly #disk: Disk;
  readonly #unlock: () => void;
  /** Next number of every account with rows in here, those that are being written included. */
  readonly #counters: Map<number, number>;
  /** The same of what is durable. */
  readonly #durable: Map<number, number>;
  /** First number of the accounts without. */
  readonly #fresh = new Map<number, number>();
  /** Accounts whose counter was compared with the chain. */
  readonly #opened = new Set<number>();
  #file: FileHandle;
  #bytes: number;
  #position: number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #failure: JournalFailure | undefined;
  #closed = false;
  #listener: (entries: readonly JournalEntry[]) => void = () => {};

  #base: JournalBase | undefined;
  #compacting: Promise<unknown> = Promise.resolve();

  constructor(options: FileJournalOptions, state: Replayed, unlock: () => void) {
    this.#options = options;
    this.#disk = options.disk ?? realDisk;
    this.#unlock = unlock;
    this.#counters = state.counters;
    this.#durable = new Map(state.counters);
    this.#file = state.file;
    this.#bytes = state.bytes;
    this.#position = state.position;
    this.#base = state.base;
  }

  failure(): Error | undefined {
    return this.#failure;
  }

  position(): number {
    return this.#position;
  }

  nextSeq(accountId: number): number | undefined {
    return this.#counters.get(accountId);
  }

  async adopt(record: JournalRecord): Promise<void> {
    this.#check();
    count(this.#counters, record);
    await this.#write(record);
  }

  onDurable(listener: (entries: readonly JournalEntry[]) => void): void {
    this.#listener = listener;
  }

  openAccount(accountId: number, nextSeq: number): Promise<void> {
    const own = this.#counters.get(accountId);
    this.#opened.add(accountId);
    if (own === undefined) {
      this.#fresh.set(accountId, nextSeq);
    } else if (nextSeq > own) {
      this.distrust(
        `unverified tail: account ${accountId} is at sequence number ${nextSeq} elsewhere, at ${own} in the journal`,
      );
      if (!this.#failure) return this.adopt({ kind: "tailAccepted", accountId, nextSeq });
    }
    return Promise.resolve();
  }

  distrust(reason: string): void {
    if (this.#options.acceptTail === true) {
      this.#options.log.warn({ reason }, "journal: going on by the operator's decision");
      return;
    }
    this.#fail(
      new JournalFailure(
        `${reason}. The journal was rolled back or lost its end; signing on could give one number twice, which is ` +
          "slashed. Restore it, or, if it is complete, start once with AI1NET_ACCEPT_JOURNAL_TAIL=true.",
      ),
    );
  }

  async commit(outcome: Outcome): Promise<readonly SignedReceipt[]> {
    this.#check();
    const { accountId } = outcome;
    // A number is given and signed here, on the caller's time, while the disk syncs an earlier group. The order of the
    // queue is the order of the numbers, and a signature does not leave before its group is durable.
    const seq = this.#opened.has(accountId)
      ? (this.#counters.get(accountId) ?? this.#fresh.get(accountId))
      : undefined;
    if (seq === undefined) throw new RangeError(`account ${accountId} was not opened`);
    const recorded = recordOutcome(outcome, seq, this.#options);
    const written = this.#write({ kind: "outcome", outcome: recorded });
    this.#counters.set(accountId, seq + recorded.receipts.length);
    await written;
    return recorded.receipts;
  }

  async append(fact: Fact): Promise<void> {
    this.#check();
    await this.#write(fact);
  }

  async *readFrom(position: number): AsyncGenerator<JournalEntry[]> {
    const { directory, identity } = this.#options;
    const files = await listSegments(directory);
    let at = 0;
    for (const [index, file] of files.entries()) {
      const next = files[index + 1];
      if (next !== undefined && next <= segmentPath(directory, position)) continue;
      const segment = await readSegment(file, identity, next === undefined);
      at = segment.header.firstRecord;
      for (const group of segment.groups) {
        // A group that is being written now may be whole in the file already, and still not be durable.
        if (at >= this.#position) return;
        const entries = recordsOf(group)
          .map((record, i) => ({ position: at + i, record }))
          .filter((entry) => entry.position >= position);
        at += recordsIn(group);
        if (entries.length > 0) yield entries;
      }
    }
  }

  base(): JournalBase | undefined {
    return this.#base;
  }

  compact(rules: CompactionRules): Promise<number> {
    const { directory, identity } = this.#options;
    const work = this.#compacting.then(async () => {
      this.#check();
      const dropped = await compact(directory, identity, rules);
      if (dropped === 0) return 0;
      const [file] = await listSegments(directory);
      const { header, records } = await readSegment(String(file), identity, false);
      this.#base = { first: header.firstRecord, end: header.firstRecord + records };
      return dropped;
    });
    this.#compacting = work.catch(() => {});
    return work;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#running;
    await this.#compacting;
    await this.#file.close();
    this.#unlock();
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#closed) throw new JournalFailure("the journal is closed");
  }

  #fail(failure: JournalFailure): void {
    this.#failure ??= failure;
    this.#options.log.error({ err: failure }, "journal: stopped");
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#failure);
  }

  #write(record: JournalRecord): Promise<void> {
    const text = recordToText(record);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, text, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /**
   * One sync in flight; whatever comes meanwhile is the next group. What the event loop brings in one turn goes together;
   * beyond that nothing waits when the journal is idle.
   */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await endOfTurn();
      const group = this.#nextGroup();
      try {
        await this.#store(group);
      } catch (cause) {
        // After a failed sync nobody knows what is on the disk, and a second sync would report success. So: never again.
        const failure = new JournalFailure("the journal could not be written", { cause });
        this.#waiting.unshift(...group);
        this.#fail(failure);
      }
    }
    this.#running = undefined;
  }

  #nextGroup(): Waiting[] {
    let bytes = 0;
    let length = 0;
    do bytes += (this.#waiting[length++] as Waiting).text.length;
    while (length < this.#waiting.length && bytes < GROUP_BYTES);
    return this.#waiting.splice(0, length);
  }

  async #store(group: readonly Waiting[]): Promise<void> {
    if (this.#bytes >= (this.#options.segmentBytes ?? SEGMENT_BYTES)) await this.#rotate();
    const bytes = frame(group.map((waiting) => waiting.text).join("\n"));
    await this.#disk.write(this.#file, bytes, this.#bytes);
    await this.#disk.sync(this.#file);
    this.#bytes += bytes.length;
    const first = this.#position;
    this.#position += group.length;
    for (const { record } of group) count(this.#durable, record);
    this.#listener(group.map(({ record }, i) => ({ position: first + i, record })));
    for (const waiting of group) waiting.resolve();
  }

  async #rotate(): Promise<void> {
    const file = await createSegment(
      this.#options.directory,
      headerOf(this.#options.identity, this.#position, this.#durable),
    );
    const previous = this.#file;
    this.#file = await open(file, "r+");
    this.#bytes = (await this.#file.stat()).size;
    await previous.close();
  }
}
