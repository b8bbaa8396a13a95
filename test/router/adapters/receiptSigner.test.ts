import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { privateKeyToAccount } from "viem/accounts";
import { recoverTypedDataAddress } from "viem";

import { receiptSigner } from "../../../router/adapters/signer/receiptSigner.ts";
import type { Receipt } from "../../../router/model/receipt.ts";
import { IDENTITY, RECEIPT_KEY, SIGNER } from "../../fakes/samples.ts";

const RECEIPT: Receipt = {
  operatorId: 3,
  accountId: 4_294_967_295,
  seq: 1_099_511_627_775,
  offerId: 7,
  appId: 2,
  inputUnits: 16_777_215,
  outputUnits: 5,
  timing: 255,
  amountWei: 2n ** 96n - 1n,
  requestHash: `0x${"ab".repeat(32)}`,
  responseHash: `0x${"cd".repeat(32)}`,
  servedAtSec: 1_900_000_000,
};

const TYPES = {
  Receipt: [
    { name: "operatorId", type: "uint24" },
    { name: "accountId", type: "uint32" },
    { name: "seq", type: "uint40" },
    { name: "offerId", type: "uint32" },
    { name: "appId", type: "uint32" },
    { name: "inputUnits", type: "uint24" },
    { name: "outputUnits", type: "uint24" },
    { name: "timing", type: "uint8" },
    { name: "amount", type: "uint96" },
    { name: "requestHash", type: "bytes32" },
    { name: "responseHash", type: "bytes32" },
    { name: "servedAt", type: "uint40" },
  ],
} as const;

describe("receipt signer", () => {
  it("signs what any EIP-712 library verifies, the same each time", async () => {
    const { signature } = SIGNER.sign(RECEIPT);
    const domain = {
      name: "AI1NET Ledger",
      version: "1",
      chainId: IDENTITY.chainId,
      verifyingContract: IDENTITY.ledger,
    };
    const message = {
      ...RECEIPT,
      seq: RECEIPT.seq,
      amount: RECEIPT.amountWei,
      servedAt: RECEIPT.servedAtSec,
    };
    const typed = { domain, types: TYPES, primaryType: "Receipt", message } as const;
    assert.equal((await recoverTypedDataAddress({ ...typed, signature })).toLowerCase(), SIGNER.address);
    assert.equal(privateKeyToAccount(RECEIPT_KEY).address.toLowerCase(), SIGNER.address);
    // The reference library is deterministic (RFC 6979) and takes the low s, as the contracts demand.
    assert.equal(await privateKeyToAccount(RECEIPT_KEY).signTypedData(typed), signature);
  });

  it("refuses what is no private key, without repeating it", () => {
    const domain = { chainId: 1, verifyingContract: IDENTITY.ledger };
    for (const bad of ["", "0x1234", `0x${"00".repeat(32)}`, `0x${"ff".repeat(32)}`]) {
      assert.throws(
        () => receiptSigner(bad, domain),
        (error: Error) => error instanceof TypeError && (bad === "" || !error.message.includes(bad)),
      );
    }
  });
});
