import type { Candidate } from "../model/candidate.ts";
import type { Needs } from "./exclusion.ts";

/** What a request will probably come to at an offer. Wei as numbers: they are compared, never charged. */
export interface Estimate {
  readonly priceWei: number;
  readonly firstContentMs: number;
  readonly msPerUnit: number;
  readonly durationMs: number;
  /** 0..1 */
  readonly failure: number;
  /** Price, time and failures together. */
  readonly costWei: number;
}

/** What is usual among the offers that compete: the prior for those that have shown little. */
export interface Usual {
  readonly outputUnits: number;
  readonly firstContentMs: number;
  readonly msPerUnit: number;
  readonly usageRatio: number;
  readonly inputRatio: number;
  /** Price of 1,000 input and 256 output units. */
  readonly requestWei: number;
}

/** Before anybody has shown anything. */
const UNSEEN = { outputUnits: 256, firstContentMs: 1_000, msPerUnit: 20 };
/** A second of waiting, and a try that fails, in usual requests. */
const REQUESTS_PER_SECOND = 0.25;
const REQUESTS_PER_FAILURE = 5;
/** Tries that the usual weighs against a listing's own. */
const PRIOR_TRIES = 3;
const PRIOR_OUTPUTS = 10;
/** As if so many tries had been seen, one in twenty of them failed. */
const PRIOR_FAILURES = 0.5;
const PRIOR_SUCCESSES = 9.5;
/** How far a listing that has shown nothing may be from the usual. */
const UNSEEN_SPREAD = 0.5;
const RATE_SPREAD = 0.3;
/** Of a session's prompt, so much was in its last one, too. */
const SESSION_CACHED = 0.8;

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1];
}

/** The outputs of different listings are comparable once each is freed of its own way of counting. */
const contentUnits = ({ health: { outputUnits, usageRatio } }: Candidate, usualRatio: number) =>
  outputUnits === undefined ? undefined : outputUnits / Math.max(usageRatio ?? usualRatio, 0.1);

export function usualOf(candidates: readonly Candidate[]): Usual {
  const known = (read: (candidate: Candidate) => number | undefined): number | undefined =>
    median(candidates.map(read).filter((value) => value !== undefined));
  const usageRatio = known(({ health }) => health.usageRatio) ?? 1;
  return {
    usageRatio,
    inputRatio: known(({ health }) => health.inputRatio) ?? 1,
    outputUnits: known((candidate) => contentUnits(candidate, usageRatio)) ?? UNSEEN.outputUnits,
    firstContentMs: known(({ health }) => health.firstContentMs) ?? UNSEEN.firstContentMs,
    msPerUnit: known(({ health }) => health.msPerOutputUnit) ?? UNSEEN.msPerUnit,
    // Time is worth something where everything is free, too.
    requestWei: Math.max(
      1,
      known(
        ({ offer }) =>
          1_000 * Number(offer.inputPrice) + 256 * Number(offer.outputPrice) + Number(offer.requestPrice),
      ) ?? 1,
    ),
  };
}

/** What was seen and what is usual, each by its weight. */
const blend = (seen: number | undefined, usual: number, tries: number, priorTries: number): number =>
  seen === undefined ? usual : (tries * seen + priorTries * usual) / (tries + priorTries);

/** About normally distributed, with a standard deviation of 1; 0 for a `random` of one half. */
const normal = (random: () => number): number => 2 * (random() + random() + random() - 1.5);

/**
 * Estimates an offer for one request. With `random`, uncertain figures are drawn from what they may well be (Thompson
 * sampling): a listing that has shown little gets its chance, and loses it as it shows more.
 */
export function estimate(
  candidate: Candidate,
  needs: Needs,
  usual: Usual,
  timeValue: number,
  random?: () => number,
): Estimate {
  const { offer, endpoint, health } = candidate;
  const { recentTries: tries } = health;
  const draw = (mean: number, spread: number): number =>
    random === undefined ? mean : Math.max(mean / 4, mean + normal(random) * spread);

  const most = Math.min(needs.outputUnits ?? endpoint.maxOutputUnits, endpoint.maxOutputUnits);
  const content = blend(contentUnits(candidate, usual.usageRatio), usual.outputUnits, tries, PRIOR_OUTPUTS);
  const billed = Math.min(most, content * (health.usageRatio ?? usual.usageRatio));
  const isSession = offer.listingId === needs.sessionListingId;
  const cached = isSession ? SESSION_CACHED * needs.inputUnits : 0;
  const inputUnits = needs.inputUnits - cached + (cached * offer.cachedBps) / 10_000;
  const priceWei =
    inputUnits * (health.inputRatio ?? usual.inputRatio) * Number(offer.inputPrice) +
    billed * Number(offer.outputPrice) +
    Number(offer.requestPrice);

  const firstMean = blend(health.firstContentMs, usual.firstContentMs, tries, PRIOR_TRIES);
  const firstSpread = health.firstContentSpreadMs ?? UNSEEN_SPREAD * firstMean;
  const firstContentMs = draw(firstMean, firstSpread / Math.sqrt(tries + 1));
  const rateMean = blend(health.msPerOutputUnit, usual.msPerUnit, tries, PRIOR_TRIES);
  const msPerUnit = draw(rateMean, (RATE_SPREAD * rateMean) / Math.sqrt(tries + 1));
  const durationMs = firstContentMs + Math.min(most, content) * msPerUnit;

  const seen = tries + PRIOR_FAILURES + PRIOR_SUCCESSES;
  const failureMean = (health.recentFailures + PRIOR_FAILURES) / seen;
  const failureSpread = Math.sqrt((failureMean * (1 - failureMean)) / (seen + 1));
  const failure = Math.min(1, draw(failureMean, failureSpread));

  const timeWei = timeValue * REQUESTS_PER_SECOND * usual.requestWei * (durationMs / 1_000);
  const costWei = priceWei + timeWei + failure * REQUESTS_PER_FAILURE * usual.requestWei;
  return { priceWei, firstContentMs, msPerUnit, durationMs, failure, costWei };
}
