/** The store of a file journal: its records, in tables. It may lag, it may be deleted, it is never the only copy. */
import { mkdir } from "node:fs/promises";
import path from "node:path";

import type { Logger, Store } from "../../ports.ts";
import type { FileJournal, JournalEntry } from "../journal/fileJournal.ts";
import type { JournalIdentity } from "../journal/segments.ts";
import { applyRecords } from "./applyRecords.ts";
import { migrate } from "./migrate.ts";
import { pgliteDatabase } from "./pgliteDatabase.ts";
import { finalSeqs, prune, type PruneTimes } from "./prune.ts";
import { salvage } from "./salvage.ts";
import type { Database, Int } from "./sql.ts";
import { sqlStore } from "./sqlStore.ts";
import { filesAreSound, markClosed, markInUse, moveAside } from "./storeFiles.ts";

export interface ProjectedStoreOptions {
  readonly directory: string;
  readonly journal: FileJournal;
  readonly identity: JournalIdentity;
  readonly log: Logger;
}

export interface ProjectedStore extends Store {
  /** Resolves once everything durable by now is in the tables. */
  current(): Promise<void>;
  /** See {@link finalSeqs}. */
  finalSeqs(finalBeforeMs: number): Promise<ReadonlyMap<number, number>>;
  /** See {@link prune}. */
  prune(times: PruneTimes): Promise<number>;
  close(): Promise<void>;
}

/**
 * Records per transaction: a transaction costs 3 ms and 20 us a row, on the store's own thread, and whoever waits for a
 * row waits for the transactions before it.
 */
const RECORDS_AT_ONCE = 1_024;
/** Beyond this backlog records are read from the journal again rather than kept in memory. */
const MAX_BACKLOG = 20_000;
/** Lets rows gather while nobody asks for them; who asks is served at once. */
const LINGER_MS = 250;
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;

/**
 * Opens the tables in `directory` and brings them up to the journal's end. Damaged files are put aside and built anew.
 * Tables that are ahead of the journal mean that the journal lost its end: see {@link SequenceCounters.distrust}.
 */
export async function openProjectedStore(options: ProjectedStoreOptions): Promise<ProjectedStore> {
  const { directory, journal, log } = options;
  await mkdir(path.dirname(directory), { recursive: true, mode: 0o700 });
  let opened = await openTables(options);
  if (opened.applied > journal.position()) {
    await distrustTail(options, opened);
    if (!journal.failure()) {
      await salvage(
        sqlStore(opened.database, options.identity.operatorId, async () => {}),
        journal,
      );
      await opened.database.close();
      log.warn(
        { aside: await moveAside(directory) },
        "store: its lead was written to the journal; built anew",
      );
      opened = await openTables(options);
    }
  }
  // It lacks what is no longer in the journal: an old copy, or it was away while the journal was compacted.
  if (opened.applied > 0 && opened.applied < (journal.base()?.end ?? 0)) {
    await opened.database.close();
    log.warn({ aside: await moveAside(directory) }, "store: it is older than the journal; built anew");
    opened = await openTables(options);
  }
  const projection = new Projection(opened.database, opened.applied, journal, log);
  await projection.start();
  return {
    ...sqlStore(opened.database, options.identity.operatorId, () => projection.current()),
    finalSeqs: (finalBeforeMs) => finalSeqs(opened.database, finalBeforeMs),
    prune: (times) => prune(opened.database, times),
    current: () => projection.current(),
    close: async () => {
      await projection.stop();
      await opened.database.close();
      await markClosed(directory);
    },
  };
}

interface Opened {
  readonly database: Database;
  readonly applied: number;
}

async function openTables(options: ProjectedStoreOptions): Promise<Opened> {
  const { directory, log } = options;
  if (!(await filesAreSound(directory))) {
    log.warn(
      { aside: await moveAside(directory) },
      "store: the machine stopped while it was open; built anew",
    );
  }
  await markInUse(directory);
  try {
    return await tryTables(options);
  } catch (err) {
    log.warn({ err, aside: await moveAside(directory) }, "store: its files can't be used; built anew");
    return tryTables(options);
  }
}

