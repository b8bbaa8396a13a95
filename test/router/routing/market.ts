/** A market in virtual time: providers with limits, outages and slow hours, and requests that arrive at random. */
import type { Candidate } from "../../../router/model/candidate.ts";
import { Health } from "../../../router/market/health.ts";
import { sampleCandidate } from "../../fakes/candidate.ts";
import { sampleEndpoint } from "../../fakes/world.ts";
import { randomFrom } from "../../fakes/random.ts";

export interface ProviderTruth {
  /** Wei per output unit; input costs a third of it. */
  readonly price: bigint;
  readonly firstContentMs: number;
  readonly msPerUnit: number;
  /** Requests at a time; above it answers 429. */
  readonly capacity: number;
  /** [from, to] in which everything fails. */
  readonly outage?: readonly [number, number];
  /** [from, to, factor] in which everything takes so many times as long. */
  readonly slow?: readonly [number, number, number];
}

/** Ranks providers by number; `inFlight` is the truth, which only an oracle may look at. */
export type Policy = (
  candidates: readonly Candidate[],
  nowMs: number,
  random: () => number,
  truth: readonly { readonly provider: ProviderTruth; readonly inFlight: number }[],
) => readonly number[];

export interface Outcome {
  /** In usual requests, per request: price, time, failures. */
  readonly cost: number;
  readonly failed: number;
  /** Share of requests that a second provider had to serve. */
  readonly fallbacks: number;
  /** Share of each provider in the requests that arrived in a span. */
  share(provider: number, fromMs: number, toMs: number): number;
}

const INPUT_UNITS = 1_000;
const OUTPUT_UNITS = 256;
const MOST_TRIES = 3;
/** What it costs a caller to get nothing, and a second, in usual requests. */
const FAILED_REQUEST = 10;
const SECOND = 0.25;
const ERROR_SHARE = 0.004;

export const priceOf = ({ price }: ProviderTruth): number => (INPUT_UNITS / 3 + OUTPUT_UNITS) * Number(price);

export function durationOf(provider: ProviderTruth, nowMs: number): number {
  const { slow, firstContentMs, msPerUnit } = provider;
  const factor = slow && nowMs >= slow[0] && nowMs < slow[1] ? slow[2] : 1;
  return (firstContentMs + OUTPUT_UNITS * msPerUnit) * factor;
}

export const isOut = ({ outage }: ProviderTruth, nowMs: number): boolean =>
  outage !== undefined && nowMs >= outage[0] && nowMs < outage[1];

export function simulate(
  providers: readonly ProviderTruth[],
  policy: Policy,
  options: { readonly seed: number; readonly requests: number; readonly perSecond: number },
): Outcome {
  const random = randomFrom(options.seed);
  const arrivals = randomFrom(options.seed + 1);
  const clock = { ms: 0 };
  const health = providers.map(() => new Health(() => clock.ms));
  const inFlight = providers.map(() => 0);
  const candidates = providers.map(({ price }, n) =>
    sampleCandidate(
      n,
      { inputPrice: price / 3n, outputPrice: price, requestPrice: 0n },
      { health: health[n] as Health, endpoint: sampleEndpoint({ listingId: n, maxOutputUnits: 4_096 }) },
    ),
  );
  const usual = providers.map(priceOf).toSorted((a, b) => a - b)[(providers.length - 1) >> 1] as number;
  const events: { atMs: number; run: () => void }[] = [];
  const at = (atMs: number, run: () => void): void => {
    let place = events.length;
    while (place > 0 && (events[place - 1] as { atMs: number }).atMs > atMs) place--;
    events.splice(place, 0, { atMs, run });
  };
  let cost = 0;
  let failed = 0;
  let fallbacks = 0;
  const served: { atMs: number; provider: number }[] = [];

  const attempt = (arrivedMs: number, ranked: readonly number[], tries: number): void => {
    const [n, ...rest] = ranked;
    const ongoing = n === undefined || tries >= MOST_TRIES ? undefined : health[n]?.begin();
    if (n === undefined || tries >= MOST_TRIES) {
      failed++;
      cost += FAILED_REQUEST + (SECOND * (clock.ms - arrivedMs)) / 1_000;
      return;
    }
    if (!ongoing) return attempt(arrivedMs, rest, tries);
    const provider = providers[n] as ProviderTruth;
    const fail = (fault: "rate_limited" | "server", afterMs: number): void =>
      at(clock.ms + afterMs, () => {
        ongoing.end({ kind: "fault", fault, retryAfterMs: undefined });
        attempt(arrivedMs, rest, tries + 1);
      });
    if (isOut(provider, clock.ms) || random() < ERROR_SHARE) return fail("server", 300);
    if ((inFlight[n] as number) >= provider.capacity) return fail("rate_limited", 50);
    (inFlight[n] as number)++;
    if (tries > 0) fallbacks++;
    const noise = 0.7 + 0.6 * random();
    const durationMs = durationOf(provider, clock.ms) * noise;
    at(clock.ms + provider.firstContentMs * noise, () => ongoing.firstContent());
    at(clock.ms + durationMs, () => {
      (inFlight[n] as number)--;
      ongoing.end({ kind: "served", outputUnits: OUTPUT_UNITS });
      served.push({ atMs: arrivedMs, provider: n });
      cost += priceOf(provider) / usual + (SECOND * (clock.ms - arrivedMs)) / 1_000;
    });
  };

  let arrivedMs = 0;
  for (let i = 0; i < options.requests; i++) {
    arrivedMs += (-Math.log(1 - arrivals()) * 1_000) / options.perSecond;
    const atMs = arrivedMs;
    const arrive = (): void => {
      const truth = providers.map((provider, n) => ({ provider, inFlight: inFlight[n] as number }));
      attempt(atMs, policy(candidates, atMs, random, truth), 0);
    };
    // Everything that ends before it.
    while (events[0] && events[0].atMs <= atMs) {
      const next = events.shift() as { atMs: number; run: () => void };
      clock.ms = next.atMs;
      next.run();
    }
    clock.ms = atMs;
    arrive();
  }
  for (let next = events.shift(); next; next = events.shift()) {
    clock.ms = next.atMs;
    next.run();
  }
  return {
    cost: cost / options.requests,
    failed,
    fallbacks: fallbacks / options.requests,
    share(provider, fromMs, toMs) {
      const inSpan = served.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
      return inSpan.filter((one) => one.provider === provider).length / Math.max(1, inSpan.length);
    },
  };
}
