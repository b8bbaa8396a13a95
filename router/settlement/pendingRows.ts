import type { AccountRows } from "./build.ts";
import type { StoredReceipt } from "../ports.ts";
import type { SettlementOptions } from "./settlementOptions.ts";

export interface PendingFigures {
  readonly rows: number;
  readonly valueWei: bigint;
  /** When the oldest was recorded; undefined without any. */
  readonly oldestMs: number | undefined;
}

/** Rows that are in no batch yet, kept in memory from one look at the store to the next. */
export class PendingRows {
  readonly #options: SettlementOptions;
  readonly #accounts = new Map<number, { nextSeq: number; rows: StoredReceipt[] }>();

  constructor(options: SettlementOptions) {
    this.#options = options;
  }

  /** Forgets everything: the chain is asked again where each account stands. */
  reset(): void {
    this.#accounts.clear();
  }

  /** Reads what was journaled since; at most about two batches' worth. */
  async load(): Promise<void> {
    const { store, limits } = this.#options;
    let room = 2 * limits.maxRows - this.figures().rows;
    for (const { accountId, lastSeq } of await store.lastSeqs()) {
      const account = this.#accounts.get(accountId) ?? (await this.#begin(accountId));
      if (!account) continue;
      const from = account.nextSeq + account.rows.length;
      if (room <= 0 || from > lastSeq) continue;
      const rows = await store.receiptsFrom(accountId, from, Math.min(room, limits.maxRows));
      account.rows.push(...rows);
      room -= rows.length;
    }
  }

  async #begin(accountId: number): Promise<{ nextSeq: number; rows: StoredReceipt[] } | undefined> {
    const snapshot = await this.#options.chain.account(accountId);
    if (!snapshot) return undefined;
    const account = { nextSeq: snapshot.nextSeq, rows: [] };
    this.#accounts.set(accountId, account);
    return account;
  }

  figures(): PendingFigures {
    let rows = 0;
    let valueWei = 0n;
    let oldestMs: number | undefined;
    for (const account of this.#accounts.values()) {
      rows += account.rows.length;
      for (const { receipt } of account.rows) valueWei += receipt.amountWei;
      const firstMs = account.rows[0]?.recordedAtMs;
      if (firstMs !== undefined) oldestMs = Math.min(oldestMs ?? firstMs, firstMs);
    }
    return { rows, valueWei, oldestMs };
  }

  accounts(includes: (accountId: number) => boolean): AccountRows[] {
    return [...this.#accounts]
      .filter(([accountId, { rows }]) => rows.length > 0 && includes(accountId))
      .map(([accountId, { nextSeq, rows }]) => ({
        accountId,
        nextSeq,
        rows: rows.map(({ receipt }) => receipt),
      }));
  }

  /** Rows below `nextSeq` went into a batch. */
  taken(accountId: number, nextSeq: number): void {
    const account = this.#accounts.get(accountId);
    if (!account || nextSeq <= account.nextSeq) return;
    account.rows.splice(0, nextSeq - account.nextSeq);
    account.nextSeq = nextSeq;
  }
}
