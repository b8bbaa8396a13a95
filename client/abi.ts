/** The parts of the contracts that a payer uses. */
import { parseAbi } from "viem";

export const tokenAbi = parseAbi([
  "function balanceOf(address account) view returns (uint256)",
  "function nonces(address owner) view returns (uint256)",
  "function allowance(address owner, address spender) view returns (uint256)",
  "function approve(address spender, uint256 value) returns (bool)",
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

export const challengesAbi = parseAbi([
  "struct RowProof { uint24 operatorId; bytes header; bytes group; uint40 startSeq; uint128 shortfall; uint16 rowIndex; bytes32[] siblings; }",
  "struct Challenge { address challenger; uint40 answerBy; uint8 state; uint24 operatorId; uint96 taken; uint96 due; uint32 listingId; uint32 appId; uint96 paid; uint96 frozen; uint40 servedFrom; uint40 servedTo; uint32 epoch; }",
  "function deposit() view returns (uint96)",
  "function challenge(uint32 accountId, uint40 seq) view returns (Challenge)",
  "function challengeAuthorization(RowProof proof)",
  "function resolve(uint32 accountId, uint40 seq)",
]);
