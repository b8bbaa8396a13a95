import { toHex } from "../../router/model/bytes.ts";
import type { BatchSlice } from "../../router/model/record.ts";
import type { StoredBatch } from "../../router/ports.ts";

/** A batch on chain, as the prover looks at it. */
export function storedBatch(batchNo: number, bytes: Uint8Array, slices: readonly BatchSlice[]): StoredBatch {
  return {
    batchNo,
    bytes: toHex(bytes),
    slices,
    commitment: "0x",
    builtAtMs: 0,
    state: "final",
    txHash: undefined,
    blockNumber: undefined,
  };
}
