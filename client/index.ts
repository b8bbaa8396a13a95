/** What the package offers; see README.md. */
export { escrowAbi, ledgerAbi, registryAbi, tokenAbi } from "./abi.ts";
export { checkedFetch, type CheckedFetchOptions } from "./checkedFetch.ts";
export { checkSettlement, type SettlementCheck } from "./checkSettlement.ts";
export { challengeAuthorization, challengeOf, challengeRow, resolveChallenge } from "./challenge.ts";
export { depositAddress, sendDeposit, type DepositDone } from "./deposit.ts";
export { ReceiptViolation, type Evidence } from "./evidence.ts";
export { cancelExit, exitOf, requestExit, withdraw, type ExitState } from "./exit.ts";
export { contentHash, requestHash, responseHash } from "./hashes.ts";
export { readNetwork, type Network } from "./network.ts";
export { payPerColumn, type PaymentMaker } from "./payPerColumn.ts";
export { parseReceipt, receiptDigest, type Receipt, type ReceiptJson } from "./receipt.ts";
export { signDeposit, signerOf, signPermitDeposit, type DepositBody, type Signer } from "./signDeposit.ts";
export { makeKey, signIn, type WalletSession } from "./signIn.ts";
export { grantHash, termsOf, type Terms } from "./terms.ts";
export { verifyInclusion, type InclusionJson } from "./verifyInclusion.ts";
export { verifyReceipt, type VerifiedReceipt } from "./verifyReceipt.ts";
