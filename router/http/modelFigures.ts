import type { Candidate } from "../model/candidate.ts";
import type { Model } from "../model/market.ts";
import { parseTokens } from "../model/money.ts";
import { UNITS } from "../model/offer.ts";
import { invalidRequest } from "../request/refusal.ts";
import { claimedTasks, TASKS } from "../routing/tasks.ts";

/** A model with the offers of it that can be bought now; at least one. */
export interface OnSale {
  readonly model: Model;
  readonly offers: readonly Candidate[];
}

const least = (values: readonly (number | undefined)[]): number =>
  Math.min(...values.map((value) => value ?? Number.POSITIVE_INFINITY));
const greatest = (values: readonly (number | undefined)[]): number =>
  Math.max(...values.map((value) => value ?? Number.NEGATIVE_INFINITY));

/** What models can be put in order by: the figure, of the best of a model's offers, and whether less is better. */
const FIGURES = {
  price: {
    of: ({ offers }: OnSale) =>
      least(offers.map(({ offer }) => Number(offer.inputPrice + offer.outputPrice))),
    isLessBetter: true,
  },
  latency: {
    of: ({ offers }: OnSale) => least(offers.map(({ health }) => health.latencyMs?.p50)),
    isLessBetter: true,
  },
  throughput: {
    of: ({ offers }: OnSale) => greatest(offers.map(({ health }) => health.throughput?.p50)),
    isLessBetter: false,
  },
  uptime: {
    of: ({ offers }: OnSale) => greatest(offers.map(({ health }) => health.uptime(1_440))),
    isLessBetter: false,
  },
  requests: {
    of: ({ offers }: OnSale) => offers.reduce((sum, { health }) => sum + health.tries, 0),
    isLessBetter: false,
  },
} as const;
export type Figure = keyof typeof FIGURES;
const NAMES = Object.keys(FIGURES) as Figure[];

/** A model's figure; null where nothing was seen yet. */
export function figureOf(onSale: OnSale, figure: Figure): number | null {
  const value = FIGURES[figure].of(onSale);
  return Number.isFinite(value) ? value : null;
}

/** The best first; those of which nothing is known last. */
export function sortBy(list: readonly OnSale[], figure: Figure): OnSale[] {
  const { of, isLessBetter } = FIGURES[figure];
  const rank = (onSale: OnSale): number => (isLessBetter ? of(onSale) : -of(onSale));
  return list.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    return left < right ? -1 : left > right ? 1 : a.model.modelId - b.model.modelId;
  });
}

type Query = Readonly<Record<string, unknown>>;

/** One of several words in a query; undefined when it is not there. @throws {Refusal} 400 */
export function wordIn<T extends string>(query: Query, name: string, words: readonly T[]): T | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const word = words.find((each) => each === text);
  if (word === undefined) throw invalidRequest(`${name}: must be one of ${words.join(", ")}`, name);
  return word;
}

export const figureIn = (query: Query, name: string): Figure | undefined => wordIn(query, name, NAMES);

const UNITS_PER_PRICE = 1_000_000n;

/** What a listing of models is narrowed to. @throws {Refusal} 400 */
export function filterOf(query: Query): (onSale: OnSale) => boolean {
  const unit = wordIn(query, "unit", UNITS);
  const task = wordIn(query, "task", TASKS);
  const { max_price: most } = query;
  let mostWei: bigint | undefined;
  if (most !== undefined) {
    try {
      mostWei = parseTokens(typeof most === "string" ? most : "") / UNITS_PER_PRICE;
    } catch {
      throw invalidRequest('max_price: must be a decimal number of tokens, for instance "0.5"', "max_price");
    }
  }
  return ({ model, offers }) =>
    (unit === undefined || model.unit === unit) &&
    (task === undefined || claimedTasks(model.name).includes(task)) &&
    (mostWei === undefined || offers.some(({ offer }) => offer.outputPrice <= mostWei));
}
