import { ethers } from "ethers";
import { packBatch, packGroup, packRow, partsOf, type BatchParts, type VectorBatch } from "./batchBytes.ts";
import { WORLD } from "./world.ts";

export interface Refused {
  readonly name: string;
  readonly bytes: string;
  /** Bytes that follow, over and over: too many to be written out. */
  readonly tail?: { readonly bytes: string; readonly times: number };
  /** The custom error that `Ledger.settle` reverts with. */
  readonly error: string;
  /** Its arguments, where they do not depend on the time of the block. */
  readonly args?: readonly (number | bigint)[];
  /** True where the bytes are a batch, and it is the state of the chain that refuses it. */
  readonly wellFormed: boolean;
}

const MAX_ROWS = 16_384;
const FROM = WORLD.servedFromSec;

const BATCH: VectorBatch = {
  batchNo: 0,
  servedFromSec: FROM,
  servedToSec: FROM + 60,
  groups: [
    { accountId: 1, appId: 0, rows: [[1, 10, 20, 100], [5, 1, 2, 90]] }, // prettier-ignore
    { accountId: 2, appId: 1, rows: [[1, 3, 4, 80]] },
  ],
};
const PARTS = partsOf(BATCH);
const BYTES = packBatch(PARTS);
const LENGTH = ethers.dataLength(BYTES);
const TABLES_END = 19 + 4 * 4;
const FIRST_GROUP = PARTS.groups[0] as string;
const SECOND_GROUP = PARTS.groups[1] as string;

const altered = (changes: Partial<BatchParts>): string => packBatch({ ...PARTS, ...changes });
const cut = (length: number): string => ethers.dataSlice(BYTES, 0, length);

function malformed(
  name: string,
  bytes: string,
  error: string,
  ...args: readonly (number | bigint)[]
): Refused {
  return { name, bytes, error, args, wellFormed: false };
}

function wellFormed(
  name: string,
  batch: VectorBatch,
  error: string,
  args?: readonly (number | bigint)[],
): Refused {
  const bytes = packBatch(partsOf(batch));
  return { name, bytes, error, ...(args === undefined ? {} : { args }), wellFormed: true };
}

