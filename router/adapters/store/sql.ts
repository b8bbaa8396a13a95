/** What the store's statements need of a driver. */
export interface Sql {
  /** int8 may come as text, number or bigint, numeric as text: rows are read by `Number` and `BigInt`. */
  rows<T>(text: string, values?: readonly unknown[]): Promise<T[]>;
}

export interface Database extends Sql {
  /** All or nothing; rolls back when `work` throws. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
