import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Receipt } from "../../../router/model/receipt.ts";
import { receiptJson } from "../../../router/request/receiptJson.ts";
import { AuditError } from "../../../scripts/audit/auditError.ts";
import { compareReceipt, hasRow } from "../../../scripts/audit/compareReceipt.ts";
import { readReceipt } from "../../../scripts/audit/readReceipt.ts";
import type { SettledGroup } from "../../../scripts/audit/replayBatch.ts";
import { replayAll, RULES, settledEvents, world, worldEvents } from "../../fakes/auditedWorld.ts";
import { batchVectors } from "../../vectors/read.ts";

const SIGNATURE = `0x${"12".repeat(65)}` as const;

// Of the account's last group, which begins with its fourth row: [1, 5, 5, 5], a failure, [1, 6, 6, 6].
const RECEIPT: Receipt = {
  operatorId: 1,
  accountId: 1,
  seq: 5,
  offerId: 1,
  appId: 1,
  inputUnits: 6,
  outputUnits: 6,
  timing: 6,
  amountWei: 6n * 2_000n + 6n * 6_000n + 10_000n,
  requestHash: `0x${"aa".repeat(32)}`,
  responseHash: `0x${"bb".repeat(32)}`,
  servedAtSec: world.servedFromSec + 10,
};

function check(receipt: Receipt): string[] {
  const vector = batchVectors().settled.find(({ name }) => name.startsWith("several groups"));
  assert.ok(vector);
  const found: SettledGroup[] = [];
  const { state } = replayAll([...worldEvents(), ...settledEvents(vector)], (settled) => {
    if (hasRow(settled, receipt)) found.push(settled);
  });
  assert.equal(found.length, 1);
  const names: string[] = [];
  compareReceipt(receipt, found[0]!, state, RULES, ({ name }) => names.push(name));
  return names;
}

describe("checking a receipt", () => {
  it("finds its row in the account's sequence", () => {
    assert.deepEqual(check(RECEIPT), []);
  });

  it("accepts the receipt of a failed attempt", () => {
    const failed = { ...RECEIPT, seq: 4, inputUnits: 0, outputUnits: 0, timing: 0, amountWei: 0n };
    assert.deepEqual(check(failed), []);
  });

  it("names every field in which the row differs", () => {
    assert.deepEqual(check({ ...RECEIPT, operatorId: 2 }), ["operator"]);
    assert.deepEqual(check({ ...RECEIPT, offerId: 5 }), ["offer"]);
    assert.deepEqual(check({ ...RECEIPT, appId: 0 }), ["app"]);
    assert.deepEqual(check({ ...RECEIPT, inputUnits: 7 }), ["input units"]);
    assert.deepEqual(check({ ...RECEIPT, outputUnits: 7 }), ["output units"]);
    assert.deepEqual(check({ ...RECEIPT, timing: 7 }), ["timing"]);
    assert.deepEqual(check({ ...RECEIPT, amountWei: 1n }), ["amount"]);
  });

  it("finds a time of service outside the batch's span, or the offer's life", () => {
    assert.deepEqual(check({ ...RECEIPT, servedAtSec: world.servedFromSec - 1 }), ["time of service"]);
    assert.deepEqual(check({ ...RECEIPT, servedAtSec: 1 }), [
      "offer billable when served",
      "time of service",
    ]);
  });
});

describe("reading a receipt", () => {
  it("takes what the router's API gives", () => {
    const text = JSON.stringify({
      ...receiptJson({ receipt: RECEIPT, signature: SIGNATURE }),
      model: "acme/x",
    });
    assert.deepEqual(readReceipt(text), { receipt: RECEIPT, signature: SIGNATURE });
  });

  it("refuses anything else, and says what is wrong", () => {
    const json = receiptJson({ receipt: RECEIPT, signature: SIGNATURE });
    const refused = (text: string, message: RegExp): void => {
      assert.throws(
        () => readReceipt(text),
        (error) => {
          assert.ok(error instanceof AuditError);
          assert.match(error.message, message);
          return true;
        },
      );
    };
    refused("no json", /not JSON/);
    refused("{}", /fields/);
    refused(JSON.stringify({ ...json, signature: "0x12" }), /65 bytes/);
    refused(JSON.stringify({ ...json, fields: { ...json.fields, seq: -1 } }), /fields\.seq/);
    refused(JSON.stringify({ ...json, fields: { ...json.fields, amount: "1.5" } }), /whole number of wei/);
    refused(
      JSON.stringify({ ...json, fields: { ...json.fields, inputUnits: 2 ** 24 } }),
      /fields\.inputUnits/,
    );
  });
});
