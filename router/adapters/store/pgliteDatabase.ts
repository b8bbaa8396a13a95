import { Worker } from "node:worker_threads";

import type { Answer, Question } from "./pgliteWorker.ts";
import type { Database, Sql } from "./sql.ts";

interface Asked {
  readonly resolve: (rows: unknown[]) => void;
  readonly reject: (error: Error) => void;
}

/**
 * PostgreSQL in this process, its files in `directory`; never synced, so only good for what can be rebuilt. It computes
 * on a thread of its own: a statement of a hundred rows takes milliseconds, in which no request could be served.
 */
export async function pgliteDatabase(directory: string): Promise<Database> {
  const worker = new Worker(new URL("pgliteWorker.ts", import.meta.url), { workerData: directory });
  const asked = new Map<number, Asked>();
  let questions = 0;
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of asked.values()) reject(error);
    asked.clear();
  };
  worker.on("message", ({ id, rows, error }: Answer) => {
    const waiting = asked.get(id);
    asked.delete(id);
    if (rows) waiting?.resolve(rows);
    else waiting?.reject(new Error(error));
  });
  worker.on("error", end);
  worker.on("exit", () => end(new Error("the store's thread has ended")));

  const ask = (question: Omit<Question, "id">): Promise<unknown[]> =>
    new Promise((resolve, reject) => {
      if (ended) {
        reject(ended);
        return;
      }
      const id = ++questions;
      asked.set(id, { resolve, reject });
      worker.postMessage({ id, ...question } satisfies Question, []);
    });
  const direct: Sql = {
    rows: async <T>(text: string, values: readonly unknown[] = []) => (await ask({ text, values })) as T[],
    copy: async (into, copied) => {
      await ask({ text: `COPY ${into} FROM '/dev/blob'`, values: [], copied });
    },
  };

  // There is one session: whoever has a transaction has it for itself.
  let last: Promise<unknown> = Promise.resolve();
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };

  try {
    await direct.rows("SELECT 1");
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    rows: (text, values) => alone(() => direct.rows(text, values)),
    transaction: (work) =>
      alone(async () => {
        await direct.rows("BEGIN");
        try {
          const result = await work(direct);
          await direct.rows("COMMIT");
          return result;
        } catch (error) {
          await direct.rows("ROLLBACK").catch(() => {});
          throw error;
        }
      }),
    close: () =>
      alone(async () => {
        await ask({ text: undefined, values: [] });
        await worker.terminate();
      }),
  };
}
