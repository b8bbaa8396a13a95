import type { ListingHealth, Percentiles } from "../model/candidate.ts";
import type { Try, TryResult, UpstreamFault, UsageSide } from "../ports.ts";
import { SampleWindow } from "./sampleWindow.ts";
import { Uptime } from "./uptime.ts";

/** Weight of the newest sample in an average. */
const NEWEST = 0.1;
const FAULTS_TO_OPEN = 3;
const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 300_000;
/** A 429 says that the load is too high, not that the provider is out: cut a little, grow slowly. */
const CAP_CUT = 0.9;
const CAP_GROWTH = 1.002;

/** A single count says no more than that, however absurd it is. */
const MOST_RATIO = 10;
/** What was is half forgotten after so long. */
const HALF_LIFE_MS = 600_000;

/** A 429 that asks for a long wait is about requests a minute, not at a time; what short ones say, the cap learns. */
const SHORTEST_QUIET_MS = 5_000;
const LONGEST_QUIET_MS = 60_000;

/** A try of before this process began, as its row has it. */
export interface PastTry {
  readonly atMs: number;
  readonly hasSucceeded: boolean;
  readonly firstContentMs: number | undefined;
  readonly durationMs: number;
  readonly outputUnits: number;
}

const mix = (average: number | undefined, sample: number): number =>
  average === undefined ? sample : average + NEWEST * (sample - average);

/** Follows one listing: averages, a breaker that lets one request try when its pause is over, a learned load limit. */
export class Health implements ListingHealth {
  readonly #now: () => number;
  readonly #latency: SampleWindow;
  readonly #throughput: SampleWindow;
  readonly #uptime: Uptime;
  inFlight = 0;
  roomAtMs = 0;
  #cap = Number.POSITIVE_INFINITY;
  successRate: number | undefined;
  firstContentMs: number | undefined;
  firstContentSpreadMs: number | undefined;
  msPerOutputUnit: number | undefined;
  outputUnits: number | undefined;
  usageRatio: number | undefined;
  inputRatio: number | undefined;
  tries = 0;
  retryAtMs = 0;
  /** As of `#fadedAtMs`. */
  #recentTries = 0;
  #recentFailures = 0;
  #fadedAtMs: number;
  #faultsInARow = 0;
  #pauseMs = 0;
  #isProbing = false;
  #hasAnswered = false;

  constructor(now: () => number) {
    this.#now = now;
    this.#latency = new SampleWindow(now, true);
    this.#throughput = new SampleWindow(now, false);
    this.#uptime = new Uptime(now);
    this.#fadedAtMs = now();
  }

  get inFlightCap(): number {
    return this.#now() < this.roomAtMs ? 0 : this.#cap;
  }

  get recentTries(): number {
    return this.#recentTries * this.#fading();
  }

  get recentFailures(): number {
    return this.#recentFailures * this.#fading();
  }

  get latencyMs(): Percentiles | undefined {
    return this.#latency.percentiles();
  }

  get throughput(): Percentiles | undefined {
    return this.#throughput.percentiles();
  }

  uptime(minutes: number): number | undefined {
    return this.#uptime.share(minutes);
  }

  /** A provider's count of a prompt or an answer was compared with the router's. */
  compared(side: UsageSide, reportedUnits: number, countedUnits: number): void {
    const ratio = Math.min(MOST_RATIO, reportedUnits / countedUnits);
    if (side === "input") this.inputRatio = mix(this.inputRatio, ratio);
    else this.usageRatio = mix(this.usageRatio, ratio);
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

  #fading(): number {
    return 2 ** ((this.#fadedAtMs - this.#now()) / HALF_LIFE_MS);
  }

  #tried(hasSucceeded: boolean, atMs: number): void {
    this.tries++;
    this.successRate = mix(this.successRate, hasSucceeded ? 1 : 0);
    const fading = this.#fading();
    const weight = 2 ** ((atMs - this.#now()) / HALF_LIFE_MS);
    this.#recentTries = this.#recentTries * fading + weight;
    this.#recentFailures = this.#recentFailures * fading + (hasSucceeded ? 0 : weight);
    this.#fadedAtMs = this.#now();
    this.#uptime.add(hasSucceeded, atMs);
  }

  /** Takes in a try of an earlier process; to be done in order of time, before any of this one's. */
  remember({ atMs, hasSucceeded, firstContentMs, durationMs, outputUnits }: PastTry): void {
    this.#tried(hasSucceeded, atMs);
    if (!hasSucceeded) return;
    if (firstContentMs !== undefined) this.#began(firstContentMs, atMs);
    this.#generated(outputUnits, durationMs - (firstContentMs ?? 0), atMs);
  }

  #learn(result: TryResult, startedAtMs: number, firstAtMs: number | undefined): void {
    if (result.kind === "served") this.#served(startedAtMs, firstAtMs, result.outputUnits);
    else if (result.kind === "fault") this.#failed(result.fault, result.retryAfterMs);
  }

  #served(startedAtMs: number, firstAtMs: number | undefined, outputUnits: number | undefined): void {
    const endedAtMs = this.#now();
    this.#tried(true, endedAtMs);
    this.#cap *= CAP_GROWTH;
    this.#faultsInARow = 0;
    this.#pauseMs = 0;
    if (firstAtMs !== undefined) this.#began(firstAtMs - startedAtMs, endedAtMs);
    if (outputUnits !== undefined)
      this.#generated(outputUnits, endedAtMs - (firstAtMs ?? startedAtMs), endedAtMs);
  }

  #generated(outputUnits: number, generatingMs: number, atMs: number): void {
    this.outputUnits = mix(this.outputUnits, outputUnits);
    if (outputUnits === 0) return;
    this.msPerOutputUnit = mix(this.msPerOutputUnit, generatingMs / outputUnits);
    this.#throughput.add((1_000 * outputUnits) / Math.max(1, generatingMs), atMs);
  }

  #began(waitedMs: number, atMs: number): void {
    this.#latency.add(waitedMs, atMs);
    const distanceMs = Math.abs(waitedMs - (this.firstContentMs ?? waitedMs));
    this.firstContentSpreadMs = mix(this.firstContentSpreadMs, distanceMs);
    this.firstContentMs = mix(this.firstContentMs, waitedMs);
  }

  #failed(fault: UpstreamFault, retryAfterMs: number | undefined): void {
    if (fault === "rate_limited") {
      const load = Math.min(this.#cap, this.inFlight + 1);
      this.#cap = Math.max(1, load * CAP_CUT);
      if (retryAfterMs !== undefined && retryAfterMs >= SHORTEST_QUIET_MS)
        this.roomAtMs = this.#now() + Math.min(retryAfterMs, LONGEST_QUIET_MS);
      return;
    }
    this.#tried(false, this.#now());
    this.#faultsInARow++;
    // Credentials don't heal by themselves; anything else may have been an accident.
    const mustPause = fault === "credentials" || this.#faultsInARow >= FAULTS_TO_OPEN || this.#pauseMs > 0;
    if (!mustPause) return;
    const pauseMs = this.#pauseMs === 0 ? FIRST_PAUSE_MS : this.#pauseMs * 2;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs);
    this.retryAtMs = this.#now() + Math.max(this.#pauseMs, Math.min(retryAfterMs ?? 0, LONGEST_PAUSE_MS));
  }
}
