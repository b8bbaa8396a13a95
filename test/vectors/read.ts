/** The vectors with their types; `npm run vectors` writes the files. */
import { readFileSync } from "node:fs";

type Hex = `0x${string}`;

/** offerId, inputUnits, outputUnits, timing. */
type VectorRow = [number, number, number, number];

export interface VectorBatch {
  batchNo: number;
  servedFromSec: number;
  servedToSec: number;
  groups: { accountId: number; appId: number; rows: VectorRow[] }[];
}

interface EncodedVector {
  name: string;
  batch: VectorBatch;
  header: Hex;
  groupBytes: Hex[];
  bytes: Hex;
}

export interface SettledVector extends EncodedVector {
  expected: {
    rows: number;
    failedRows: number;
    amountWei: string;
    appFeesWei: string;
    protocolFeeWei: string;
    shortfallWei: string;
    groups: { startSeq: number; appFeeWei: string; shortfallWei: string; leaf: Hex }[];
    groupRoot: Hex;
    commitment: Hex;
    providersWei: string[];
    /** Claimed of the operator's bond, by provider. */
    claimsWei: string[];
    appsWei: string[];
    operatorWei: string;
    poolWei: string;
    accounts: { accountId: number; balanceWei: string; nextSeq: number }[];
  };
}

interface RefusedVector {
  name: string;
  /** The tail is already in it. */
  bytes: Hex;
  tail?: { bytes: Hex; times: number };
  error: string;
  args?: (number | string)[];
  wellFormed: boolean;
}

export interface BatchVectors {
  world: {
    operatorId: number;
    protocolFeeBps: number;
    operatorShareBps: number;
    servedFromSec: number;
    providers: number;
    offers: {
      offerId: number;
      listingId: number;
      inputPrice: string;
      outputPrice: string;
      requestPrice: string;
    }[];
    appFeesBps: number[];
    accounts: { accountId: number; operatorId: number; balanceWei: string; maxAppFeePct: number }[];
  };
  settled: SettledVector[];
  encoded: EncodedVector[];
  refused: RefusedVector[];
}

export interface ReceiptVector {
  name: string;
  receipt: {
    operatorId: number;
    accountId: number;
    seq: number;
    offerId: number;
    appId: number;
    inputUnits: number;
    outputUnits: number;
    timing: number;
    amount: string;
    requestHash: Hex;
    responseHash: Hex;
    servedAt: number;
  };
  digest: Hex;
  signature: Hex;
}

export interface ReceiptVectors {
  type: string;
  privateKey: Hex;
  signer: Hex;
  domains: { chainId: number; verifyingContract: Hex; separator: Hex; receipts: ReceiptVector[] }[];
}

export interface MerkleVectors {
  trees: { leaves: Hex[]; root: Hex; proofs: Hex[][] }[];
}

export interface TimingVectors {
  durationsMs: (number | null)[];
}

export interface PriceVectors {
  amounts: {
    inputPrice: string;
    outputPrice: string;
    requestPrice: string;
    inputUnits: number;
    outputUnits: number;
    amountWei: string;
  }[];
  appFees: { amountWei: string; feeBps: number; maxAppFeePct: number; appFeeWei: string }[];
  billedInput: { inputUnits: number; cachedUnits: number; cachedBps: number; billedUnits: number }[];
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), "utf8"));

export function batchVectors(): BatchVectors {
  const vectors = read("batches") as BatchVectors;
  for (const refused of vectors.refused) {
    const { bytes = "0x", times = 0 } = refused.tail ?? {};
    refused.bytes = `${refused.bytes}${bytes.slice(2).repeat(times)}`;
  }
  return vectors;
}

export const receiptVectors = (): ReceiptVectors => read("receipts") as ReceiptVectors;
export const merkleVectors = (): MerkleVectors => read("merkle") as MerkleVectors;
export const timingVectors = (): TimingVectors => read("timing") as TimingVectors;
export const priceVectors = (): PriceVectors => read("prices") as PriceVectors;
