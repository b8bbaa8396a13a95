import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { decodeBatch, MAX_SPAN_SEC } from "../../../router/model/batch.ts";
import { fromHex } from "../../../router/model/bytes.ts";
import type { Receipt } from "../../../router/model/receipt.ts";
import type { BatchSlice } from "../../../router/model/record.ts";
import {
  buildBatch,
  MAX_BATCH_GAS,
  type AccountRows,
  type BuildContext,
} from "../../../router/settlement/build.ts";
import type { OfferTimes } from "../../../router/settlement/settlementOptions.ts";
import { randomFrom } from "../../fakes/random.ts";
import { SIGNER, sampleOutcome, IDENTITY, systemClock } from "../../fakes/samples.ts";
import { recordOutcome } from "../../../router/adapters/journal/recordOutcome.ts";

const NOW = 1_900_000_000;
const ALWAYS: OfferTimes = { createdAtSec: 0, retiresAtSec: 2 ** 40 - 1 };

function rowsOf(accountId: number, nextSeq: number, rows: readonly Partial<Receipt>[]): AccountRows {
  const recorder = { identity: IDENTITY, sign: SIGNER.sign, clock: systemClock };
  const { receipt } = recordOutcome(sampleOutcome(accountId), 0, recorder).receipts[0]!;
  return {
    accountId,
    nextSeq,
    rows: rows.map((row, i) => ({ ...receipt, seq: nextSeq + i, servedAtSec: NOW - 100, ...row })),
  };
}

function context(overrides: Partial<BuildContext> = {}): BuildContext {
  return {
    operatorId: 3,
    batchNo: 7,
    offer: () => ALWAYS,
    graceSec: 900,
    chainTimeSec: NOW,
    builtAtMs: 1,
    limits: { maxRows: 5_000, maxBytes: 120_000, maxGas: MAX_BATCH_GAS },
    ...overrides,
  };
}

