import { concatBytes, keccak256, toHex, uintBytes, type Hex } from "./bytes.ts";
import type { Timing } from "./timing.ts";

/** One request in a batch: 8 bytes. Its sequence number is its position. */
export interface Row {
  readonly offerId: number;
  readonly inputUnits: number;
  readonly outputUnits: number;
  readonly timing: Timing;
}

/** Consecutive rows of one account and one app, in order of sequence. */
export interface Group {
  readonly accountId: number;
  /** 0: no app. */
  readonly appId: number;
  readonly rows: readonly Row[];
}

/** What `Ledger.settle` takes; see ILedger for the bytes. */
export interface Batch {
  readonly batchNo: number;
  readonly servedFromSec: number;
  readonly servedToSec: number;
  readonly groups: readonly Group[];
}

/** A batch with its parts as bytes, as leaves and proofs need them. */
export interface EncodedBatch {
  readonly bytes: Uint8Array;
  /** The header and the tables. */
  readonly header: Uint8Array;
  /** One per group, in order. */
  readonly groupBytes: readonly Uint8Array[];
}

export const BATCH_VERSION = 1;
export const HEADER_BYTES = 19;
export const ROW_BYTES = 8;
export const GROUP_HEAD_BYTES = 7;
/** The Ledger's own bound on the rows of a batch. */
export const MAX_BATCH_ROWS = 16_384;
export const MAX_TABLE = 255;
export const MAX_SPAN_SEC = 3_600;

/** The bytes are no batch. */
export class BatchFormatError extends Error {
  override readonly name = "BatchFormatError";
}

/** Written and read batches keep the same bounds. */
function checkRows(groups: readonly Group[]): void {
  const rows = groups.reduce((sum, group) => sum + group.rows.length, 0);
  if (rows > MAX_BATCH_ROWS) throw new BatchFormatError(`${rows} rows, at most ${MAX_BATCH_ROWS}`);
  for (const group of groups)
    if (group.rows.some((row) => row.timing === 0 && (row.inputUnits !== 0 || row.outputUnits !== 0)))
      throw new BatchFormatError(`a failed row of account ${group.accountId} has units`);
}

const ascending = (ids: Iterable<number>): number[] => [...new Set(ids)].toSorted((a, b) => a - b);

/**
 * The bytes of a batch; the tables are derived from the rows.
 * @throws {BatchFormatError} when it breaks a bound of the format
 * @throws {RangeError} when a field does not fit its width
 */
export function encodeBatch(batch: Batch): EncodedBatch {
  const offerIds = ascending(batch.groups.flatMap((group) => group.rows.map((row) => row.offerId)));
  const appIds = ascending(batch.groups.map((group) => group.appId));
  if (batch.groups.length === 0) throw new BatchFormatError("a batch needs a group");
  if (offerIds.length > MAX_TABLE)
    throw new BatchFormatError(`${offerIds.length} offers, at most ${MAX_TABLE}`);
  if (appIds.length > MAX_TABLE) throw new BatchFormatError(`${appIds.length} apps, at most ${MAX_TABLE}`);
  checkRows(batch.groups);
  const offerIndex = new Map(offerIds.map((id, index) => [id, index]));
  const appIndex = new Map(appIds.map((id, index) => [id, index]));
  const header = concatBytes(
    uintBytes(BATCH_VERSION, 1),
    uintBytes(batch.batchNo, 4),
    uintBytes(batch.servedFromSec, 5),
    uintBytes(batch.servedToSec, 5),
    uintBytes(offerIds.length, 1),
    uintBytes(appIds.length, 1),
    uintBytes(batch.groups.length, 2),
    ...offerIds.map((id) => uintBytes(id, 4)),
    ...appIds.map((id) => uintBytes(id, 4)),
  );
  const groupBytes = batch.groups.map((group) => {
    if (group.rows.length === 0) throw new BatchFormatError(`no rows for account ${group.accountId}`);
    return concatBytes(
      uintBytes(group.accountId, 4),
      uintBytes(appIndex.get(group.appId) as number, 1),
      uintBytes(group.rows.length, 2),
      ...group.rows.map((row) =>
        concatBytes(
          uintBytes(offerIndex.get(row.offerId) as number, 1),
          uintBytes(row.inputUnits, 3),
          uintBytes(row.outputUnits, 3),
          uintBytes(row.timing, 1),
        ),
      ),
    );
  });
  return { bytes: concatBytes(header, ...groupBytes), header, groupBytes };
}

