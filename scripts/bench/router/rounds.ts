import type { Job, Measured } from "./load.ts";
import { requestBody } from "./sample.ts";

/** Somebody to send requests to. */
export interface Subject {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

export type Subjects = Readonly<Record<"direct" | "bare" | "portkey" | "router", Subject>>;
export type SubjectName = keyof Subjects;

export interface Durations {
  readonly rounds: number;
  /** At 64 connections; at one; streams at one. */
  readonly throughputMs: number;
  readonly latencyMs: number;
  readonly streamMs: number;
}

/** What each subject did in one round, one right after the other. */
export type Round = Readonly<
  Record<
    SubjectName,
    {
      readonly requestsPerSec: number;
      readonly p50Ms: number;
      readonly ttfbP50Ms: number;
      readonly p99At64Ms: number;
    }
  >
>;

export const CONNECTIONS = 64;
const WARM_UP_MS = 1_500;

export type RunLoad = (job: Job) => Promise<Measured>;

export function wholeJob(subject: Subject, connections: number): Omit<Job, "durationMs" | "requests"> {
  return { ...subject, body: requestBody(false), connections, expected: '"finish_reason":"stop"' };
}

export function streamJob(subject: Subject, connections: number): Omit<Job, "durationMs" | "requests"> {
  return { ...subject, body: requestBody(true), connections, expected: "data: [DONE]" };
}

/**
 * All rounds: in each, every subject is measured, and the order turns, so that what else happens on the machine meets all
 * of them alike.
 */
export async function runRounds(
  subjects: Subjects,
  load: RunLoad,
  durations: Durations,
  progress: (line: string) => void,
): Promise<Round[]> {
  const names = Object.keys(subjects) as SubjectName[];
  for (const name of names) {
    await load({ ...wholeJob(subjects[name], CONNECTIONS), durationMs: WARM_UP_MS });
    await load({ ...streamJob(subjects[name], 8), durationMs: WARM_UP_MS });
  }
  const rounds: Round[] = [];
  for (let i = 0; i < durations.rounds; i++) {
    const order = [...names.slice(i % names.length), ...names.slice(0, i % names.length)];
    const throughput = new Map<SubjectName, Measured>();
    const latency = new Map<SubjectName, Measured>();
    const streaming = new Map<SubjectName, Measured>();
    for (const name of order) {
      const job = wholeJob(subjects[name], CONNECTIONS);
      throughput.set(name, await load({ ...job, durationMs: durations.throughputMs }));
    }
    for (const name of order)
      latency.set(name, await load({ ...wholeJob(subjects[name], 1), durationMs: durations.latencyMs }));
    for (const name of order)
      streaming.set(name, await load({ ...streamJob(subjects[name], 1), durationMs: durations.streamMs }));
    const round = Object.fromEntries(
      names.map((name) => {
        const loaded = throughput.get(name) as Measured;
        return [
          name,
          {
            requestsPerSec: loaded.requests / loaded.seconds,
            p99At64Ms: loaded.p99Ms,
            p50Ms: latency.get(name)?.p50Ms ?? Number.NaN,
            ttfbP50Ms: streaming.get(name)?.firstByteP50Ms ?? Number.NaN,
          },
        ];
      }),
    ) as unknown as Round;
    rounds.push(round);
    const shown = names.map((name) => `${name} ${Math.round(round[name].requestsPerSec)}/s`).join(", ");
    progress(`round ${i + 1} of ${durations.rounds}: ${shown}`);
  }
  return rounds;
}
