import type { Candidate } from "../model/candidate.ts";
import type { ReportedUsage } from "../ports.ts";
import type { Ceiling } from "./price.ts";
import type { Collected, Fields } from "./wire/wire.ts";

/** What a provider delivered, before it is metered. */
export interface Delivery {
  readonly candidate: Candidate;
  readonly ceiling: Ceiling;
  /** The provider's own words; the last, where it repeats them. */
  readonly usage: ReportedUsage | undefined;
  /** Further fields of the provider's usage, to be passed on. */
  readonly usageDetails: Fields;
  readonly answer: Collected;
  /** False when the caller left before the end. */
  readonly isWhole: boolean;
  readonly startedAtMs: number;
  /** To the first content; undefined where there is no telling. */
  readonly firstContentMs: number | undefined;
  readonly endedAtMs: number;
  /** The answer itself, when it is not streamed; else the events that wait for the journal. */
  readonly body: Fields | undefined;
  readonly lastEvents: readonly Fields[];
  /** The end of what came as bytes; waits, too. */
  readonly lastBytes: Uint8Array | undefined;
}
