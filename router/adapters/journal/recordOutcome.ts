import type { Outcome } from "../../model/outcome.ts";
import type { Receipt, SignedReceipt } from "../../model/receipt.ts";
import type { RecordedOutcome } from "../../model/record.ts";
import type { Clock } from "../../ports.ts";
import type { JournalIdentity } from "./segments.ts";

export interface Recorder {
  readonly identity: JournalIdentity;
  readonly sign: (receipt: Receipt) => SignedReceipt;
  readonly clock: Clock;
}

/** Numbers the attempts of an outcome from `firstSeq` on, and signs them. */
export function recordOutcome(outcome: Outcome, firstSeq: number, recorder: Recorder): RecordedOutcome {
  if (outcome.attempts.length === 0) throw new RangeError(`request ${outcome.requestId} has no attempt`);
  return {
    requestId: outcome.requestId,
    keyId: outcome.keyId,
    model: outcome.model,
    ...(outcome.appFeeWei !== undefined && outcome.appFeeWei > 0n && { appFeeWei: outcome.appFeeWei }),
    ...(outcome.name !== undefined && { name: outcome.name }),
    ...(outcome.payment !== undefined && { payment: outcome.payment }),
    ...(outcome.service !== undefined && { service: outcome.service }),
    recordedAtMs: recorder.clock.nowMs(),
    receipts: outcome.attempts.map((attempt, i) =>
      recorder.sign({
        operatorId: recorder.identity.operatorId,
        accountId: outcome.accountId,
        seq: firstSeq + i,
        offerId: attempt.offerId,
        appId: outcome.appId,
        inputUnits: attempt.inputUnits,
        outputUnits: attempt.outputUnits,
        timing: attempt.timing,
        amountWei: attempt.amountWei,
        requestHash: outcome.requestHash,
        responseHash: attempt.responseHash,
        servedAtSec: attempt.servedAtSec,
      }),
    ),
  };
}
