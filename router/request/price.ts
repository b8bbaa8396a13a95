import type { Candidate } from "../model/candidate.ts";
import type { Wei } from "../model/money.ts";
import { amountOf, MAX_UNITS, type Unit } from "../model/offer.ts";
import { countPrompt } from "./countUnits.ts";
import type { Demand } from "./demand.ts";

/** Around a prompt: default system prompts, dates, markers. */
const TEMPLATE_UNITS = 512;
/** Around a message or an input: role, separators. */
const ITEM_UNITS = 16;
/** What templates print anew, at length: tools, and the schemas that an answer must follow. */
const REPRINTED = ["tools", "functions", "response_format", "text"] as const;
/** A guess at English and code. */
const BYTES_PER_UNIT = 4;

/** The size of a prompt before anybody has counted it. */
export interface PromptSize {
  /** What the model bills in. Prompts are measured in tokens only: nobody bills their images or seconds. */
  readonly unit: Unit;
  /** No tokenizer makes more of it; infinite when the prompt refers to things of unknown size. */
  readonly mostUnits: number;
  readonly likelyUnits: number;
}

/** The most that a request can cost at one offer. */
export interface Ceiling {
  readonly unit: Unit;
  readonly inputUnits: number;
  /** Of all answers together. */
  readonly outputUnits: number;
  /** Of each: what the provider is told. */
  readonly outputUnitsEach: number;
  /** Without any app fee. */
  readonly amountWei: Wei;
}

/**
 * A token stands for at least one byte of text, and JSON is never shorter than the text in it: the body's length is a
 * bound that costs nothing to find. Tools and schemas are counted twice, since templates print them with indentation.
 */
function mostInputUnits(demand: Demand): number {
  if (!demand.isTextOnly) return Number.POSITIVE_INFINITY;
  const toolBytes = REPRINTED.reduce((bytes, field) => {
    const value = demand.body[field];
    return value === undefined ? bytes : bytes + Buffer.byteLength(JSON.stringify(value));
  }, 0);
  return demand.bodyBytes + toolBytes + TEMPLATE_UNITS + ITEM_UNITS * demand.items;
}

/** Most units of each answer at an endpoint, before its context is looked at. */
function outputUnitsEach(demand: Demand, unit: Unit, candidate: Candidate): number {
  if (unit === "token" && !demand.wire.generatesTokens) return 0;
  const most = Math.min(candidate.endpoint.maxOutputUnits, Math.floor(MAX_UNITS / demand.choices));
  return Math.min(demand.outputUnits ?? most, most);
}

/** Sizes the prompt; counts it only when it might not fit into some candidate's context. */
export async function sizePrompt(
  demand: Demand,
  unit: Unit,
  candidates: readonly Candidate[],
): Promise<PromptSize> {
  if (unit !== "token") return { unit, mostUnits: 0, likelyUnits: 0 };
  const mostUnits = mostInputUnits(demand);
  const mightNotFit =
    demand.wire.generatesTokens &&
    candidates.some(
      (candidate) => mostUnits + outputUnitsEach(demand, unit, candidate) > candidate.endpoint.contextUnits,
    );
  const likelyUnits = mightNotFit
    ? await countPrompt(demand.body)
    : Math.ceil(demand.bodyBytes / BYTES_PER_UNIT);
  return { unit, mostUnits, likelyUnits };
}

/** Prices the worst case at one offer. A provider can't read more than its context holds. */
export function ceilingAt(demand: Demand, size: PromptSize, candidate: Candidate): Ceiling {
  const { offer, endpoint } = candidate;
  const sharesContext = size.unit === "token" && demand.wire.generatesTokens;
  const inputUnits = Math.min(
    size.mostUnits,
    sharesContext ? endpoint.contextUnits * demand.prompts : MAX_UNITS,
    MAX_UNITS,
  );
  const room =
    !sharesContext || size.mostUnits + endpoint.maxOutputUnits <= endpoint.contextUnits
      ? endpoint.maxOutputUnits
      : Math.max(1, endpoint.contextUnits - Math.ceil(size.likelyUnits / demand.prompts));
  const each = Math.min(outputUnitsEach(demand, size.unit, candidate), room);
  const outputUnits = each * demand.choices;
  return {
    inputUnits,
    outputUnits,
    outputUnitsEach: each,
    unit: size.unit,
    amountWei: amountOf(offer, { inputUnits, outputUnits }),
  };
}