async function tryTables({ directory, identity }: ProjectedStoreOptions): Promise<Opened> {
  const database = await pgliteDatabase(directory);
  try {
    await migrate(database, identity);
    const [row] = await database.rows<{ value: string }>("SELECT value FROM meta WHERE key = 'applied'");
    return { database, applied: Number(row?.value ?? 0) };
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function distrustTail(
  { journal }: ProjectedStoreOptions,
  { database, applied }: Opened,
): Promise<void> {
  const ahead: string[] = [];
  for (const row of await database.rows<{ account_id: Int; next_seq: Int }>(
    "SELECT account_id, next_seq FROM accounts ORDER BY account_id",
  )) {
    const own = journal.nextSeq(Number(row.account_id));
    if (own === undefined || own < Number(row.next_seq)) {
      ahead.push(
        `account ${row.account_id} is at sequence number ${row.next_seq}, at ${own ?? 0} in the journal`,
      );
    }
  }
  journal.distrust(
    `unverified tail: the store knows ${applied} records, the journal ${journal.position()}` +
      ahead
        .slice(0, 5)
        .map((text) => `; ${text}`)
        .join(""),
  );
}

interface Waiting {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

class Projection {
  readonly #database: Database;
  readonly #journal: FileJournal;
  readonly #log: Logger;
  #applied: number;
  /** Durable records that follow `#applied`, or nothing if they have to be read from the journal. */
  #backlog: JournalEntry[] = [];
  #waiting: Waiting[] = [];
  #wake: () => void = () => {};
  #stopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(database: Database, applied: number, journal: FileJournal, log: Logger) {
    this.#database = database;
    this.#applied = applied;
    this.#journal = journal;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#journal.onDurable((entries) => {
      if (this.#backlog.length < MAX_BACKLOG) this.#backlog.push(...entries);
      else this.#backlog = [];
      this.#wake();
    });
    if (this.#applied <= this.#journal.position()) this.#running = this.#run();
    await this.current();
  }

  current(): Promise<void> {
    const position = this.#journal.position();
    if (this.#applied >= position) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ position, resolve, reject });
      this.#wake();
    });
  }

  async stop(): Promise<void> {
    await this.current().catch(() => {});
    this.#stopping = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    let retryMs = RETRY_MIN_MS;
    while (!this.#stopping) {
      if (this.#applied >= this.#journal.position()) await this.#woken();
      // Somebody who waits is served at once; otherwise rows gather.
      if (this.#waiting.length === 0 && !this.#stopping) await this.#woken(LINGER_MS);
      try {
        await this.#catchUp();
        retryMs = RETRY_MIN_MS;
      } catch (err) {
        this.#log.error({ err, applied: this.#applied }, "store: could not be written, will be tried again");
        for (const waiting of this.#waiting.splice(0)) waiting.reject(err);
        await this.#woken(retryMs, false);
        retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
      }
    }
  }

  /** Waits for a wake-up or for `ms`; with `early` false, for `ms` unless it stops. */
  #woken(ms?: number, early = true): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        const hurry = early && (ms === undefined || this.#waiting.length > 0);
        if (!hurry && !this.#stopping) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #catchUp(): Promise<void> {
    while (this.#applied < this.#journal.position()) {
      const next = this.#backlog.findIndex((entry) => entry.position >= this.#applied);
      this.#backlog.splice(0, next === -1 ? this.#backlog.length : next);
      if (this.#backlog[0]?.position === this.#applied) {
        await this.#apply(this.#backlog.splice(0, RECORDS_AT_ONCE));
      } else {
        await this.#readJournal();
      }
    }
  }

  async #readJournal(): Promise<void> {
    let entries: JournalEntry[] = [];
    for await (const group of this.#journal.readFrom(this.#applied)) {
      entries.push(...group);
      while (entries.length >= RECORDS_AT_ONCE) await this.#apply(entries.splice(0, RECORDS_AT_ONCE));
    }
    if (entries.length > 0) await this.#apply(entries);
    entries = [];
  }

  async #apply(entries: readonly JournalEntry[]): Promise<void> {
    const applied = (entries.at(-1) as JournalEntry).position + 1;
    await this.#database.transaction(async (sql) => {
      await applyRecords(
        sql,
        entries.map(({ record }) => record),
      );
      await sql.rows(
        "INSERT INTO meta VALUES ('applied', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        [String(applied)],
      );
    });
    this.#applied = applied;
    this.#waiting = this.#waiting.filter(({ position, resolve }) => {
      if (position <= applied) resolve();
      return position > applied;
    });
  }
}
