import { ethers } from "ethers";

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
};

const ORDINARY = {
  operatorId: 1,
  accountId: 12,
  seq: 34,
  offerId: 5,
  appId: 0,
  inputUnits: 1_200,
  outputUnits: 345,
  timing: 130,
  amount: 8_475_000n,
  requestHash: ethers.id("request"),
  responseHash: ethers.id("response"),
  servedAt: 1_900_000_000,
};

const RECEIPTS = [
  { name: "ordinary", receipt: ORDINARY },
  { name: "through an app", receipt: { ...ORDINARY, appId: 7, seq: 35 } },
  {
    name: "failed attempt",
    receipt: {
      ...ORDINARY,
      inputUnits: 0,
      outputUnits: 0,
      timing: 0,
      amount: 0n,
      responseHash: ethers.ZeroHash,
    },
  },
  {
    name: "every field zero",
    receipt: {
      operatorId: 0,
      accountId: 0,
      seq: 0,
      offerId: 0,
      appId: 0,
      inputUnits: 0,
      outputUnits: 0,
      timing: 0,
      amount: 0n,
      requestHash: ethers.ZeroHash,
      responseHash: ethers.ZeroHash,
      servedAt: 0,
    },
  },
  {
    name: "every field at its maximum",
    receipt: {
      operatorId: 2 ** 24 - 1,
      accountId: 2 ** 32 - 1,
      seq: 2 ** 40 - 1,
      offerId: 2 ** 32 - 1,
      appId: 2 ** 32 - 1,
      inputUnits: 2 ** 24 - 1,
      outputUnits: 2 ** 24 - 1,
      timing: 255,
      amount: 2n ** 96n - 1n,
      requestHash: ethers.hexlify(new Uint8Array(32).fill(255)),
      responseHash: ethers.hexlify(new Uint8Array(32).fill(255)),
      servedAt: 2 ** 40 - 1,
    },
  },
];

const DOMAINS = [
  { chainId: 31_337, verifyingContract: "0x5fbdb2315678afecb367f032d93f642f64180aa3" },
  { chainId: 2 ** 32 + 1, verifyingContract: "0x00000000000000000000000000000000000000ff" },
];

/** A well-known key of test chains. */
const PRIVATE_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/** Digests by ethers' TypedDataEncoder, of two domains, and deterministic signatures (RFC 6979). */
export function receiptVectors(): object {
  const key = new ethers.SigningKey(PRIVATE_KEY);
  const signed = DOMAINS.map((contract) => {
    const domain = { name: "AI1NET Ledger", version: "1", ...contract };
    return {
      ...contract,
      separator: ethers.TypedDataEncoder.hashDomain(domain),
      receipts: RECEIPTS.map(({ name, receipt }) => {
        const digest = ethers.TypedDataEncoder.hash(domain, TYPES, receipt);
        return { name, receipt, digest, signature: key.sign(digest).serialized };
      }),
    };
  });
  return {
    type: ethers.TypedDataEncoder.from(TYPES).encodeType("Receipt"),
    privateKey: PRIVATE_KEY,
    signer: ethers.computeAddress(PRIVATE_KEY),
    domains: signed,
  };
}
