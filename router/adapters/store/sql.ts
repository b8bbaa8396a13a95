/** How an int8 may come: `Number(...)` reads each. */
export type Int = string | number | bigint;

/** What the store's statements need of a driver. */
export interface Sql {
  rows<T>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

export interface Database extends Sql {
  /** All or nothing; rolls back when `work` throws. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
