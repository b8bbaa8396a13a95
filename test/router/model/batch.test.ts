import assert from "node:assert/strict";
import { test } from "node:test";
import {
  batchCommitment,
  BatchFormatError,
  batchLength,
  decodeBatch,
  encodeBatch,
  groupLeaf,
  MAX_BATCH_ROWS,
  type Batch,
  type Group,
} from "../../../router/model/batch.ts";
import { fromHex, toHex } from "../../../router/model/bytes.ts";
import { merkleRoot, merkleTree } from "../../../router/model/merkle.ts";
import { Random } from "../../contracts/fixtures/random.ts";
import { batchVectors, type VectorBatch } from "../../vectors/read.ts";

const SEED = 4_711;
const vectors = batchVectors();

function batchOf({ groups, ...rest }: VectorBatch): Batch {
  return {
    ...rest,
    groups: groups.map(({ rows, ...group }) => ({
      ...group,
      rows: rows.map(([offerId, inputUnits, outputUnits, timing]) => ({
        offerId,
        inputUnits,
        outputUnits,
        timing,
      })),
    })),
  };
}

/** The batch alone, without its bytes. */
function plain({ batchNo, servedFromSec, servedToSec, groups }: Batch): Batch {
  return { batchNo, servedFromSec, servedToSec, groups };
}

function randomBatch(random: Random): Batch {
  const wide = (bits: number): number => random.int(0, 2 ** random.int(1, bits) - 1);
  const servedFromSec = wide(40);
  const group = (): Group => ({
    accountId: wide(32),
    appId: random.chance(0.5) ? 0 : wide(32),
    rows: Array.from({ length: random.int(1, 10) }, () =>
      random.chance(0.2)
        ? { offerId: wide(32), inputUnits: 0, outputUnits: 0, timing: 0 }
        : { offerId: wide(32), inputUnits: wide(24), outputUnits: wide(24), timing: random.int(1, 255) },
    ),
  });
  return {
    batchNo: wide(32),
    servedFromSec,
    servedToSec: servedFromSec,
    groups: Array.from({ length: random.int(1, 21) }, group),
  };
}

for (const vector of [...vectors.settled, ...vectors.encoded])
  test(`${vector.name}: the bytes are those of the vector, and are read back`, () => {
    const batch = batchOf(vector.batch);
    const encoded = encodeBatch(batch);
    assert.equal(toHex(encoded.bytes), vector.bytes);
    assert.equal(toHex(encoded.header), vector.header);
    assert.deepEqual(encoded.groupBytes.map(toHex), vector.groupBytes);

    const decoded = decodeBatch(fromHex(vector.bytes));
    assert.deepEqual(plain(decoded), batch);
    assert.equal(toHex(decoded.header), vector.header);
    assert.deepEqual(decoded.groupBytes.map(toHex), vector.groupBytes);
  });

for (const { name, header, batch, groupBytes, expected } of vectors.settled)
  test(`${name}: leaves and commitment are those of the vector`, () => {
    const leaves = groupBytes.map((bytes, i) => {
      const group = expected.groups[i];
      assert.ok(group);
      const leaf = groupLeaf(group.startSeq, BigInt(group.shortfallWei), fromHex(bytes));
      assert.equal(toHex(leaf), group.leaf);
      return leaf;
    });
    const root = merkleRoot(merkleTree(leaves));
    assert.equal(toHex(root), expected.groupRoot);
    const commitment = batchCommitment(vectors.world.operatorId, batch.batchNo, fromHex(header), root);
    assert.equal(commitment, expected.commitment);
  });

for (const { name, bytes, error, wellFormed } of vectors.refused)
  if (wellFormed) test(`${name} (${error}) is a batch all the same`, () => void decodeBatch(fromHex(bytes)));
  else
    test(`${name} is refused (${error})`, () => {
      assert.throws(() => decodeBatch(fromHex(bytes)), BatchFormatError);
    });

test(`random batches are read back (seed ${SEED})`, () => {
  const random = new Random(SEED);
  for (let i = 0; i < 300; i++) {
    const batch = randomBatch(random);
    const { bytes, header, groupBytes } = encodeBatch(batch);
    const decoded = decodeBatch(bytes);
    assert.deepEqual(plain(decoded), batch, `batch ${i}`);
    const rows = batch.groups.flatMap((group) => group.rows);
    const offers = new Set(rows.map((row) => row.offerId)).size;
    const apps = new Set(batch.groups.map((group) => group.appId)).size;
    assert.equal(bytes.length, batchLength(offers, apps, batch.groups.length, rows.length));
    assert.equal(bytes.length, header.length + groupBytes.reduce((sum, part) => sum + part.length, 0));
  }
});

test(`every truncation of a random batch is refused (seed ${SEED})`, () => {
  const random = new Random(SEED);
  for (let i = 0; i < 20; i++) {
    const { bytes } = encodeBatch(randomBatch(random));
    for (let length = 0; length < bytes.length; length++)
      assert.throws(() => decodeBatch(bytes.subarray(0, length)), BatchFormatError, `batch ${i}, ${length}`);
  }
});

test(`a changed byte is refused or read as another batch, never as the same one (seed ${SEED})`, () => {
  const random = new Random(SEED);
  let refused = 0;
  for (let i = 0; i < 20; i++) {
    const { bytes } = encodeBatch(randomBatch(random));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] as number) ^ random.int(1, 255);
      try {
        const decoded = decodeBatch(changed);
        // Whatever is read means just these bytes, unless a table entry has lost its last row.
        const again = encodeBatch(decoded).bytes;
        assert.notDeepEqual(again, bytes, `batch ${i}, byte ${at}`);
      } catch (error) {
        if (!(error instanceof BatchFormatError)) throw error;
        refused++;
      }
    }
  }
  assert.ok(refused > 0);
});

test("a batch has at most 16,384 rows", () => {
  const row = { offerId: 1, inputUnits: 1, outputUnits: 1, timing: 1 };
  const batch = (rows: number): Batch => ({
    batchNo: 0,
    servedFromSec: 1,
    servedToSec: 1,
    groups: [{ accountId: 1, appId: 0, rows: Array.from({ length: rows }, () => row) }],
  });
  const { bytes } = encodeBatch(batch(MAX_BATCH_ROWS));
  assert.equal(decodeBatch(bytes).groups[0]?.rows.length, MAX_BATCH_ROWS);
  assert.throws(() => encodeBatch(batch(MAX_BATCH_ROWS + 1)), BatchFormatError);
});

test("a batch that the Ledger would refuse is not written", () => {
  const row = { offerId: 1, inputUnits: 1, outputUnits: 1, timing: 1 };
  const encode = (groups: readonly Group[]) => () =>
    encodeBatch({ batchNo: 0, servedFromSec: 1, servedToSec: 1, groups });
  const group = (rows: Group["rows"]): Group => ({ accountId: 1, appId: 0, rows });
  assert.throws(encode([]), BatchFormatError);
  assert.throws(encode([group([])]), BatchFormatError);
  assert.throws(encode([group([{ ...row, timing: 0 }])]), BatchFormatError);
  const offers = Array.from({ length: 256 }, (_, i) => ({ ...row, offerId: i + 1 }));
  assert.throws(encode([group(offers)]), BatchFormatError);
  for (const bad of [{ inputUnits: 2 ** 24 }, { outputUnits: -1 }, { timing: 256 }, { offerId: 2 ** 32 }])
    assert.throws(encode([group([{ ...row, ...bad }])]), RangeError);
});
