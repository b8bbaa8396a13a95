import assert from "node:assert/strict";
import { test } from "node:test";
import {
  amountOf,
  appFeeDown,
  billedInputUnitsUp,
  isBillable,
  type Offer,
} from "../../../router/model/offer.ts";
import { priceVectors } from "../../vectors/read.ts";

const vectors = priceVectors();

test("amounts are those of the vectors", () => {
  for (const { inputUnits, outputUnits, amountWei, ...prices } of vectors.amounts) {
    const offer = {
      inputPrice: BigInt(prices.inputPrice),
      outputPrice: BigInt(prices.outputPrice),
      requestPrice: BigInt(prices.requestPrice),
    };
    assert.equal(amountOf(offer, { inputUnits, outputUnits }), BigInt(amountWei));
  }
});

test("app fees are those of the vectors", () => {
  for (const { amountWei, feeBps, maxAppFeePct, appFeeWei } of vectors.appFees)
    assert.equal(appFeeDown(BigInt(amountWei), feeBps, maxAppFeePct), BigInt(appFeeWei));
});

test("cached input is billed as in the vectors", () => {
  for (const { inputUnits, cachedUnits, cachedBps, billedUnits } of vectors.billedInput)
    assert.equal(billedInputUnitsUp(inputUnits, cachedUnits, cachedBps), billedUnits);
});

test("more cached units than input units count as all of them", () => {
  assert.equal(billedInputUnitsUp(10, 99, 5_000), 5);
});

test("an offer prices requests from its creation until its retirement and the grace after it", () => {
  const offer: Offer = {
    offerId: 1,
    listingId: 1,
    providerId: 1,
    modelId: 1,
    inputPrice: 1n,
    outputPrice: 1n,
    requestPrice: 1n,
    cachedBps: 0,
    createdAtSec: 1_000,
    retiresAtSec: 2_000,
  };
  const billable = [999, 1_000, 2_000, 2_060, 2_061].map((servedAt) => isBillable(offer, servedAt, 60));
  assert.deepEqual(billable, [false, true, true, true, false]);
});
