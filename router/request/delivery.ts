import type { Candidate } from "../model/candidate.ts";
import type { ReportedUsage } from "../ports.ts";
import type { AnswerParts } from "./answer.ts";
import type { Ceiling } from "./price.ts";

/** What a provider delivered, before it is metered. */
export interface Delivery {
  readonly candidate: Candidate;
  readonly ceiling: Ceiling;
  /** The provider's own words; the last, where it repeats them. */
  readonly usage: ReportedUsage | undefined;
  /** Further fields of the provider's usage, to be passed on. */
  readonly usageDetails: Readonly<Record<string, unknown>>;
  readonly content:
    | { readonly kind: "chat"; readonly parts: AnswerParts }
    | { readonly kind: "embeddings"; readonly data: readonly unknown[] };
  /** False when the caller left before the end. */
  readonly isWhole: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** The answer itself, when it is not streamed; else the events that wait for the journal. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly lastEvents: readonly object[];
}
