import type { PoolClient } from "pg";

import type { Logger } from "../../ports.ts";
import { NOTICES } from "./applyRecords.ts";
import type { PostgresDatabase } from "./postgresDatabase.ts";

export interface NoticesOptions {
  readonly database: PostgresDatabase;
  readonly log: Logger;
  /** What another router (or this one) has said. */
  readonly onNotice: (text: string) => Promise<void>;
  /** Something may have been missed: called after every new connection. */
  readonly onConnect: () => Promise<void>;
}

export interface Notices {
  send(text: string): Promise<void>;
  close(): Promise<void>;
}

const RETRY_MS = 1_000;

/** Listens to what the routers of a database tell each other; connects again for as long as it takes. */
export function postgresNotices({ database, log, onNotice, onConnect }: NoticesOptions): Notices {
  let client: PoolClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  const guard = (work: Promise<void>): void => {
    work.catch((err: unknown) => log.warn({ err }, "notices: one could not be followed"));
  };
  const lose = (lost: PoolClient): void => {
    if (client !== lost) return;
    client = undefined;
    lost.release(true);
    if (isClosed) return;
    log.warn({}, "notices: lost the connection");
    retry();
  };
  const retry = (): void => {
    timer = setTimeout(() => void connect(), RETRY_MS);
  };
  const connect = async (): Promise<void> => {
    try {
      const fresh = await database.connect();
      client = fresh;
      fresh.once("error", () => lose(fresh));
      fresh.once("end", () => lose(fresh));
      fresh.on("notification", ({ payload }) => guard(onNotice(payload ?? "")));
      await fresh.query(`LISTEN ${NOTICES}`);
      guard(onConnect());
    } catch (err) {
      if (isClosed) return;
      log.warn({ err }, "notices: can't listen, trying again");
      if (client) lose(client);
      else retry();
    }
  };
  void connect();
  return {
    send: async (text) => {
      await database.rows("SELECT pg_notify($1, $2)", [NOTICES, text]);
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      const last = client;
      client = undefined;
      last?.release(true);
      return Promise.resolve();
    },
  };
}