describe("buildBatch", () => {
  it("groups consecutive rows of one app, in order of sequence, oldest account first", () => {
    const accounts = [
      rowsOf(5, 10, [{ appId: 0 }, { appId: 2 }, { appId: 2 }, { appId: 0 }]),
      rowsOf(4, 0, [{ servedAtSec: NOW - 200, inputUnits: 1 }]),
    ];
    const { batch, rows, blocked } = buildBatch(accounts, context());
    assert.ok(batch);
    assert.equal(rows, 5);
    assert.deepEqual(blocked, []);
    assert.deepEqual(batch.slices, [
      { accountId: 4, startSeq: 0, count: 1 },
      { accountId: 5, startSeq: 10, count: 1 },
      { accountId: 5, startSeq: 11, count: 2 },
      { accountId: 5, startSeq: 13, count: 1 },
    ]);
    const decoded = decodeBatch(fromHex(batch.bytes));
    assert.equal(decoded.batchNo, 7);
    assert.equal(decoded.servedFromSec, NOW - 200);
    assert.equal(decoded.servedToSec, NOW - 100);
    assert.deepEqual(
      decoded.groups.map(({ appId }) => appId),
      [0, 0, 2, 0],
    );
    assert.deepEqual(buildBatch(accounts.toReversed(), context()).batch, batch);
  });

  it("leaves rows of the future, of another hour or of another price list's time for later", () => {
    const times = new Map<number, OfferTimes>([
      [1, { createdAtSec: 0, retiresAtSec: NOW - 1_500 }],
      [2, { createdAtSec: NOW - 550, retiresAtSec: 2 ** 40 }],
      [3, ALWAYS],
    ]);
    const offer = (offerId: number): OfferTimes | undefined => times.get(offerId);
    const slicesOf = (...accounts: AccountRows[]): number[][] =>
      (buildBatch(accounts, context({ offer })).batch?.slices ?? []).map(({ accountId, count }) => [
        accountId,
        count,
      ]);
    const at = (offerId: number, agoSec: number): Partial<Receipt> => ({
      offerId,
      servedAtSec: NOW - agoSec,
    });
    assert.deepEqual(slicesOf(rowsOf(1, 0, [at(3, 10), at(3, -1), at(3, 5)])), [[1, 1]]);
    assert.deepEqual(slicesOf(rowsOf(1, 0, [at(3, 4_000)]), rowsOf(2, 0, [at(3, 399)])), [[1, 1]]);
    // Offer 1 is billable until 600 s ago, offer 2 from 550 s ago on: never in one span.
    assert.deepEqual(slicesOf(rowsOf(1, 0, [at(1, 700), at(2, 500)]), rowsOf(2, 0, [at(3, 610)])), [
      [1, 1],
      [2, 1],
    ]);
  });

  it("stops an account at a row that no batch can hold, and says why", () => {
    const offer = (offerId: number): OfferTimes | undefined =>
      offerId === 9 ? undefined : { createdAtSec: NOW - 50, retiresAtSec: 2 ** 40 };
    const accounts = [
      rowsOf(1, 0, [{ offerId: 9, servedAtSec: NOW }]),
      rowsOf(2, 0, [{ servedAtSec: NOW }, { servedAtSec: NOW - 51 }, { servedAtSec: NOW }]),
      { ...rowsOf(3, 4, [{ servedAtSec: NOW }, { servedAtSec: NOW }]), nextSeq: 3 },
    ];
    accounts.push({ ...rowsOf(4, 0, [{ servedAtSec: NOW }, { seq: 5, servedAtSec: NOW }]) });
    const { batch, blocked } = buildBatch(accounts, context({ offer }));
    assert.deepEqual(batch?.slices, [
      { accountId: 2, startSeq: 0, count: 1 },
      { accountId: 4, startSeq: 0, count: 1 },
    ]);
    assert.deepEqual(
      blocked.map(({ accountId, seq, reason }) => `${accountId}-${seq}: ${reason}`),
      [
        "1-0: there is no offer 9",
        `2-1: offer 7 was not billable at ${NOW - 51}`,
        "3-3: row 3 is missing, the next one is 4",
        "4-1: row 1 is missing, the next one is 5",
      ],
    );
  });

  it("puts every row into exactly one batch, in order and within every bound, whatever the rows", () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const random = randomFrom(seed);
      const upTo = (n: number): number => Math.floor(random() * n);
      const times = new Map<number, OfferTimes>(
        Array.from({ length: 40 }, (_, i) => [
          i + 1,
          i % 4 === 0
            ? { createdAtSec: NOW - 9_000 + upTo(4_000), retiresAtSec: NOW - 4_000 + upTo(3_000) }
            : ALWAYS,
        ]),
      );
      const billable = (offerId: number, servedAtSec: number): boolean => {
        const { createdAtSec, retiresAtSec } = times.get(offerId)!;
        return createdAtSec <= servedAtSec && servedAtSec <= retiresAtSec + 900;
      };
      let accounts = Array.from({ length: 1 + upTo(30) }, (_, a): AccountRows => {
        let servedAtSec = NOW - 9_000 + upTo(3_000);
        return rowsOf(
          a + 1,
          upTo(50),
          Array.from({ length: upTo(80) }, () => {
            servedAtSec = Math.min(NOW, Math.max(NOW - 9_500, servedAtSec + upTo(200) - 10));
            let offerId = 1 + upTo(40);
            while (!billable(offerId, servedAtSec)) offerId = 1 + upTo(40);
            const failed = random() < 0.1;
            return {
              servedAtSec,
              offerId,
              appId: upTo(3),
              inputUnits: failed ? 0 : upTo(2 ** 24),
              outputUnits: failed ? 0 : upTo(2 ** 24),
              timing: failed ? 0 : 1 + upTo(255),
            };
          }),
        );
      });
      const limits = { maxRows: 50 + upTo(500), maxBytes: 400 + upTo(4_000), maxGas: 2_000_000 + upTo(1e7) };
      const settled = new Map<number, unknown[]>();
      const expected = accounts.map(({ accountId, rows }) => [
        accountId,
        rows.map(({ seq, offerId, inputUnits, outputUnits, timing, appId }) => {
          return { seq, offerId, inputUnits, outputUnits, timing, appId };
        }),
      ]);
      for (let batchNo = 0; accounts.some(({ rows }) => rows.length > 0); batchNo++) {
        const built = buildBatch(accounts, context({ batchNo, limits, offer: (id) => times.get(id) }));
        assert.deepEqual(built.blocked, [], `seed ${seed}`);
        assert.ok(built.batch, `seed ${seed}: no progress`);
        const decoded = decodeBatch(fromHex(built.batch.bytes));
        assert.ok(decoded.servedToSec - decoded.servedFromSec <= MAX_SPAN_SEC);
        assert.ok(
          built.rows <= limits.maxRows && (built.rows === 1 || decoded.bytes.length <= limits.maxBytes),
        );
        const taken = new Map<number, number>();
        for (const [i, group] of decoded.groups.entries()) {
          const { accountId, startSeq }: BatchSlice = built.batch.slices[i]!;
          assert.equal(group.accountId, accountId);
          for (const row of group.rows) {
            assert.ok(times.get(row.offerId)!.createdAtSec <= decoded.servedFromSec);
            assert.ok(decoded.servedToSec <= times.get(row.offerId)!.retiresAtSec + 900);
          }
          settled.set(accountId, [
            ...(settled.get(accountId) ?? []),
            ...group.rows.map((row, k) => ({ seq: startSeq + k, ...row, appId: group.appId })),
          ]);
          taken.set(accountId, startSeq + group.rows.length);
        }
        accounts = accounts.map(({ accountId, nextSeq, rows }): AccountRows => {
          const next = taken.get(accountId) ?? nextSeq;
          return { accountId, nextSeq: next, rows: rows.slice(next - nextSeq) };
        });
      }
      assert.deepEqual(
        [...settled].toSorted(([a], [b]) => a - b),
        expected.filter(([, rows]) => (rows as unknown[]).length > 0),
        `seed ${seed}`,
      );
    }
  });
});
