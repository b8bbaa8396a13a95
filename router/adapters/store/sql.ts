/** How an int8 may come: `Number(...)` reads each. */
export type Int = string | number | bigint;

/** What the store's statements need of a driver. */
export interface Sql {
  rows<T>(text: string, values?: readonly unknown[]): Promise<T[]>;
  /**
   * Adds rows in COPY's text format, `into` being a table with its columns: half the work of INSERT, and an error for a
   * row that is there already. Where the driver has it.
   */
  copy?(into: string, text: string): Promise<void>;
}

export interface Database extends Sql {
  /** All or nothing; rolls back when `work` throws. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
