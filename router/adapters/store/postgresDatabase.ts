import { Pool, type PoolClient, type QueryResultRow } from "pg";

import type { Logger } from "../../ports.ts";
import type { Database, Sql } from "./sql.ts";

export interface PostgresDatabase extends Database {
  /** A connection of its own, for locks that last as long as a session. */
  connect(): Promise<PoolClient>;
  /** For libraries that speak to it themselves. */
  readonly pool: Pool;
}

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

const over = (target: Pool | PoolClient): Sql => ({
  rows: async <T>(text: string, values: readonly unknown[] = []) =>
    (await target.query<QueryResultRow>(text, [...values])).rows as T[],
});

/** A PostgreSQL server, through a pool. */
export function postgresDatabase(url: string, log: Logger, connections = 10): PostgresDatabase {
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: "ai1net-router",
  });
  pool.on("error", (err) => log.warn({ err }, "store: an idle connection broke"));
  return {
    ...over(pool),
    pool,
    connect: () => pool.connect(),
    transaction: async (work) => {
      const client = await pool.connect();
      try {
        // Whatever the server's default: an answer waits for the disk.
        await client.query("BEGIN; SET LOCAL synchronous_commit = on");
        const result = await work(over(client));
        await client.query("COMMIT");
        client.release();
        return result;
      } catch (error) {
        // A connection in an unknown state is not used again; closing it rolls back.
        client.release(true);
        throw error;
      }
    },
    close: () => pool.end(),
  };
}
