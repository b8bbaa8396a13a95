import { createHash } from "node:crypto";
import { toHex, type Hex } from "../model/bytes.ts";
import { NAME_MS } from "../model/outcome.ts";
import { receiptId, type SignedReceipt } from "../model/receipt.ts";
import type { ApiKey, RecordedOutcome } from "../model/record.ts";
import type { Clock, Store } from "../ports.ts";
import type { Demand } from "./demand.ts";
import { receiptJson } from "./receiptJson.ts";
import { Recorder, type Recording } from "./recording.ts";
import { Refusal } from "./refusal.ts";
import type { Reply } from "./reply.ts";

/** How a caller says that a request may be a repetition. */
export interface RepeatMarks {
  /** Its `Idempotency-Key` header. */
  readonly idempotencyKey: string | undefined;
  /** How often a stock SDK has tried already; undefined for other callers. */
  readonly retryCount: number | undefined;
}

/** A request that is served for the first time, and is to be answered from if it comes again. */
export interface First {
  readonly kind: "first";
  /** What the journal keeps of its `Idempotency-Key`. */
  readonly name: Hex | undefined;
  /** Where to answer. */
  readonly reply: Reply;
  /** It is in the journal: from here on it is never served again. */
  keep(receipt: SignedReceipt): void;
  /** It came to nothing that anybody is charged for: the next one is a first. */
  drop(): void;
}

export interface Repetition {
  readonly kind: "repetition";
  readonly recording: Recording;
}

export interface RepeatsOptions {
  readonly store: Pick<Store, "servedAs" | "servedSince">;
  readonly clock: Clock;
  /** All answers that are kept, together, and each of them. */
  readonly mostBytes?: number;
  readonly mostBytesEach?: number;
}

/** SDKs give up much earlier. */
const RETRY_MS = 2 * 60_000;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_BYTES_EACH = 1024 * 1024;
const MOST_ENTRIES = 50_000;
/** An entry without its answer. */
const ENTRY_BYTES = 512;

interface Entry {
  readonly place: string;
  readonly fingerprint: string;
  readonly expiresAtMs: number;
  readonly recorder: Recorder;
  state: "running" | "kept" | "failed";
  receipt: SignedReceipt | undefined;
  bytes: number;
}

function conflict(
  message: string,
  errorType: "idempotency_conflict" | "already_served",
  details: ConstructorParameters<typeof Refusal>[3],
): Refusal {
  return new Refusal(409, errorType, message, details);
}

const inProgress = (): Refusal =>
  conflict(
    "the first request of this kind is still being answered; ask again in a moment",
    "idempotency_conflict",
    {
      retryAfterSec: 1,
      metadata: { reason: "in_progress" },
    },
  );

const otherBody = (): Refusal =>
  conflict("this Idempotency-Key was used for another request; use a new one", "idempotency_conflict", {
    shouldRetry: false,
    metadata: { reason: "other_body" },
  });

/** It was served and billed, but its answer is not here any more; the receipt is. */
export function alreadyServed(receipt: SignedReceipt, requestId?: string): Refusal {
  const message =
    "this request was served and billed before, and its answer is no longer kept; the receipt is below. " +
    "To ask again, and pay again, use a new Idempotency-Key.";
  return conflict(message, "already_served", {
    shouldRetry: false,
    headers: {
      "x-ai1net-receipt": Buffer.from(JSON.stringify(receiptJson(receipt))).toString("base64url"),
    },
    metadata: {
      receipt_id: receiptId(receipt.receipt),
      receipt: receiptJson(receipt),
      ...(requestId !== undefined && { generation_id: requestId }),
    },
  });
}

function refuseServed({ receipts, requestId }: RecordedOutcome): void {
  const receipt = receipts.at(-1);
  // A request whose tries all failed has cost nothing, and may be asked again.
  if (receipt && receipt.receipt.timing > 0) throw alreadyServed(receipt, requestId);
}

/**
 * Answers repetitions from the first request, which alone is billed: requests with the same `Idempotency-Key`, and those
 * that a stock SDK sends again by itself, known by key, body and its retry header. Answers are kept in memory, within
 * bounds; for those that are gone the store still has the receipt.
 */
export class Repeats {
  readonly #options: RepeatsOptions;
  /** By name, or by key and fingerprint; the latest last. */
  readonly #places = new Map<string, Entry[]>();
  /** What has ended, the oldest first. */
  readonly #ended = new Set<Entry>();
  #bytes = 0;

  constructor(options: RepeatsOptions) {
    this.#options = options;
  }

