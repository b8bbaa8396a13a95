import type { PoolClient } from "pg";

import type { Logger } from "../../ports.ts";
import type { PostgresDatabase } from "./postgresDatabase.ts";

/** Any two routers on one database agree on this number. */
const SETTLEMENT_LOCK = 4_170_002;

export interface Leadership {
  /** Whether this router may settle now; becomes the leader if there is none. Throws when the database is down. */
  isLeader(): Promise<boolean>;
  resign(): Promise<void>;
}

/** One settling router at a time: whoever holds an advisory lock, which ends with its connection. */
export function postgresLeadership(database: PostgresDatabase, log: Logger): Leadership {
  let held: PoolClient | undefined;
  const lose = (client: PoolClient): void => {
    if (held !== client) return;
    held = undefined;
    client.release(true);
    log.warn({}, "settlement: lost the leadership with its connection");
  };
  return {
    isLeader: async () => {
      if (held) {
        const client = held;
        try {
          await client.query("SELECT 1");
          if (held === client) return true;
        } catch {
          lose(client);
        }
      }
      const client = await database.connect();
      let isLocked = false;
      try {
        const { rows } = await client.query<{ locked: boolean }>(
          "SELECT pg_try_advisory_lock($1) AS locked",
          [SETTLEMENT_LOCK],
        );
        isLocked = rows[0]?.locked === true;
      } catch (error) {
        client.release(true);
        throw error;
      }
      if (!isLocked) {
        client.release();
        return false;
      }
      held = client;
      client.once("error", () => lose(client));
      log.info({}, "settlement: this router settles");
      return true;
    },
    resign: async () => {
      const client = held;
      held = undefined;
      if (!client) return;
      // The server notices a closed connection some time later; until then nobody else could lead.
      await client.query("SELECT pg_advisory_unlock($1)", [SETTLEMENT_LOCK]).catch(() => undefined);
      client.release(true);
    },
  };
}
