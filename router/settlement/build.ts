import {
  batchLength,
  encodeBatch,
  MAX_BATCH_ROWS,
  MAX_SPAN_SEC,
  MAX_TABLE,
  type EncodedBatch,
  type Group,
} from "../model/batch.ts";
import type { Offer } from "../model/offer.ts";
import type { Receipt } from "../model/receipt.ts";
import type { BatchSlice } from "../model/record.ts";

/** What bounds a batch, besides the Ledger's own rules. */
export interface BatchLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Of the whole transaction, as estimated here. */
  readonly maxGas: number;
}

/** An account's unsettled rows, gapless from its `nextSeq` on chain. */
export interface PendingAccount {
  readonly accountId: number;
  readonly rows: readonly Receipt[];
}

/** When an offer's price list holds. */
export type OfferTimes = Pick<Offer, "createdAtSec" | "retiresAtSec">;

export interface BuildInput {
  readonly batchNo: number;
  readonly accounts: readonly PendingAccount[];
  readonly limits: BatchLimits;
  /** Rows served later wait: the Ledger takes none from its future. */
  readonly chainTimeSec: number;
  readonly graceSec: number;
  /** Undefined for an offer that the market does not know (yet). */
  readonly offer: (offerId: number) => OfferTimes | undefined;
}

/** A batch that the Ledger takes, and which rows it holds. */
export interface PlannedBatch {
  readonly encoded: EncodedBatch;
  readonly slices: readonly BatchSlice[];
  readonly rows: number;
}

/**
 * A little more than measured (`npm run bench:gas`; cold slots of new accounts, offers and earners included), so that the
 * estimate errs on the safe side of the transaction gas limit of EIP-7825.
 */
const GAS = { batch: 180_000, offer: 60_000, app: 30_000, group: 11_000, row: 360 };
export const MAX_BATCH_GAS = 15_000_000;

const MAX_GROUPS = 65_535;

/**
 * Puts the oldest unsettled rows into a batch: whole prefixes of accounts, the longest-waiting account first, as far as
 * all rows fit one span and every offer holds in all of it. The rest waits for the next batch. Pure and deterministic:
 * the same input is the same bytes.
 * @returns undefined when nothing can be settled now
 */
export function buildBatch(input: BuildInput): PlannedBatch | undefined {
  const draft = new Draft(input);
  const waiting = input.accounts
    .filter((account) => account.rows.length > 0)
    .toSorted((a, b) => firstServed(a) - firstServed(b) || a.accountId - b.accountId);
  for (const { accountId, rows } of waiting) {
    for (const row of rows) if (!draft.add(accountId, row)) break;
  }
  return draft.finish();
}

function firstServed({ rows }: PendingAccount): number {
  return rows[0]?.servedAtSec ?? Number.POSITIVE_INFINITY;
}

interface OpenGroup {
  readonly accountId: number;
  readonly appId: number;
  readonly startSeq: number;
  readonly rows: Receipt[];
}

class Draft {
  readonly #input: BuildInput;
  readonly #groups: OpenGroup[] = [];
  readonly #offers = new Set<number>();
  readonly #apps = new Set<number>();
  #rows = 0;
  #fromSec = Number.POSITIVE_INFINITY;
  #toSec = 0;
  /** The span may begin no earlier, and end no later: what the offers in the table allow. */
  #earliestSec = 0;
  #latestSec: number;

  constructor(input: BuildInput) {
    this.#input = input;
    this.#latestSec = input.chainTimeSec;
  }

  /** Adds a row after the account's last one; false when it does not fit, and then none of the account's later ones do. */
  add(accountId: number, row: Receipt): boolean {
    const times = this.#input.offer(row.offerId);
    if (!times) return false;
    const fromSec = Math.min(this.#fromSec, row.servedAtSec);
    const toSec = Math.max(this.#toSec, row.servedAtSec);
    const earliestSec = Math.max(this.#earliestSec, times.createdAtSec);
    const latestSec = Math.min(this.#latestSec, times.retiresAtSec + this.#input.graceSec);
    if (toSec - fromSec > MAX_SPAN_SEC || fromSec < earliestSec || toSec > latestSec) return false;

    const last = this.#groups.at(-1);
    const continues = last?.accountId === accountId && last.appId === row.appId;
    const offers = this.#offers.size + (this.#offers.has(row.offerId) ? 0 : 1);
    const apps = this.#apps.size + (this.#apps.has(row.appId) ? 0 : 1);
    const groups = this.#groups.length + (continues ? 0 : 1);
    if (!this.#fits(offers, apps, groups, this.#rows + 1)) return false;

    if (continues) last.rows.push(row);
    else this.#groups.push({ accountId, appId: row.appId, startSeq: row.seq, rows: [row] });
    this.#offers.add(row.offerId);
    this.#apps.add(row.appId);
    this.#rows++;
    this.#fromSec = fromSec;
    this.#toSec = toSec;
    this.#earliestSec = earliestSec;
    this.#latestSec = latestSec;
    return true;
  }

  #fits(offers: number, apps: number, groups: number, rows: number): boolean {
    const { maxRows, maxBytes, maxGas } = this.#input.limits;
    const gas = GAS.batch + GAS.offer * offers + GAS.app * apps + GAS.group * groups + GAS.row * rows;
    return (
      rows <= Math.min(maxRows, MAX_BATCH_ROWS) &&
      groups <= MAX_GROUPS &&
      offers <= MAX_TABLE &&
      apps <= MAX_TABLE &&
      batchLength(offers, apps, groups, rows) <= maxBytes &&
      gas <= maxGas
    );
  }

  finish(): PlannedBatch | undefined {
    if (this.#rows === 0) return undefined;
    const groups: Group[] = this.#groups.map(({ accountId, appId, rows }) => ({ accountId, appId, rows }));
    const encoded = encodeBatch({
      batchNo: this.#input.batchNo,
      servedFromSec: this.#fromSec,
      servedToSec: this.#toSec,
      groups,
    });
    const slices = this.#groups.map(({ accountId, startSeq, rows }) => ({
      accountId,
      startSeq,
      count: rows.length,
    }));
    return { encoded, slices, rows: this.#rows };
  }
}
