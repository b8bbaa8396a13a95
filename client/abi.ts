/** The parts of the contracts that a payer uses. */
import { parseAbi } from "viem";

export const tokenAbi = parseAbi([
  "function balanceOf(address account) view returns (uint256)",
  "function nonces(address owner) view returns (uint256)",
]);

export const escrowAbi = parseAbi([
  "struct Account { uint96 balance; uint88 credits; uint40 nextSeq; uint24 operatorId; uint8 flags; }",
  "struct Terms { address owner; uint24 operatorId; address signer; bool strict; uint8 maxAppFeePct; }",
  "struct Exit { uint96 amount; uint40 readyAt; }",
  "function account(uint32 accountId) view returns (Account)",
  "function accountIdOf(Terms terms) view returns (uint32)",
  "function termsOf(uint32 accountId) view returns (Terms)",
  "function depositAddress(Terms terms) view returns (address)",
  "function exitOf(uint32 accountId) view returns (Exit)",
  "function exitNotice() view returns (uint32)",
  "function requestExit(uint32 accountId, uint96 amount)",
  "function cancelExit(uint32 accountId)",
  "function withdraw(uint32 accountId, address to) returns (uint96)",
]);

export const ledgerAbi = parseAbi([
  "struct RowProof { uint24 operatorId; bytes header; bytes group; uint40 startSeq; uint128 shortfall; uint16 rowIndex; bytes32[] siblings; }",
  "struct Row { uint24 operatorId; uint32 batchNo; uint32 accountId; uint40 seq; uint32 offerId; uint32 appId; uint24 inputUnits; uint24 outputUnits; uint8 timing; uint96 amount; uint40 servedFrom; uint40 servedTo; }",
  "function proveRow(RowProof proof) view returns (Row)",
]);

export const registryAbi = parseAbi([
  "struct Offer { uint72 inputPrice; uint72 outputPrice; uint72 requestPrice; uint40 retiresAt; uint32 listingId; uint32 providerId; uint40 createdAt; uint16 cachedBps; }",
  "function offer(uint32 offerId) view returns (Offer)",
  "function operatorOfReceiptKey(address key) view returns (uint24)",
]);

export const disputesAbi = parseAbi([
  "struct Receipt { uint24 operatorId; uint32 accountId; uint40 seq; uint32 offerId; uint32 appId; uint24 inputUnits; uint24 outputUnits; uint8 timing; uint96 amount; bytes32 requestHash; bytes32 responseHash; uint40 servedAt; }",
  "struct RowProof { uint24 operatorId; bytes header; bytes group; uint40 startSeq; uint128 shortfall; uint16 rowIndex; bytes32[] siblings; }",
  "function challengeRow(Receipt receipt, bytes signature, RowProof proof)",
]);
