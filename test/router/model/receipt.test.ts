import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../../router/model/bytes.ts";
import {
  domainSeparator,
  parseReceiptId,
  RECEIPT_TYPE,
  receiptHasher,
  receiptId,
  type Receipt,
} from "../../../router/model/receipt.ts";
import { receiptVectors, type ReceiptVector } from "../../vectors/read.ts";

const vectors = receiptVectors();

function receiptOf({ receipt: { amount, servedAt, ...rest } }: ReceiptVector): Receipt {
  return { ...rest, amountWei: BigInt(amount), servedAtSec: servedAt };
}

test("the type is the one that wallets show", () => {
  assert.equal(RECEIPT_TYPE, vectors.type);
});

for (const { separator, receipts, ...domain } of vectors.domains)
  test(`digests on chain ${domain.chainId} are those of the vectors`, () => {
    assert.equal(toHex(domainSeparator(domain)), separator);
    const hash = receiptHasher(domain);
    // Twice and backwards: the hasher keeps its buffer, and nothing of a receipt may stay in it.
    for (const vector of [...receipts, ...receipts.toReversed()])
      assert.equal(toHex(hash(receiptOf(vector))), vector.digest, vector.name);
  });

test("every field counts", () => {
  const [domain] = vectors.domains;
  assert.ok(domain);
  const vector = domain.receipts[0];
  assert.ok(vector);
  const hash = receiptHasher(domain);
  const receipt = receiptOf(vector);
  const other: Receipt = {
    operatorId: receipt.operatorId + 1,
    accountId: receipt.accountId + 1,
    seq: receipt.seq + 1,
    offerId: receipt.offerId + 1,
    appId: receipt.appId + 1,
    inputUnits: receipt.inputUnits + 1,
    outputUnits: receipt.outputUnits + 1,
    timing: receipt.timing + 1,
    amountWei: receipt.amountWei + 1n,
    requestHash: receipt.responseHash,
    responseHash: receipt.requestHash,
    servedAtSec: receipt.servedAtSec + 1,
  };
  const digests = (Object.keys(other) as (keyof Receipt)[]).map((field) =>
    toHex(hash({ ...receipt, [field]: other[field] })),
  );
  assert.equal(new Set([...digests, vector.digest]).size, 13);
});

test("a receipt's id is read back", () => {
  for (const id of [
    { accountId: 1, seq: 0 },
    { accountId: 2 ** 32 - 1, seq: 2 ** 40 - 1 },
  ])
    assert.deepEqual(parseReceiptId(receiptId(id)), id);
});

test("nothing else is a receipt's id", () => {
  for (const text of [
    "",
    "1",
    "1-",
    "-1",
    "1-2-3",
    "1--2",
    "a-1",
    "1-a",
    " 1-2",
    "1-2 ",
    "1.0-2",
    "0x1-2",
    "12345678901-1",
    "1-12345678901234",
  ])
    // prettier-ignore
    assert.equal(parseReceiptId(text), undefined, text);
});
