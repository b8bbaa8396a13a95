/** The thread in which PGlite runs: answers one statement after the other. Started by pgliteDatabase.ts only. */
import { parentPort, workerData } from "node:worker_threads";

import { PGlite } from "@electric-sql/pglite";

export interface Question {
  readonly id: number;
  /** Undefined: close. */
  readonly text: string | undefined;
  readonly values: readonly unknown[];
  /** What `COPY ... FROM '/dev/blob'` reads. */
  readonly copied?: string;
}

export interface Answer {
  readonly id: number;
  readonly rows?: unknown[];
  readonly error?: string;
}

const port = parentPort;
if (!port) throw new Error("pgliteWorker.ts is a thread, no program");

// What it caches stays in this process for good, and the operating system caches the same files.
const startParams = [...PGlite.defaultStartParams, "-c", "shared_buffers=32MB"];

// What fails here fails with the first question.
const opening = PGlite.create({ dataDir: workerData as string, startParams });
opening.catch(() => {});

async function answer({ id, text, values, copied }: Question): Promise<Answer> {
  try {
    const pglite = await opening;
    const options = copied === undefined ? undefined : { blob: new Blob([copied]) };
    if (text !== undefined) return { id, rows: (await pglite.query(text, [...values], options)).rows };
    await pglite.close();
    return { id, rows: [] };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

let last: Promise<unknown> = Promise.resolve();
port.on("message", (question: Question) => {
  last = last.then(async () => port.postMessage(await answer(question)));
});
