import type { AccountSnapshot } from "../../router/model/account.ts";
import type { AccountFinder } from "../../router/ports.ts";

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Finds among accounts that a test has. */
export class FakeFinder implements AccountFinder {
  readonly #accounts: () => readonly AccountSnapshot[];

  constructor(accounts: () => readonly AccountSnapshot[]) {
    this.#accounts = accounts;
  }

  async ofOwner(owner: string): Promise<readonly AccountSnapshot[]> {
    return this.#accounts().filter((account) => same(account.owner, owner));
  }

  async ofSigner(signer: string): Promise<readonly AccountSnapshot[]> {
    return this.#accounts().filter((account) => account.strict && same(account.signer, signer));
  }
}
