import type { SettlementOptions } from "./settlementOptions.ts";

/** Finds the accounts for which batches are refused, by halves, and leaves them out for a while. */
export interface Isolation {
  /** Whether an account may be in the next batch. */
  includes(accountId: number): boolean;
  /** True while parts of a refused batch wait to be tried. */
  active(): boolean;
  /** A batch of these accounts was refused. */
  refused(accountIds: readonly number[]): void;
  /** The accounts being tried have settled. */
  settled(): void;
  /** The accounts being tried have no rows any more. */
  nothingLeft(): void;
}

const QUARANTINE_MS = 10 * 60_000;

export function isolation({ clock, log }: Pick<SettlementOptions, "clock" | "log">): Isolation {
  /** Parts of a refused batch; the last one is being tried. */
  const parts: (readonly number[])[] = [];
  const quarantinedUntilMs = new Map<number, number>();

  return {
    includes: (accountId) => {
      if ((quarantinedUntilMs.get(accountId) ?? 0) > clock.nowMs()) return false;
      return parts.at(-1)?.includes(accountId) ?? true;
    },
    active: () => parts.length > 0,
    refused: (accountIds) => {
      parts.pop();
      if (accountIds.length > 1) {
        const middle = Math.ceil(accountIds.length / 2);
        parts.push(accountIds.slice(middle), accountIds.slice(0, middle));
        return;
      }
      const [accountId] = accountIds;
      if (accountId === undefined) return;
      quarantinedUntilMs.set(accountId, clock.nowMs() + QUARANTINE_MS);
      log.error(
        { accountId },
        "settlement: the Ledger takes no batch with this account; left out for a while",
      );
    },
    settled: () => void parts.pop(),
    nothingLeft: () => void parts.pop(),
  };
}
