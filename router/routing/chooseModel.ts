import type { Model } from "../model/market.ts";
import type { Task, TaskBelief } from "./tasks.ts";

/** What is known of how well a model does a task: a mean, and how many requests stand behind it. */
export interface Belief {
  /** 0..1 */
  readonly mean: number;
  readonly trials: number;
}

/** A model that could serve a request, at the offer that it would go to. */
export interface ModelOption {
  readonly model: Model;
  /** What the request will probably cost there; compared, never charged. */
  readonly priceWei: number;
  readonly durationMs: number;
  readonly belief: (task: Task) => Belief;
}

/** How much each counts; any scale. */
export interface Weights {
  readonly quality: number;
  readonly cost: number;
  readonly speed: number;
}

/** What is taken for granted when nothing is said: a good answer first. */
export const BALANCED: Weights = { quality: 1, cost: 0.35, speed: 0.25 };

/** A model as it was judged. */
export interface ModelJudgement {
  readonly model: string;
  readonly utility: number;
  readonly quality: number;
  readonly priceWei: number;
  readonly durationMs: number;
}

export interface ModelChoice {
  /** Best first. */
  readonly ranked: readonly Model[];
  /** In the same order. */
  readonly trace: readonly ModelJudgement[];
}

/** A price or a time a hundred times the least costs as much utility as an answer that is never good. */
const DECADES = 2;
/** A model that might be better than it has shown is tried, when it is at most so much worse by what it has shown. */
const EXPLORED_WITHIN = 0.1;

/** About normally distributed, with a standard deviation of 1; 0 for a `random` of one half. */
const normal = (random: () => number): number => 2 * (random() + random() + random() - 1.5);

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** What a task's belief says, or with `random` what it may well turn out to be (Thompson sampling). */
function qualityOf(option: ModelOption, tasks: TaskBelief, random?: () => number): number {
  let quality = 0;
  for (const [task, share] of tasks) {
    const { mean, trials } = option.belief(task);
    const spread = Math.sqrt((mean * (1 - mean)) / (trials + 1));
    quality += share * clamp(random ? mean + normal(random) * spread : mean);
  }
  return quality;
}

/** 0 for the least of all, 1 for a hundred times that or more. */
const excess = (value: number, least: number): number =>
  clamp(Math.log10(Math.max(value, 1) / Math.max(least, 1)) / DECADES);

/**
 * Puts models in order for one request: expected quality at its task, less what price and time weigh. With uncertain
 * beliefs the draw decides between those that are close.
 */
export function chooseModel(
  options: readonly ModelOption[],
  tasks: TaskBelief,
  weights: Weights,
  random: () => number,
): ModelChoice {
  const sum = weights.quality + weights.cost + weights.speed || 1;
  const leastPrice = Math.min(...options.map(({ priceWei }) => priceWei));
  const leastMs = Math.min(...options.map(({ durationMs }) => durationMs));
  const judged = options.map((option) => {
    const burden =
      (weights.cost * excess(option.priceWei, leastPrice) +
        weights.speed * excess(option.durationMs, leastMs)) /
      sum;
    const share = weights.quality / sum;
    const quality = qualityOf(option, tasks);
    return {
      option,
      quality,
      utility: share * quality - burden,
      drawn: share * qualityOf(option, tasks, random) - burden,
    };
  });
  const byUtility = judged.toSorted(
    (a, b) => b.utility - a.utility || a.option.model.modelId - b.option.model.modelId,
  );
  const best = byUtility[0]?.utility ?? 0;
  const close = byUtility.filter(({ utility }) => utility >= best - EXPLORED_WITHIN);
  const order = [
    ...close.toSorted((a, b) => b.drawn - a.drawn),
    ...byUtility.filter((each) => !close.includes(each)),
  ];
  return {
    ranked: order.map(({ option }) => option.model),
    trace: order.map(({ option: { model, priceWei, durationMs }, utility, quality }) => ({
      model: model.name,
      utility,
      quality,
      priceWei,
      durationMs,
    })),
  };
}
