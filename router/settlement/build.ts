/** Puts unsettled rows into a batch. Pure: the same rows give the same bytes. */
import {
  batchCommitment,
  batchLength,
  encodeBatch,
  groupLeaf,
  MAX_BATCH_ROWS,
  MAX_SPAN_SEC,
  MAX_TABLE,
  type Group,
  type Row,
} from "../model/batch.ts";
import { toHex } from "../model/bytes.ts";
import { merkleRoot, merkleTree } from "../model/merkle.ts";
import type { Receipt } from "../model/receipt.ts";
import type { BatchSlice, BuiltBatch } from "../model/record.ts";
import type { OfferTimes } from "./settlementOptions.ts";

/** An account's unsettled rows, in order of sequence. */
export interface AccountRows {
  readonly accountId: number;
  /** The Ledger's next number: the first row's, or rows are missing. */
  readonly nextSeq: number;
  readonly rows: readonly Receipt[];
}

/** What bounds a batch, besides the Ledger's own rules. */
export interface BatchLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Of the whole transaction, as estimated here. */
  readonly maxGas: number;
}

export interface BuildContext {
  readonly operatorId: number;
  readonly batchNo: number;
  readonly offer: (offerId: number) => OfferTimes | undefined;
  readonly graceSec: number;
  /** Rows served later have to wait. */
  readonly chainTimeSec: number;
  readonly builtAtMs: number;
  readonly limits: BatchLimits;
}

/** A row that no batch can hold; its account can't settle past it. */
export interface BlockedRow {
  readonly accountId: number;
  readonly seq: number;
  readonly reason: string;
}

export interface Built {
  /** Undefined if no row can settle now. */
  readonly batch: BuiltBatch | undefined;
  readonly rows: number;
  readonly blocked: readonly BlockedRow[];
}

/**
 * A little more than measured (`npm run bench:gas`; cold slots of new accounts, offers and earners included), so that the
 * estimate errs on the safe side of the transaction gas limit of EIP-7825.
 */
const GAS = { batch: 180_000, offer: 60_000, app: 30_000, group: 11_000, row: 360 };
export const MAX_BATCH_GAS = 15_000_000;

const MAX_GROUPS = 65_535;

/** What a batch has taken in, and what a further row would make of it. */
class Draft {
  readonly #context: BuildContext;
  readonly #offers = new Set<number>();
  readonly #apps = new Set<number>();
  readonly groups: { accountId: number; appId: number; startSeq: number; rows: Row[] }[] = [];
  rows = 0;
  servedFromSec = Number.POSITIVE_INFINITY;
  servedToSec = 0;
  /** The span in which every offer so far is billable. */
  #billableFromSec = 0;
  #billableToSec = Number.POSITIVE_INFINITY;

  constructor(context: BuildContext) {
    this.#context = context;
  }