/** The byte length of a batch with these numbers of things. */
export function batchLength(offers: number, apps: number, groups: number, rows: number): number {
  return HEADER_BYTES + 4 * (offers + apps) + GROUP_HEAD_BYTES * groups + ROW_BYTES * rows;
}

/**
 * Reads a batch exactly as the Ledger does.
 * @throws {BatchFormatError} for whatever the Ledger would call malformed
 */
export function decodeBatch(bytes: Uint8Array): Batch & EncodedBatch {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const uint = (size: number): number => {
    if (at + size > bytes.length) throw new BatchFormatError(`truncated at byte ${bytes.length}`);
    let value = 0;
    for (let i = 0; i < size; i++) value = value * 256 + view.getUint8(at + i);
    at += size;
    return value;
  };
  const version = uint(1);
  if (version !== BATCH_VERSION) throw new BatchFormatError(`version ${version}, expected ${BATCH_VERSION}`);
  const [batchNo, servedFromSec, servedToSec] = [uint(4), uint(5), uint(5)];
  const [nOffers, nApps, nGroups] = [uint(1), uint(1), uint(2)];
  const table = (length: number, what: string): number[] => {
    if (length === 0) throw new BatchFormatError(`no ${what}`);
    const ids = Array.from({ length }, () => uint(4));
    if (ids.some((id, i) => i > 0 && id <= (ids[i - 1] as number)))
      throw new BatchFormatError(`${what} are not ascending`);
    return ids;
  };
  const offerIds = table(nOffers, "offers");
  const appIds = table(nApps, "apps");
  const header = bytes.subarray(0, at);
  if (nGroups === 0) throw new BatchFormatError("a batch needs a group");
  const groupBytes: Uint8Array[] = [];
  const groups = Array.from({ length: nGroups }, (): Group => {
    const start = at;
    const accountId = uint(4);
    const appId = appIds[uint(1)];
    if (appId === undefined) throw new BatchFormatError("an app index is outside the table");
    const count = uint(2);
    if (count === 0) throw new BatchFormatError(`no rows for account ${accountId}`);
    const rows = Array.from({ length: count }, (): Row => {
      const offerId = offerIds[uint(1)];
      if (offerId === undefined) throw new BatchFormatError("an offer index is outside the table");
      return { offerId, inputUnits: uint(3), outputUnits: uint(3), timing: uint(1) };
    });
    groupBytes.push(bytes.subarray(start, at));
    return { accountId, appId, rows };
  });
  if (at !== bytes.length) throw new BatchFormatError(`${bytes.length - at} trailing bytes`);
  checkRows(groups);
  return { batchNo, servedFromSec, servedToSec, groups, bytes, header, groupBytes };
}

/** A group's leaf: what its account was charged for, from which sequence number on, and what stayed unpaid. */
export function groupLeaf(startSeq: number, shortfallWei: bigint, group: Uint8Array): Uint8Array {
  return keccak256(concatBytes(uintBytes(startSeq, 5), uintBytes(shortfallWei, 16), group));
}

/** What the Ledger stores for a batch. */
export function batchCommitment(
  operatorId: number,
  batchNo: number,
  header: Uint8Array,
  groupRoot: Uint8Array,
): Hex {
  return toHex(
    keccak256(concatBytes(uintBytes(operatorId, 32), uintBytes(batchNo, 32), keccak256(header), groupRoot)),
  );
}
