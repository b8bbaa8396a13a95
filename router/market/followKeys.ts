import type { ApiKey, Endpoint } from "../model/record.ts";
import type { Store } from "../ports.ts";

export interface FollowOptions {
  readonly store: Pick<Store, "keys" | "endpoints">;
  readonly onKey: (key: ApiKey) => void;
  readonly onEndpoint: (endpoint: Endpoint) => void;
  /** Reads an account that is new here from the chain. */
  readonly loadAccount: (accountId: number) => Promise<unknown>;
  readonly isLoaded: (accountId: number) => boolean;
}

/**
 * Takes in what other routers of the database have made and changed: keys, with their accounts, and endpoints. Many
 * notices at a time are one reading.
 */
export class FollowKeys {
  readonly #options: FollowOptions;
  #running: Promise<void> | undefined;
  #isStale = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Something has changed. Resolves once it is taken in. */
  changed(): Promise<void> {
    this.#isStale = true;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #run(): Promise<void> {
    const { store, onKey, onEndpoint, loadAccount, isLoaded } = this.#options;
    while (this.#isStale) {
      this.#isStale = false;
      const keys = await store.keys();
      const accountIds = new Set(
        keys.filter((key) => key.revokedAtMs === undefined).map((key) => key.accountId),
      );
      for (const accountId of accountIds) if (!isLoaded(accountId)) await loadAccount(accountId);
      for (const key of keys) onKey(key);
      for (const endpoint of await store.endpoints()) onEndpoint(endpoint);
    }
  }
}
