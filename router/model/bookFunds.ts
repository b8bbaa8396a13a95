import type { AccountBook, UnsettledRow } from "./account.ts";
import type { AccountMoney, Funds, KeySpend, Purse } from "./funds.ts";
import { resetsAtMs, type KeyBook } from "./keyBook.ts";
import type { ApiKey } from "./record.ts";

/** The funds of the only router of an operator: its books know everything there is. */
export class BookFunds implements Funds {
  readonly #accounts: AccountBook;
  readonly #keys: KeyBook;
  readonly #nowMs: () => number;

  constructor(accounts: AccountBook, keys: KeyBook, nowMs: () => number) {
    this.#accounts = accounts;
    this.#keys = keys;
    this.#nowMs = nowMs;
  }

  pursesOf(key: ApiKey): readonly Purse[] {
    const nowMs = this.#nowMs();
    return [
      {
        source: "key_limit",
        resetsAtMs: resetsAtMs(key, nowMs),
        hold: (amountWei) => this.#keys.hold(key, amountWei, nowMs),
      },
      {
        source: "account_balance",
        resetsAtMs: undefined,
        hold: (amountWei) => this.#accounts.hold(key.accountId, amountWei),
      },
    ];
  }

  recorded({ keyId, accountId }: ApiKey, rows: readonly UnsettledRow[], atMs: number): void {
    this.#accounts.recorded(accountId, rows);
    for (const { costWei } of rows) this.#keys.recorded(keyId, costWei, atMs);
  }

  moneyOf(accountId: number): Promise<AccountMoney> {
    return Promise.resolve({
      heldWei: this.#accounts.heldWei(accountId),
      unsettledWei: this.#accounts.unsettledWei(accountId),
      availableWei: this.#accounts.availableWei(accountId),
    });
  }

  spendOf({ keyId }: ApiKey): Promise<KeySpend> {
    return Promise.resolve(this.#keys.spend(keyId, this.#nowMs()));
  }
}
