import type { Wei } from "../model/money.ts";

/** What a caller says about providers. A provider is named by its id on chain, as text. */
export interface Preferences {
  /** Tried first, in this order. */
  readonly order: readonly string[];
  /** Undefined: any. */
  readonly only: readonly string[] | undefined;
  readonly ignore: readonly string[];
  /** False: the first choice or nothing; with `order`, those alone. */
  readonly allowFallbacks: boolean;
  /** Wei per unit, or per request; undefined: any price. */
  readonly maxInputPrice: Wei | undefined;
  readonly maxOutputPrice: Wei | undefined;
  readonly maxRequestPrice: Wei | undefined;
}

export const NO_PREFERENCES: Preferences = {
  order: [],
  only: undefined,
  ignore: [],
  allowFallbacks: true,
  maxInputPrice: undefined,
  maxOutputPrice: undefined,
  maxRequestPrice: undefined,
};
