import { ethers } from "ethers";

/** offerId, inputUnits, outputUnits, timing. */
export type VectorRow = readonly [number, number, number, number];

export interface VectorGroup {
  readonly accountId: number;
  readonly appId: number;
  readonly rows: readonly VectorRow[];
}

export interface VectorBatch {
  readonly batchNo: number;
  readonly servedFromSec: number;
  readonly servedToSec: number;
  readonly groups: readonly VectorGroup[];
}

/** What the bytes of a batch are made of, so that malformed ones can be made of the same parts. */
export interface BatchParts {
  readonly version: number;
  readonly batchNo: number;
  readonly servedFromSec: number;
  readonly servedToSec: number;
  readonly nOffers: number;
  readonly nApps: number;
  readonly nGroups: number;
  readonly offerIds: readonly number[];
  readonly appIds: readonly number[];
  readonly groups: readonly string[];
}

const ascending = (ids: readonly number[]): number[] => [...new Set(ids)].toSorted((a, b) => a - b);

/** A row by ethers' packed encoding; the first number is the offer's index. */
export function packRow(row: VectorRow): string {
  return ethers.solidityPacked(["uint8", "uint24", "uint24", "uint8"], [...row]);
}

/** A group by ethers' packed encoding; indexes and the count are taken as they are. */
export function packGroup(
  accountId: number,
  appIndex: number,
  count: number,
  rows: readonly VectorRow[],
): string {
  return ethers.concat([
    ethers.solidityPacked(["uint32", "uint8", "uint16"], [accountId, appIndex, count]),
    ...rows.map(packRow),
  ]);
}

export function partsOf(batch: VectorBatch): BatchParts {
  const offerIds = ascending(batch.groups.flatMap((group) => group.rows.map(([offerId]) => offerId)));
  const appIds = ascending(batch.groups.map((group) => group.appId));
  const groups = batch.groups.map(({ accountId, appId, rows }) =>
    packGroup(
      accountId,
      appIds.indexOf(appId),
      rows.length,
      rows.map(([offerId, ...units]) => [offerIds.indexOf(offerId), ...units] as const),
    ),
  );
  return {
    version: 1,
    batchNo: batch.batchNo,
    servedFromSec: batch.servedFromSec,
    servedToSec: batch.servedToSec,
    nOffers: offerIds.length,
    nApps: appIds.length,
    nGroups: groups.length,
    offerIds,
    appIds,
    groups,
  };
}

/** The header and the tables. */
export function packHeader(parts: BatchParts): string {
  return ethers.concat([
    ethers.solidityPacked(
      ["uint8", "uint32", "uint40", "uint40", "uint8", "uint8", "uint16"],
      [
        parts.version,
        parts.batchNo,
        parts.servedFromSec,
        parts.servedToSec,
        parts.nOffers,
        parts.nApps,
        parts.nGroups,
      ],
    ),
    ...[...parts.offerIds, ...parts.appIds].map((id) => ethers.solidityPacked(["uint32"], [id])),
  ]);
}

export function packBatch(parts: BatchParts): string {
  return ethers.concat([packHeader(parts), ...parts.groups]);
}
