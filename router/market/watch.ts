import type { AccountBook, AccountSnapshot } from "../model/account.ts";
import type { MarketSnapshot } from "../model/market.ts";
import type { Chain, ChainChanges, Logger, OperatorInfo, SequenceCounters, Store } from "../ports.ts";

export interface WatchOptions {
  readonly chain: Chain;
  readonly operatorId: number;
  readonly accounts: AccountBook;
  readonly counters: SequenceCounters;
  readonly store: Pick<Store, "batch">;
  readonly onMarket: (market: MarketSnapshot) => void;
  readonly onOperator: (operator: OperatorInfo) => void;
  readonly log: Logger;
  readonly pollMs: number;
}

/** What no event tells is noticed after this long. */
const WHOLE_REFRESH_MS = 60_000;
const ACCOUNTS_AT_ONCE = 50;

/** Keeps accounts and market as the chain has them, by polling for what has changed. Survives the chain being away. */
export class Watch {
  readonly #options: WatchOptions;
  #blockNumber = -1n;
  #seenAtMs = 0;
  #wholeAtMs = 0;
  #running: Promise<void> | undefined;
  #stopping = false;
  #wake: () => void = () => {};
  #market: Promise<void> | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Reads the market and remembers where to go on from. To be done once, before {@link start}. */
  async load(): Promise<void> {
    this.#blockNumber = await this.#options.chain.blockNumber();
    await this.refreshMarket();
    this.#seenAtMs = performance.now();
    this.#wholeAtMs = this.#seenAtMs;
  }

  /**
   * Reads an account, and lets its rows be numbered if it is this operator's.
   * @returns undefined for an account that does not exist
   */
  async loadAccount(accountId: number, reorganized = false): Promise<AccountSnapshot | undefined> {
    const { chain, accounts, counters, operatorId } = this.#options;
    const snapshot = await chain.account(accountId);
    if (snapshot?.operatorId !== operatorId) return snapshot;
    await counters.openAccount(accountId, snapshot.nextSeq);
    accounts.refresh(snapshot, reorganized);
    return snapshot;
  }

  /** Reads the market anew; many who ask at the same time share one reading. */
  refreshMarket(): Promise<void> {
    this.#market ??= this.#readMarket().finally(() => (this.#market = undefined));
    return this.#market;
  }

  async #readMarket(): Promise<void> {
    const { chain, onMarket, onOperator } = this.#options;
    const [market, operator] = await Promise.all([chain.market(), chain.operator()]);
    onMarket(market);
    onOperator(operator);
  }

  /** How long ago the chain was last heard of. */
  silentMs(): number {
    return performance.now() - this.#seenAtMs;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        await this.#poll();
        if (failures > 0) this.#options.log.info({ failures }, "watch: the chain answers again");
        failures = 0;
      } catch (error) {
        failures++;
        if (failures === 1 || failures % 30 === 0)
          this.#options.log.warn({ err: error, failures }, "watch: the chain does not answer");
      }
      const pauseMs = this.#options.pollMs * Math.min(8, 2 ** Math.min(failures, 3));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #poll(): Promise<void> {
    const { chain, accounts } = this.#options;
    const changes = await chain.changes(this.#blockNumber);
    const whole = changes.reorganized || performance.now() - this.#wholeAtMs > WHOLE_REFRESH_MS;
    const stale = whole ? accounts.accountIds() : await this.#touched(changes);
    for (let at = 0; at < stale.length; at += ACCOUNTS_AT_ONCE) {
      const some = stale.slice(at, at + ACCOUNTS_AT_ONCE);
      await Promise.all(some.map((accountId) => this.loadAccount(accountId, changes.reorganized)));
    }
    if (changes.market || whole) await this.refreshMarket();
    if (whole) this.#wholeAtMs = performance.now();
    this.#blockNumber = changes.blockNumber;
    this.#seenAtMs = performance.now();
  }

  /** Those of the known accounts that have moved, also by a batch that another router has settled. */
  async #touched({ accountIds, settled }: ChainChanges): Promise<number[]> {
    const { accounts, store } = this.#options;
    const moved = new Set(accountIds);
    for (const { batchNo } of settled)
      for (const { accountId } of (await store.batch(batchNo))?.slices ?? []) moved.add(accountId);
    return [...moved].filter((accountId) => accounts.snapshot(accountId) !== undefined);
  }
}
