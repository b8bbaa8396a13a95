import type { Belief } from "../routing/chooseModel.ts";
import { claimedTasks, type Task } from "../routing/tasks.ts";

interface Tally {
  good: number;
  all: number;
}

/** What a name claims counts as much as so many requests would. */
const PRIOR_TRIALS = 20;
const CLAIMED = 0.8;
const NOT_CLAIMED = 0.15;
/** A model that claims nothing does anything, not too badly. */
const GENERAL = 0.5;
/** Old experience fades: of a thousand requests, the first counts a third. */
const FADING = 0.999;

/**
 * What this router has seen of models, by task: whether they answered at all, and what their callers thought of it. A
 * task that has shown little leans on how the model does altogether, and that on what it claims.
 */
export class ModelQuality {
  readonly #tasks = new Map<string, Tally>();
  readonly #models = new Map<number, Tally>();

  /** @param score 0..1 */
  learn(modelId: number, task: Task, score: number): void {
    this.#add(this.#tasks, `${modelId} ${task}`, score);
    this.#add(this.#models, modelId, score);
  }

  #add<K>(tallies: Map<K, Tally>, key: K, score: number): void {
    const { good = 0, all = 0 } = tallies.get(key) ?? {};
    tallies.set(key, { good: good * FADING + score, all: all * FADING + 1 });
  }

  belief(model: { readonly modelId: number; readonly name: string }, task: Task): Belief {
    const claims = claimedTasks(model.name);
    const prior = claims.length === 0 ? GENERAL : claims.includes(task) ? CLAIMED : NOT_CLAIMED;
    const own = this.#tasks.get(`${model.modelId} ${task}`) ?? { good: 0, all: 0 };
    // A model that fails altogether is not trusted with a new task either; doing one well is no proof for another.
    const whole = this.#models.get(model.modelId);
    const general = whole ? (whole.good + PRIOR_TRIALS) / (whole.all + PRIOR_TRIALS) : 1;
    const mean = (own.good + PRIOR_TRIALS * prior * general) / (own.all + PRIOR_TRIALS);
    return { mean, trials: own.all + PRIOR_TRIALS };
  }
}
