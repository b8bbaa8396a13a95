import type { Wei } from "./money.ts";

/** An account as the chain had it at one block. */
export interface AccountSnapshot {
  readonly accountId: number;
  readonly operatorId: number;
  readonly owner: string;
  readonly signer: string;
  readonly strict: boolean;
  readonly maxAppFeePct: number;
  readonly balanceWei: Wei;
  readonly creditsWei: Wei;
  /** Sequence number of the next row that the Ledger will number. */
  readonly nextSeq: number;
  /** Rows from `nextSeq` on that their providers have settled: paid for, and never charged again. */
  readonly selfSettled?: ReadonlySet<number> | undefined;
  /** Asked back by its owner: spendable on chain for a while, but no longer here. */
  readonly exitWei: Wei;
  readonly blockNumber: bigint;
}

/** A journaled row that the chain may not have yet. */
export interface UnsettledRow {
  readonly seq: number;
  /** Amount and at least the app's fee. */
  readonly costWei: Wei;
  readonly servedAtSec: number;
}

/** Why a hold was refused. */
export interface Shortage {
  readonly availableWei: Wei;
  readonly neededWei: Wei;
  /** Held by requests in flight: may come back. */
  readonly heldWei: Wei;
}

/** Money set aside for one request, until it ends. */
export interface Hold {
  readonly amountWei: Wei;
  /** Takes the hold to another amount, or says why it can't and leaves it as it is. */
  resize(amountWei: Wei): Shortage | undefined;
  /** Ends the hold; what it turned into is counted by `AccountBook.recorded`. Ending twice does nothing. */
  release(): void;
}

interface Entry {
  snapshot: AccountSnapshot;
  held: Wei;
  unsettled: Wei;
  /** When the first unsettled row that costs something was served. */
  oldestSec: number | undefined;
  /** In order of `seq`. */
  rows: UnsettledRow[];
}

/**
 * What every account can spend: its money on chain, less what was asked back, what is held by requests in flight and
 * what was served and is not settled yet. A snapshot takes balance and `nextSeq` of one block, so a row is counted
 * exactly once: in the balance, or here.
 */
export class AccountBook {
  readonly #entries = new Map<number, Entry>();
  /** Strict accounts by who signs for them, lower case. Terms never change. */
  readonly #bySigner = new Map<string, Set<number>>();
  /** Of all accounts: held, and served and not settled. */
  #exposed: Wei = 0n;

  /** The last snapshot; undefined for an account never loaded. */
  snapshot(accountId: number): AccountSnapshot | undefined {
    return this.#entries.get(accountId)?.snapshot;
  }

  /** The strict accounts among them whose rows `signer` authorizes. */
  ofSigner(signer: string): AccountSnapshot[] {
    const ids = [...(this.#bySigner.get(signer.toLowerCase()) ?? [])];
    const found = ids.flatMap((id) => this.#entries.get(id)?.snapshot ?? []);
    // Only a chain that went back gives a number to somebody else.
    return found.filter((each) => each.strict && each.signer.toLowerCase() === signer.toLowerCase());
  }

  accountIds(): number[] {
    return [...this.#entries.keys()];
  }

  /** Takes in a newer view of the chain; an older block's is ignored, unless the chain itself went back. */
  refresh(snapshot: AccountSnapshot, reorganized = false): void {
    const entry = this.#entries.get(snapshot.accountId);
    if (snapshot.strict) {
      const signer = snapshot.signer.toLowerCase();
      const ids = this.#bySigner.get(signer);
      if (ids) ids.add(snapshot.accountId);
      else this.#bySigner.set(signer, new Set([snapshot.accountId]));
    }
    if (!entry) {
      this.#entries.set(snapshot.accountId, {
        snapshot,
        held: 0n,
        unsettled: 0n,
        oldestSec: undefined,
        rows: [],
      });
      return;
    }
    if (snapshot.blockNumber < entry.snapshot.blockNumber && !reorganized) return;
    entry.snapshot = snapshot;
    this.#exposed -= entry.unsettled;
    entry.unsettled = 0n;
    entry.oldestSec = undefined;
    for (const row of entry.rows) this.#weigh(entry, row);
  }

  /** Counts rows that the journal has; rows at or past `nextSeq` weigh on the account until they settle. */
  recorded(accountId: number, rows: readonly UnsettledRow[]): void {
    const entry = this.#entries.get(accountId);
    if (!entry) throw new RangeError(`account ${accountId} was never loaded`);
    for (const row of rows) {
      entry.rows.push(row);
      this.#weigh(entry, row);
    }
  }

  #weigh(entry: Entry, { seq, costWei, servedAtSec }: UnsettledRow): void {
    const { nextSeq, selfSettled } = entry.snapshot;
    if (seq < nextSeq || costWei === 0n || selfSettled?.has(seq)) return;
    entry.unsettled += costWei;
    this.#exposed += costWei;
    entry.oldestSec ??= servedAtSec;
  }

  /** Forgets rows that are final on chain, below `seq`. @returns what they cost */
  forget(accountId: number, seq: number): Wei {
    const entry = this.#entries.get(accountId);
    if (!entry) return 0n;
    let costWei = 0n;
    entry.rows = entry.rows.filter((row) => {
      if (row.seq < seq) costWei += row.costWei;
      return row.seq >= seq;
    });
    return costWei;
  }

  availableWei(accountId: number): Wei {
    const entry = this.#entries.get(accountId);
    if (!entry) return 0n;
    const { balanceWei, creditsWei, exitWei } = entry.snapshot;
    const staying = balanceWei > exitWei ? balanceWei - exitWei : 0n;
    return staying + creditsWei - entry.held - entry.unsettled;
  }

  heldWei(accountId: number): Wei {
    return this.#entries.get(accountId)?.held ?? 0n;
  }

  unsettledWei(accountId: number): Wei {
    return this.#entries.get(accountId)?.unsettled ?? 0n;
  }

  /** What all accounts' requests in flight hold, and what was served and is not settled. */
  exposedWei(): Wei {
    return this.#exposed;
  }

  /** When the oldest row that still costs the account something was served, unix s. */
  oldestUnsettledSec(accountId: number): number | undefined {
    return this.#entries.get(accountId)?.oldestSec;
  }

  /** Sets `amountWei` aside, or says what is missing. */
  hold(accountId: number, amountWei: Wei): Hold | Shortage {
    const entry = this.#entries.get(accountId);
    const take = (moreWei: Wei): Shortage | undefined => {
      const availableWei = this.availableWei(accountId);
      if (!entry || moreWei > availableWei)
        return { availableWei, neededWei: moreWei, heldWei: entry?.held ?? 0n };
      entry.held += moreWei;
      this.#exposed += moreWei;
      return undefined;
    };
    const shortage = take(amountWei);
    if (shortage || !entry) return shortage ?? { availableWei: 0n, neededWei: amountWei, heldWei: 0n };
    let current = amountWei;
    let ended = false;
    return {
      get amountWei() {
        return current;
      },
      resize: (nextWei) => {
        if (ended) throw new RangeError("the hold has ended");
        const problem = take(nextWei - current);
        if (!problem) current = nextWei;
        return problem;
      },
      release: () => {
        if (ended) return;
        ended = true;
        entry.held -= current;
        this.#exposed -= current;
      },
    };
  }
}

/** Tells a refusal from a hold. */
export function isShortage(result: Hold | Shortage): result is Shortage {
  return "neededWei" in result;
}
