import { PGlite, type Transaction } from "@electric-sql/pglite";

import type { Database, Sql } from "./sql.ts";

const over = (target: PGlite | Transaction): Sql => ({
  rows: async <T>(text: string, values: readonly unknown[] = []) =>
    (await target.query<T>(text, [...values])).rows,
});

/** PostgreSQL in this process, its files in `directory`. Never synced: only good for what can be rebuilt. */
export async function pgliteDatabase(directory: string): Promise<Database> {
  const pglite = await PGlite.create({ dataDir: directory });
  return {
    ...over(pglite),
    transaction: (work) => pglite.transaction((transaction) => work(over(transaction))),
    close: () => pglite.close(),
  };
}
