import {
  packBatch,
  packHeader,
  partsOf,
  type VectorBatch,
  type VectorGroup,
  type VectorRow,
} from "./batchBytes.ts";
import { refusedVectors } from "./refused.ts";
import { settle } from "./settle.ts";
import { WORLD } from "./world.ts";

const FROM = WORLD.servedFromSec;
const MAX_U24 = 2 ** 24 - 1;

interface Named {
  readonly name: string;
  readonly batch: VectorBatch;
}

function first(name: string, ...groups: readonly VectorGroup[]): Named {
  return { name, batch: { batchNo: 0, servedFromSec: FROM, servedToSec: FROM + 3_600, groups } };
}

const group = (accountId: number, appId: number, ...rows: readonly VectorRow[]): VectorGroup => ({
  accountId,
  appId,
  rows,
});

const count = <T>(length: number, item: (i: number) => T): T[] => Array.from({ length }, (_, i) => item(i));

/** Batches that settle in a new world. */
const SETTLED: readonly Named[] = [
  first("one row", group(1, 0, [1, 1_200, 345, 130])),
  {
    name: "a span of one second",
    batch: { batchNo: 0, servedFromSec: FROM, servedToSec: FROM, groups: [group(1, 0, [1, 1, 1, 1])] },
  },
  first("a free request", group(1, 1, [3, 5, 5, 50])),
  first("one failed row", group(1, 0, [1, 0, 0, 0])),
  first(
    "failed rows among others, at every position of a word",
    group(1, 0, ...count(25, (i): VectorRow => (i % 5 === 0 ? [6, 0, 0, 0] : [7, i, 2 * i, 100 + i]))),
  ),
  first("only failed rows", group(1, 1, ...count(9, (i): VectorRow => [i + 1, 0, 0, 0]))),
  ...[2, 3, 4, 5, 7, 8].map((rows) =>
    first(`${rows} rows`, group(1, 0, ...count(rows, (i): VectorRow => [6 + i, 10 + i, 20 + i, 30 + i]))),
  ),
  first(
    "several apps, one of them above what an account allows, and none",
    group(1, 0, [1, 100, 100, 90]),
    group(1, 1, [1, 100, 100, 90], [5, 3, 3, 70]),
    group(1, 2, [9, 100, 100, 90]),
    group(2, 1, [1, 100, 100, 90]),
    group(2, 3, [1, 100, 100, 90]),
    group(2, 4, [1, 7, 7, 90]),
  ),
  first(
    "several groups of one account, in the order of its sequence",
    group(1, 1, [1, 1, 1, 1], [1, 2, 2, 2]),
    group(2, 0, [1, 3, 3, 3]),
    group(1, 0, [1, 4, 4, 4]),
    group(1, 1, [1, 5, 5, 5], [1, 0, 0, 0], [1, 6, 6, 6]),
  ),
  first(
    "an account that is short: its last rows and the app go without",
    group(1, 1, [1, 10, 10, 100]),
    group(3, 1, [1, 10, 10, 100], [6, 0, 0, 0], [5, 100_000, 0, 100], [8, 1, 0, 100], [1, 10, 10, 100]),
    group(3, 2, [1, 10, 10, 100]),
  ),
  first("an account that lacks only the app's fee", group(3, 2, [1, 490, 0, 60])),
  first("many groups", ...count(129, (i) => group(1 + (i % 2), i % 5, [10 + (i % 7), i, i + 1, 1 + i]))),
  first(
    "255 offers",
    group(1, 0, ...count(255, (i): VectorRow => (i < 5 ? [i + 1, 0, 0, 0] : [i + 1, i, 255 - i, i + 1]))),
  ),
  first(
    "the largest units and timing",
    group(1, 1, [5, MAX_U24, MAX_U24, 255]),
    group(2, 0, [3, MAX_U24, MAX_U24, 255]),
  ),
  first("the highest prices", group(5, 0, [2, 1, 1, 255])),
  first("an amount of the whole supply", group(5, 0, [4, 10_000_000, 0, 255])),
];

/** Batches that only encoders and decoders see. */
const ENCODED: readonly Named[] = [
  {
    name: "the largest ids and times",
    batch: {
      batchNo: 2 ** 32 - 1,
      servedFromSec: 2 ** 40 - 1,
      servedToSec: 2 ** 40 - 1,
      groups: [group(2 ** 32 - 1, 2 ** 32 - 1, [2 ** 32 - 1, MAX_U24, MAX_U24, 255])],
    },
  },
  {
    name: "255 apps",
    batch: {
      batchNo: 7,
      servedFromSec: FROM,
      servedToSec: FROM,
      groups: count(255, (i) => group(i + 1, 1_000 * i, [i + 1, 1, 1, 1])),
    },
  },
];

function encoded({ name, batch }: Named) {
  const parts = partsOf(batch);
  return { name, batch, header: packHeader(parts), groupBytes: parts.groups, bytes: packBatch(parts) };
}

/** The world, batches settled in it, batches for encoders only, and batches that are refused. */
export function batchVectors(): object {
  return {
    world: WORLD,
    settled: SETTLED.map((vector) => ({ ...encoded(vector), expected: settle(vector.batch) })),
    encoded: ENCODED.map(encoded),
    refused: refusedVectors(),
  };
}