  /** False if the row doesn't fit any more, and so none of its account. */
  take(receipt: Receipt, offer: OfferTimes): boolean {
    const { limits, graceSec } = this.#context;
    const servedFromSec = Math.min(this.servedFromSec, receipt.servedAtSec);
    const servedToSec = Math.max(this.servedToSec, receipt.servedAtSec);
    const billableFromSec = Math.max(this.#billableFromSec, offer.createdAtSec);
    const billableToSec = Math.min(this.#billableToSec, offer.retiresAtSec + graceSec);
    if (servedToSec - servedFromSec > MAX_SPAN_SEC) return false;
    if (servedFromSec < billableFromSec || servedToSec > billableToSec) return false;

    const last = this.groups.at(-1);
    const continues = last?.accountId === receipt.accountId && last.appId === receipt.appId;
    const groups = this.groups.length + (continues ? 0 : 1);
    const offers = this.#offers.size + (this.#offers.has(receipt.offerId) ? 0 : 1);
    const apps = this.#apps.size + (this.#apps.has(receipt.appId) ? 0 : 1);
    const rows = this.rows + 1;
    const gas = GAS.batch + GAS.offer * offers + GAS.app * apps + GAS.group * groups + GAS.row * rows;
    if (rows > Math.min(limits.maxRows, MAX_BATCH_ROWS) || groups > MAX_GROUPS) return false;
    if (offers > MAX_TABLE || apps > MAX_TABLE) return false;
    // A single row is always let through: the Ledger has the last word.
    if (rows > 1 && (gas > limits.maxGas || batchLength(offers, apps, groups, rows) > limits.maxBytes))
      return false;

    const { accountId, appId, seq, offerId, inputUnits, outputUnits, timing } = receipt;
    const row = { offerId, inputUnits, outputUnits, timing };
    if (continues) last.rows.push(row);
    else this.groups.push({ accountId, appId, startSeq: seq, rows: [row] });
    this.#offers.add(offerId);
    this.#apps.add(appId);
    this.rows = rows;
    this.servedFromSec = servedFromSec;
    this.servedToSec = servedToSec;
    this.#billableFromSec = billableFromSec;
    this.#billableToSec = billableToSec;
    return true;
  }
}

/**
 * Takes the accounts in order of their oldest row, each as far as it fits: nobody is overtaken for ever, since the oldest
 * row of all is always in. Rows of an account keep their order, whatever app they came through.
 */
export function buildBatch(accounts: readonly AccountRows[], context: BuildContext): Built {
  const draft = new Draft(context);
  const blocked: BlockedRow[] = [];
  const waiting = accounts
    .filter(({ rows }) => rows.length > 0)
    .toSorted((a, b) => servedAt(a) - servedAt(b) || a.accountId - b.accountId);
  for (const { accountId, nextSeq, rows } of waiting) {
    for (const [i, receipt] of rows.entries()) {
      if (receipt.servedAtSec > context.chainTimeSec) break;
      const offer = context.offer(receipt.offerId);
      const reason = whyNever(receipt, nextSeq + i, offer, context.graceSec);
      if (reason !== undefined) blocked.push({ accountId, seq: nextSeq + i, reason });
      if (reason !== undefined || !offer || !draft.take(receipt, offer)) break;
    }
  }
  return { batch: draft.rows === 0 ? undefined : finish(draft, context), rows: draft.rows, blocked };
}

/** Why no batch can hold a row, or undefined. */
function whyNever(
  { seq, offerId, servedAtSec }: Receipt,
  expectedSeq: number,
  offer: OfferTimes | undefined,
  graceSec: number,
): string | undefined {
  // The Ledger numbers rows by their position: a gap would give each later row another's number.
  if (seq !== expectedSeq) return `row ${expectedSeq} is missing, the next one is ${seq}`;
  if (!offer) return `there is no offer ${offerId}`;
  const isBillable = offer.createdAtSec <= servedAtSec && servedAtSec <= offer.retiresAtSec + graceSec;
  return isBillable ? undefined : `offer ${offerId} was not billable at ${servedAtSec}`;
}

function servedAt({ rows }: AccountRows): number {
  return (rows[0] as Receipt).servedAtSec;
}

function finish(draft: Draft, { batchNo, operatorId, builtAtMs }: BuildContext): BuiltBatch {
  const groups: Group[] = draft.groups;
  const encoded = encodeBatch({
    batchNo,
    servedFromSec: draft.servedFromSec,
    servedToSec: draft.servedToSec,
    groups,
  });
  const slices = draft.groups.map(({ accountId, startSeq, rows }): BatchSlice => ({
    accountId,
    startSeq,
    count: rows.length,
  }));
  // If nobody is short; see commitment.ts for what the Ledger has in the end.
  const leaves = encoded.groupBytes.map((group, i) =>
    groupLeaf((slices[i] as BatchSlice).startSeq, 0n, group),
  );
  const root = merkleRoot(merkleTree(leaves));
  return {
    batchNo,
    bytes: toHex(encoded.bytes),
    commitment: batchCommitment(operatorId, batchNo, encoded.header, root),
    slices,
    builtAtMs,
  };
}
