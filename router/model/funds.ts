import type { Hold, Shortage, UnsettledRow } from "./account.ts";
import type { Wei } from "./money.ts";
import type { ApiKey } from "./record.ts";

/** Whose money or limit it is, as callers see it in `error.metadata.limit_source`. */
export type LimitSource = "account_balance" | "key_limit" | "payment_authorization";

/** Something that a request has to be covered by: the account's money, the key's limit. */
export interface Purse {
  readonly source: LimitSource;
  /** When a limit begins anew, unix ms; undefined for what does not. */
  readonly resetsAtMs: number | undefined;
  /** Sets `amountWei` aside, or says what is missing. */
  hold(amountWei: Wei): Hold | Shortage;
  /**
   * Tries to get more from where the purse is filled, for a hold (or the growth of one) of `neededWei`; false if there is
   * no more to be had. Purses that hold everything there is have none.
   */
  refill?(neededWei: Wei): Promise<boolean>;
}

/** What a key's account has, as its owner sees it. */
export interface AccountMoney {
  readonly heldWei: Wei;
  readonly unsettledWei: Wei;
  readonly availableWei: Wei;
}

/** What a key has spent, as its owner sees it. */
export interface KeySpend {
  readonly totalWei: Wei;
  readonly dailyWei: Wei;
  readonly weeklyWei: Wei;
  readonly monthlyWei: Wei;
  /** Held by its requests in flight. */
  readonly heldWei: Wei;
}

/** Where the money of requests comes from, and what becomes of it. */
export interface Funds {
  /** Everything that has to cover a request of this key. */
  pursesOf(key: ApiKey): readonly Purse[];
  /** Counts rows that the journal has, before their hold ends. */
  recorded(key: ApiKey, rows: readonly UnsettledRow[], atMs: number): void;
  moneyOf(accountId: number): Promise<AccountMoney>;
  spendOf(key: ApiKey): Promise<KeySpend>;
}
