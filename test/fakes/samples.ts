/** Small things that many tests need: a clock, a log, a key, outcomes. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

import { receiptSigner } from "../../router/adapters/signer/receiptSigner.ts";
import type { JournalIdentity } from "../../router/adapters/journal/segments.ts";
import { toHex, uintBytes, type Hex } from "../../router/model/bytes.ts";
import type { Attempt, Outcome } from "../../router/model/outcome.ts";
import type { PaymentAuthorization } from "../../router/model/payment.ts";
import type { Clock, Logger } from "../../router/ports.ts";

export const RECEIPT_KEY: Hex = `0x${"5a".repeat(32)}`;
export const IDENTITY: JournalIdentity = { operatorId: 3, chainId: 31_337, ledger: `0x${"1e".repeat(20)}` };
export const RECEIPT_DOMAIN = { chainId: IDENTITY.chainId, verifyingContract: IDENTITY.ledger };
export const SIGNER = receiptSigner(RECEIPT_KEY, RECEIPT_DOMAIN);

export const systemClock: Clock = { nowMs: () => Date.now() };
export const silentLog: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A log that keeps its messages. */
export function listeningLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (_fields: object, message: string): void => {
    lines.push(message);
  };
  return { lines, debug: keep, info: keep, warn: keep, error: keep };
}

/** A directory that goes with the test. */
export function temporaryDirectory(test: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), "ai1net-"));
  test.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function sampleAttempt(overrides: Partial<Attempt> = {}): Attempt {
  return {
    offerId: 7,
    inputUnits: 100,
    outputUnits: 20,
    timing: 120,
    amountWei: 1_234_567_890_123_456_789n,
    responseHash: toHex(uintBytes(5, 32)),
    servedAtSec: 1_800_000_000,
    ...overrides,
  };
}

export const FAILED_ATTEMPT: Attempt = sampleAttempt({
  offerId: 8,
  inputUnits: 0,
  outputUnits: 0,
  timing: 0,
  amountWei: 0n,
  responseHash: toHex(new Uint8Array(32)),
});

/** A wallet's authorization, told apart by its nonce. */
export function samplePayment(nonce: number): PaymentAuthorization {
  return {
    from: `0x${"11".repeat(20)}`,
    to: `0x${"22".repeat(20)}`,
    valueWei: 5n,
    validAfterSec: 0,
    validBeforeSec: 2_000,
    nonce: toHex(uintBytes(nonce, 32)),
    signature: `0x${"44".repeat(65)}`,
  };
}

let requests = 0;

export function sampleOutcome(accountId = 1, attempts: readonly Attempt[] = [sampleAttempt()]): Outcome {
  return {
    requestId: `gen-${++requests}-${accountId}`,
    accountId,
    keyId: `key-${accountId}`,
    appId: 0,
    model: "acme/summarizer",
    requestHash: toHex(uintBytes(requests, 32)),
    attempts,
  };
}