/** A batch for every reason to refuse one. */
export function refusedVectors(): Refused[] {
  const oneRow = (accountId: number, offerId: number, appId = 0, inputUnits = 1): VectorBatch => ({
    ...BATCH,
    groups: [{ accountId, appId, rows: [[offerId, inputUnits, 1, 1]] }],
  });
  return [
    malformed("no bytes", "0x", "Ledger_Truncated", 0, 19),
    malformed("ends in the header", cut(18), "Ledger_Truncated", 18, 19),
    malformed("ends in the tables", cut(TABLES_END - 1), "Ledger_Truncated"),
    malformed("ends in a group's head", cut(LENGTH - 9), "Ledger_Truncated"),
    malformed("ends in a row", cut(LENGTH - 1), "Ledger_Truncated"),
    malformed("one byte too many", `${BYTES}00`, "Ledger_TrailingBytes", LENGTH + 1, LENGTH),
    malformed(
      "a group too many",
      `${BYTES}${SECOND_GROUP.slice(2)}`,
      "Ledger_TrailingBytes",
      LENGTH + 15,
      LENGTH,
    ),
    malformed("version 0", altered({ version: 0 }), "Ledger_BadVersion", 0, 1),
    malformed("version 2", altered({ version: 2 }), "Ledger_BadVersion", 2, 1),
    malformed("no offers", altered({ nOffers: 0, offerIds: [] }), "Ledger_EmptyTable"),
    malformed("no apps", altered({ nApps: 0, appIds: [] }), "Ledger_EmptyTable"),
    malformed("an offer twice", altered({ offerIds: [1, 1] }), "Ledger_TableNotAscending", 1),
    malformed("offers descending", altered({ offerIds: [5, 1] }), "Ledger_TableNotAscending", 1),
    malformed("an app twice", altered({ appIds: [1, 1] }), "Ledger_TableNotAscending", 3),
    malformed("apps descending", altered({ appIds: [1, 0] }), "Ledger_TableNotAscending", 3),
    malformed("no groups", altered({ nGroups: 0, groups: [] }), "Ledger_EmptyBatch"),
    malformed(
      "a group without rows",
      altered({ nGroups: 3, groups: [FIRST_GROUP, packGroup(2, 1, 0, []), SECOND_GROUP] }),
      "Ledger_EmptyGroup",
      1,
    ),
    malformed(
      "an app index outside the table",
      altered({ groups: [FIRST_GROUP, packGroup(2, 2, 1, [[0, 3, 4, 80]])] }),
      "Ledger_BadAppIndex",
      1,
      2,
    ),
    ...[2, 127, 128, 255].map((index) =>
      malformed(
        `offer index ${index} outside the table`,
        altered({ groups: [FIRST_GROUP, packGroup(2, 1, 1, [[index, 3, 4, 80]])] }),
        "Ledger_BadOfferIndex",
        1,
      ),
    ),
    malformed(
      "a failed row of an offer outside the table",
      altered({ groups: [FIRST_GROUP, packGroup(2, 1, 1, [[2, 0, 0, 0]])] }),
      "Ledger_BadOfferIndex",
      1,
    ),
    malformed(
      "a failed row with input units",
      altered({ groups: [FIRST_GROUP, packGroup(2, 1, 1, [[0, 1, 0, 0]])] }),
      "Ledger_FailedRowWithUnits",
      1,
    ),
    malformed(
      "a failed row with output units",
      altered({ groups: [packGroup(1, 0, 2, [[0, 1, 1, 9], [1, 0, 1, 0]]), SECOND_GROUP] }), // prettier-ignore
      "Ledger_FailedRowWithUnits",
      0,
    ),
    {
      ...malformed(
        "more rows than a batch may have",
        altered({ nGroups: 1, groups: [packGroup(1, 0, MAX_ROWS + 1, [])] }),
        "Ledger_TooManyRows",
        MAX_ROWS + 1,
        MAX_ROWS,
      ),
      tail: { bytes: packRow([0, 1, 1, 1]), times: MAX_ROWS + 1 },
    },
    wellFormed("the batch after the next", { ...BATCH, batchNo: 1 }, "Ledger_BadBatchNo", [1, 0]),
    wellFormed("a span that ends before it begins", { ...BATCH, servedToSec: FROM - 1 }, "Ledger_BadSpan"),
    wellFormed("a span of more than an hour", { ...BATCH, servedToSec: FROM + 3_601 }, "Ledger_BadSpan"),
    wellFormed(
      "a span in the future",
      { ...BATCH, servedFromSec: 2 ** 40 - 2, servedToSec: 2 ** 40 - 1 },
      "Ledger_BadSpan",
    ),
    wellFormed("an amount above the supply", oneRow(1, 4, 0, 10_000_001), "Ledger_AmountTooHigh", [
      10_000_001n * 10n ** 20n,
      10n ** 27n,
    ]),
    wellFormed("an unknown offer", oneRow(1, 256), "Registry_UnknownOffer", [256]),
    wellFormed("offer 0", oneRow(1, 0), "Registry_UnknownOffer", [0]),
    wellFormed(
      "an offer not billable yet",
      { ...oneRow(1, 1), servedFromSec: 1_000, servedToSec: 1_001 },
      "Registry_OfferNotBillable",
      [1, 1_000, 1_001],
    ),
    wellFormed("an unknown app", oneRow(1, 1, 5), "Registry_UnknownApp", [5]),
    wellFormed("an account of another operator", oneRow(4, 1), "Escrow_ForeignAccount", [4, 2, 1]),
    wellFormed("an unknown account", oneRow(6, 1), "Escrow_ForeignAccount", [6, 0, 1]),
  ];
}