  /** Bytes of the answers that are kept, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Tells a first request from a repetition; undefined when nobody could tell the two apart.
   * @throws {Refusal} 409 while the first is running, for another body, and when only its receipt is left
   */
  async begin(
    key: ApiKey,
    { idempotencyKey, retryCount }: RepeatMarks,
    demand: Demand,
    requestHash: Hex,
    reply: Reply,
  ): Promise<First | Repetition | undefined> {
    const nowMs = this.#options.clock.nowMs();
    this.#expire(nowMs);
    const fingerprint = `${demand.wire.path} ${demand.appId} ${requestHash}`;
    if (idempotencyKey !== undefined) {
      const name = toHex(createHash("sha256").update(`${key.keyId}\n${idempotencyKey}`).digest());
      return this.#beginNamed(name, fingerprint, requestHash, reply, nowMs);
    }
    if (retryCount === undefined) return undefined;
    const place = `${key.keyId} ${fingerprint}`;
    if (retryCount > 0) {
      const repetition = this.#retried(place);
      if (repetition) return repetition;
    }
    const { first, entry } = this.#claim(place, undefined, fingerprint, reply, nowMs + RETRY_MS);
    // A retry that is not known here may be of a request that was served before a restart, or by another router.
    if (retryCount > 0 && !this.#consumeFailure(place))
      await this.#unless(entry, async () => {
        const served = await this.#options.store.servedSince(key, requestHash, nowMs - RETRY_MS);
        if (served) refuseServed(served);
      });
    return first;
  }

  async #beginNamed(
    name: Hex,
    fingerprint: string,
    requestHash: Hex,
    reply: Reply,
    nowMs: number,
  ): Promise<First | Repetition> {
    const known = this.#places.get(name)?.at(-1);
    if (known) {
      if (known.fingerprint !== fingerprint) throw otherBody();
      return this.#repetitionOf(known);
    }
    // Taken before the store is asked: of two at the same time one is the first.
    const { first, entry } = this.#claim(name, name, fingerprint, reply, nowMs + NAME_MS);
    await this.#unless(entry, async () => {
      const served = await this.#options.store.servedAs(name, nowMs - NAME_MS);
      if (served && served.receipts.at(-1)?.receipt.requestHash !== requestHash) throw otherBody();
      if (served) refuseServed(served);
    });
    return first;
  }

  /** Takes an entry back when the check refuses it: nothing was tried, so nothing has failed. */
  async #unless(entry: Entry, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (error) {
      this.#forget(entry);
      throw error;
    }
  }

  /** What an SDK's retry repeats: an answer that got lost, or else the last that was given. */
  #retried(place: string): Repetition | undefined {
    const entries = this.#places.get(place) ?? [];
    const lost = entries.findLast(({ state, recorder }) => state !== "failed" && recorder.signal.aborted);
    if (lost) return this.#repetitionOf(lost);
    if (entries.some(({ state }) => state === "failed")) return undefined;
    const kept = entries.findLast(({ state }) => state === "kept");
    return kept && this.#repetitionOf(kept);
  }

  /** A request like this one has failed: the retry is that one's. True if there was one. */
  #consumeFailure(place: string): boolean {
    const failed = this.#places.get(place)?.find(({ state }) => state === "failed");
    if (failed) this.#forget(failed);
    return failed !== undefined;
  }

  /** @throws {Refusal} 409 */
  #repetitionOf({ state, recorder, receipt }: Entry): Repetition {
    if (state === "running") throw inProgress();
    const { recording } = recorder;
    if (recording) return { kind: "repetition", recording };
    throw receipt ? alreadyServed(receipt) : inProgress();
  }

  #claim(
    place: string,
    name: Hex | undefined,
    fingerprint: string,
    reply: Reply,
    expiresAtMs: number,
  ): { readonly first: First; readonly entry: Entry } {
    const recorder = new Recorder(reply, this.#options.mostBytesEach ?? MOST_BYTES_EACH);
    const entry: Entry = {
      place,
      fingerprint,
      expiresAtMs,
      recorder,
      state: "running",
      receipt: undefined,
      bytes: ENTRY_BYTES,
    };
    const others = this.#places.get(place);
    if (others) others.push(entry);
    else this.#places.set(place, [entry]);
    const end = (state: "kept" | "failed"): void => {
      if (entry.state !== "running") return;
      entry.state = state;
      entry.bytes = ENTRY_BYTES + recorder.bytes;
      this.#bytes += entry.bytes;
      this.#ended.add(entry);
      this.#makeRoom();
    };
    const first: First = {
      kind: "first",
      name,
      reply: recorder,
      keep: (receipt) => {
        recorder.close(receipt);
        entry.receipt = receipt;
        end("kept");
      },
      drop: () => {
        recorder.discard();
        if (name === undefined) end("failed");
        else this.#forget(entry);
      },
    };
    return { first, entry };
  }

  #makeRoom(): void {
    const most = this.#options.mostBytes ?? MOST_BYTES;
    for (const entry of this.#ended) {
      if (this.#bytes <= most && this.#ended.size <= MOST_ENTRIES) return;
      this.#forget(entry);
    }
  }

  /** Entries end about in the order in which they expire; what is later than it could be does no harm. */
  #expire(nowMs: number): void {
    for (const entry of this.#ended) {
      if (entry.expiresAtMs > nowMs) return;
      this.#forget(entry);
    }
  }

  #forget(entry: Entry): void {
    if (this.#ended.delete(entry)) this.#bytes -= entry.bytes;
    const left = this.#places.get(entry.place)?.filter((each) => each !== entry) ?? [];
    if (left.length > 0) this.#places.set(entry.place, left);
    else this.#places.delete(entry.place);
  }
}
