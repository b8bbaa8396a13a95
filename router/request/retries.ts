import type { Candidate } from "../model/candidate.ts";
import type { UpstreamError } from "../ports.ts";

/** Of the only model that was named; of each, where there are several; of all of them together. */
const MOST_TRIES = 3;
const MOST_TRIES_EACH = 2;
const MOST_TRIES_OF_ALL = 6;
const FIRST_PAUSE_MS = 200;
/** Longer than this nobody is kept waiting for a provider to recover: the caller is told to come back. */
const LONGEST_PAUSE_MS = 2_000;

/** Statuses of a server that turned the request away rather than fail at it. */
const TURNED_AWAY: ReadonlySet<number | undefined> = new Set([502, 503, 504, 529]);

/** Whether the same offer may do better in a moment. What it may have worked on is not asked of it twice. */
function mayHeal({ fault, status }: UpstreamError): boolean {
  return fault === "connect" || fault === "rate_limited" || (fault === "server" && TURNED_AWAY.has(status));
}

interface NextTry {
  readonly candidate: Candidate;
  /** How long to wait before it. */
  readonly pauseMs: number;
}

/**
 * The one owner of retries: which offer is tried next, and when. Others come first and at once; when there are none left,
 * one that was only out of reach or busy is asked again, after a pause that grows, is jittered, and is at least what the
 * provider asked for. Three tries altogether, none after the deadline; with several models two for each, six at most.
 */
export class Retries {
  readonly #ranked: readonly Candidate[];
  readonly #untilMs: number;
  readonly #random: () => number;
  readonly #again: { candidate: Candidate; atMs: number }[] = [];
  readonly #mostEach: number;
  /** By model; infinite for one that is given up. */
  readonly #tries = new Map<number, number>();
  #at = 0;
  #allTries = 0;

  constructor(ranked: readonly Candidate[], untilMs: number, random: () => number) {
    this.#ranked = ranked;
    this.#untilMs = untilMs;
    this.#random = random;
    const models = new Set(ranked.map(({ model }) => model.modelId));
    this.#mostEach = models.size > 1 ? MOST_TRIES_EACH : MOST_TRIES;
  }

  #isOver({ model: { modelId } }: Candidate): boolean {
    return (this.#tries.get(modelId) ?? 0) >= this.#mostEach;
  }

  /** The next try; undefined when there is none worth making. */
  next(nowMs: number): NextTry | undefined {
    if (this.#allTries >= MOST_TRIES_OF_ALL || nowMs >= this.#untilMs) return undefined;
    while (this.#at < this.#ranked.length) {
      const candidate = this.#ranked[this.#at++] as Candidate;
      if (!this.#isOver(candidate)) return { candidate, pauseMs: 0 };
    }
    const [soonest] = this.#again
      .filter(({ candidate }) => !this.#isOver(candidate))
      .toSorted((a, b) => a.atMs - b.atMs);
    if (!soonest || soonest.atMs >= this.#untilMs) return undefined;
    this.#again.splice(this.#again.indexOf(soonest), 1);
    return { candidate: soonest.candidate, pauseMs: Math.max(0, soonest.atMs - nowMs) };
  }

  /** The model can't do it, whoever serves it. */
  giveUp({ model: { modelId } }: Candidate): void {
    this.#tries.set(modelId, Number.POSITIVE_INFINITY);
  }

  /** A try came to nothing, before any content. */
  failed(candidate: Candidate, error: UpstreamError, nowMs: number): void {
    const { modelId } = candidate.model;
    const tries = (this.#tries.get(modelId) ?? 0) + 1;
    this.#tries.set(modelId, tries);
    this.#allTries++;
    const { retryAfterMs = 0 } = error;
    if (!mayHeal(error) || retryAfterMs > LONGEST_PAUSE_MS) return;
    const backoffMs = FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + this.#random());
    this.#again.push({ candidate, atMs: nowMs + Math.max(backoffMs, retryAfterMs) });
  }
}
