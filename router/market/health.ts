import type { ListingHealth } from "../model/candidate.ts";
import type { Try, TryResult, UpstreamFault } from "../ports.ts";

/** Weight of the newest sample in an average. */
const NEWEST = 0.1;
const FAULTS_TO_OPEN = 3;
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;
/** A 429 says that the load is too high, not that the provider is out: cut a little, grow slowly. */
const CAP_CUT = 0.9;
const CAP_GROWTH = 1.002;

const mix = (average: number | undefined, sample: number): number =>
  average === undefined ? sample : average + NEWEST * (sample - average);

/** Follows one listing: averages, a breaker that lets one request try when its pause is over, a learned load limit. */
export class Health implements ListingHealth {
  readonly #now: () => number;
  inFlight = 0;
  inFlightCap = Number.POSITIVE_INFINITY;
  successRate: number | undefined;
  firstContentMs: number | undefined;
  msPerOutputUnit: number | undefined;
  outputUnits: number | undefined;
  tries = 0;
  retryAtMs = 0;
  #faultsInARow = 0;
  #pauseMs = 0;
  #isProbing = false;
  #hasAnswered = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  get breaker(): ListingHealth["breaker"] {
    if (this.#pauseMs === 0) return "closed";
    return this.#now() >= this.retryAtMs && !this.#isProbing ? "half_open" : "open";
  }

  get state(): ListingHealth["state"] {
    if (this.#pauseMs > 0) return "down";
    return this.tries === 0 && !this.#hasAnswered ? "unknown" : "up";
  }

  /** A probe of the (new) endpoint was answered: what its predecessor did no longer keeps it out. */
  answered(): void {
    this.#hasAnswered = true;
    this.#faultsInARow = 0;
    this.#pauseMs = 0;
    this.retryAtMs = 0;
  }

  /** Takes a place, if there is one. */
  begin(): Try | undefined {
    const { breaker } = this;
    if (breaker === "open" || this.inFlight >= this.inFlightCap) return undefined;
    const isProbe = breaker === "half_open";
    if (isProbe) this.#isProbing = true;
    this.inFlight++;
    const startedAtMs = this.#now();
    let firstAtMs: number | undefined;
    let hasEnded = false;
    return {
      firstContent: () => {
        firstAtMs ??= this.#now();
      },
      end: (result) => {
        if (hasEnded) return;
        hasEnded = true;
        this.inFlight--;
        if (isProbe) this.#isProbing = false;
        this.#learn(result, startedAtMs, firstAtMs);
      },
    };
  }

  #learn(result: TryResult, startedAtMs: number, firstAtMs: number | undefined): void {
    if (result.kind === "served") this.#served(startedAtMs, firstAtMs, result.outputUnits);
    else if (result.kind === "fault") this.#failed(result.fault, result.retryAfterMs);
  }

  #served(startedAtMs: number, firstAtMs: number | undefined, outputUnits: number | undefined): void {
    const endedAtMs = this.#now();
    this.tries++;
    this.successRate = mix(this.successRate, 1);
    this.inFlightCap *= CAP_GROWTH;
    this.#faultsInARow = 0;
    this.#pauseMs = 0;
    if (firstAtMs !== undefined) this.firstContentMs = mix(this.firstContentMs, firstAtMs - startedAtMs);
    if (outputUnits === undefined) return;
    this.outputUnits = mix(this.outputUnits, outputUnits);
    if (outputUnits > 0) {
      const generatingMs = endedAtMs - (firstAtMs ?? startedAtMs);
      this.msPerOutputUnit = mix(this.msPerOutputUnit, generatingMs / outputUnits);
    }
  }

  #failed(fault: UpstreamFault, retryAfterMs: number | undefined): void {
    if (fault === "rate_limited") {
      const load = Math.min(this.inFlightCap, this.inFlight + 1);
      this.inFlightCap = Math.max(1, load * CAP_CUT);
      return;
    }
    this.tries++;
    this.successRate = mix(this.successRate, 0);
    this.#faultsInARow++;
    // Credentials don't heal by themselves; anything else may have been an accident.
    const mustPause = fault === "credentials" || this.#faultsInARow >= FAULTS_TO_OPEN || this.#pauseMs > 0;
    if (!mustPause) return;
    const pauseMs = this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs);
    this.retryAtMs = this.#now() + Math.max(this.#pauseMs, Math.min(retryAfterMs ?? 0, LONGEST_PAUSE_MS));
  }
}
