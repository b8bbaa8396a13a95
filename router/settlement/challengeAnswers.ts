/** The loop that answers for strict accounts' rows. Whatever it is interrupted by, the chain says what is still open. */
import type { Challenge, ChallengeDesk, Logger, Store } from "../ports.ts";

export type ChallengeEnd =
  | "answered" // by this router
  | "missing" // no authorization is kept
  | "refused" // the contracts don't take the one that is kept
  | "late";

export interface ChallengeAnswersOptions {
  readonly desk: ChallengeDesk;
  readonly store: Pick<Store, "payment">;
  readonly log: Logger;
  /** Whether this process sends transactions for the operator; false while another replica does. */
  readonly leads: () => Promise<boolean>;
  /** Blocks on top of an answer's until it is final. */
  readonly confirmations: number;
  readonly pollMs: number;
  /** Told once of each way that a challenge went. */
  readonly onEnd: (end: ChallengeEnd) => void;
}

interface Known extends Challenge {
  /** Where it was first seen to be answered or refunded. */
  endedAtBlock: bigint | undefined;
  /** What was told of it. */
  readonly told: Set<ChallengeEnd>;
}

const MOST_FAILURES_APART = 3;

/**
 * Shows the authorization of every challenged row, the most urgent first. A challenge is asked about until its end is deep
 * enough; one that is open is answered, however often that was tried before: the contracts take an answer once.
 */
export class ChallengeAnswers {
  readonly #options: ChallengeAnswersOptions;
  readonly #known = new Map<string, Known>();
  #leads = false;
  #stopping = false;
  #wake: () => void = () => {};
  #running: Promise<void> | undefined;

  constructor(options: ChallengeAnswersOptions) {
    this.#options = options;
  }

  /** How many are open; none for a router that does not lead. */
  open(): number {
    if (!this.#leads) return 0;
    return [...this.#known.values()].filter(({ endedAtBlock }) => endedAtBlock === undefined).length;
  }

  start(): void {
    this.#running ??= this.#loop();
  }

  /** Ends the loop after the answer it is at. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    await this.#running;
  }

  async #loop(): Promise<void> {
    let failures = 0;
    while (!this.#stopping) {
      try {
        await this.look();
        failures = 0;
      } catch (err) {
        failures++;
        if (failures === 1 || failures % 30 === 0)
          this.#options.log.warn({ err, failures }, "challenges: the chain does not answer");
      }
      await this.#sleep(this.#options.pollMs * 2 ** Math.min(failures, MOST_FAILURES_APART));
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One round: takes in what was opened, answers what is open. */
  async look(): Promise<void> {
    const { desk, leads, log } = this.#options;
    this.#leads = await leads();
    // Whoever leads answers. What is known here is asked about again, should this router lead once more.
    if (!this.#leads) return;
    const { opened, blockNumber, timeSec } = await desk.look();
    for (const challenge of opened) {
      const { accountId, seq, answerBySec } = challenge;
      const key = `${accountId}-${seq}`;
      const told = this.#known.get(key)?.told ?? new Set<ChallengeEnd>();
      this.#known.set(key, { ...challenge, endedAtBlock: undefined, told });
      log.info({ accountId, seq, answerBySec }, "challenges: an authorization is asked for");
    }
    const byTime = [...this.#known].toSorted(([, a], [, b]) => a.answerBySec - b.answerBySec);
    for (const [key, known] of byTime) {
      if (this.#stopping) return;
      if (await this.#isDone(known, blockNumber, timeSec)) this.#known.delete(key);
    }
  }

  /** Goes on with one challenge; true when nothing is left to be done for it. */
  async #isDone(known: Known, blockNumber: bigint, timeSec: number): Promise<boolean> {
    const { desk, confirmations } = this.#options;
    const { accountId, seq, answerBySec, endedAtBlock } = known;
    if (endedAtBlock !== undefined && blockNumber - endedAtBlock < BigInt(confirmations)) return false;
    if (!(await desk.isOpen(accountId, seq))) {
      if (endedAtBlock === undefined) known.endedAtBlock = blockNumber;
      return endedAtBlock !== undefined;
    }
    // Again, if a reorganization took its end back.
    known.endedAtBlock = undefined;
    if (timeSec > answerBySec) {
      this.#tell(known, "late", "challenges: nobody answered in time; the operator pays");
      return true;
    }
    await this.#answer(known);
    return false;
  }

  async #answer(known: Known): Promise<void> {
    const { desk, store, log } = this.#options;
    const { accountId, seq } = known;
    const payment = await store.payment(accountId, seq);
    if (!payment) {
      this.#tell(known, "missing", "challenges: no authorization is kept for a challenged row");
      return;
    }
    const result = await desk.answer(known, payment);
    if (result.status === "mined") {
      const { txHash } = result;
      known.endedAtBlock = result.blockNumber;
      if (!known.told.has("answered")) this.#options.onEnd("answered");
      known.told.add("answered");
      log.info({ accountId, seq, txHash }, "challenges: answered");
    } else if (result.status === "unknown") {
      log.warn({ accountId, seq, txHash: result.txHash }, "challenges: no answer about an answer yet");
    } else if (/^Challenges_(?!NotOpen)/.test(result.reason)) {
      this.#tell(known, "refused", "challenges: the contracts refuse an authorization", result.reason);
    } else {
      // Somebody else was faster, or there is nothing to pay gas with.
      log.warn({ accountId, seq, reason: result.reason }, "challenges: an answer could not be sent");
    }
  }

  /** Says it once, and loudly: the operator's bond is at stake. */
  #tell(known: Known, end: ChallengeEnd, message: string, reason?: string): void {
    if (known.told.has(end)) return;
    known.told.add(end);
    const { accountId, seq, answerBySec } = known;
    this.#options.log.error({ accountId, seq, answerBySec, reason }, message);
    this.#options.onEnd(end);
  }
}
