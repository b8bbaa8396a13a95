import type { Candidate } from "../model/candidate.ts";
import type { Demand } from "./demand.ts";
import type { Ceiling } from "./price.ts";

/** A request on its way to one offer. */
export interface Shipment {
  readonly requestId: string;
  readonly demand: Demand;
  readonly candidate: Candidate;
  readonly ceiling: Ceiling;
  /** As the provider gets it. */
  readonly body: object;
}
