import type { Percentiles } from "../model/candidate.ts";
import type { Wei } from "../model/money.ts";

/** What offers are put in order by, when a caller says so; `exacto` is by how rarely they fail. */
export type Sort = "price" | "throughput" | "latency" | "exacto";

/** What a caller says about providers. A provider is named by its id on chain, as text. */
export interface Preferences {
  /** Tried first, in this order. */
  readonly order: readonly string[];
  /** Undefined: any. */
  readonly only: readonly string[] | undefined;
  readonly ignore: readonly string[];
  /** False: the first choice or nothing; with `order`, those alone. */
  readonly allowFallbacks: boolean;
  /** Undefined: by what a request costs its caller altogether, time and failures included. */
  readonly sort: Sort | undefined;
  /** `none`: the offers of all the models that were named are put in order together. */
  readonly partition: "model" | "none";
  /** Wei per unit, or per request; undefined: any price. */
  readonly maxInputPrice: Wei | undefined;
  readonly maxOutputPrice: Wei | undefined;
  readonly maxRequestPrice: Wei | undefined;
  /** Of models that are billed by the image, or by the second of sound. */
  readonly maxImagePrice: Wei | undefined;
  readonly maxAudioPrice: Wei | undefined;
  /** To the first content. Who misses any of it comes after those who don't. */
  readonly preferredMaxLatencyMs: Partial<Percentiles> | undefined;
  /** Output units per second. */
  readonly preferredMinThroughput: Partial<Percentiles> | undefined;
  /** Only endpoints that say they know every parameter of the request. */
  readonly requireParameters: boolean;
  /** Undefined: any; an endpoint that does not say is `unknown`. */
  readonly quantizations: readonly string[] | undefined;
  /** How much a caller's second is worth, as a multiple of what it is worth to most. */
  readonly timeValue: number;
  /** Models to be asked after the one that was named, in this order. */
  readonly fallbackModels: readonly string[];
  /** Requests of one session stay at one listing, for the sake of its cache. */
  readonly sessionId: string | undefined;
}

export const NO_PREFERENCES: Preferences = {
  order: [],
  only: undefined,
  ignore: [],
  allowFallbacks: true,
  sort: undefined,
  partition: "model",
  maxInputPrice: undefined,
  maxOutputPrice: undefined,
  maxRequestPrice: undefined,
  maxImagePrice: undefined,
  maxAudioPrice: undefined,
  preferredMaxLatencyMs: undefined,
  preferredMinThroughput: undefined,
  requireParameters: false,
  quantizations: undefined,
  timeValue: 1,
  fallbackModels: [],
  sessionId: undefined,
};
