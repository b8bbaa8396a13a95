import type { Belief } from "../routing/chooseModel.ts";
import { claimedTasks, type Task } from "../routing/tasks.ts";
import { Voices } from "./voices.ts";

/** What a name claims counts as much as so many requests would. */
const PRIOR_TRIALS = 20;
const CLAIMED = 0.8;
const NOT_CLAIMED = 0.15;
/** A model that claims nothing does anything, not too badly. */
const GENERAL = 0.5;
/** The latest count; with a later one the earliest is forgotten. */
const MOST_RATINGS = 20_000;
/** A rating of no task in particular: of what the model is for. */
const OF_ITS_KIND = "*";

/** Somebody's word on one request. */
export interface QualityRating {
  /** Of the request: a later rating with the same name takes the place of the earlier. */
  readonly id: string;
  /** Whose word it is. */
  readonly voice: string;
  readonly modelId: number;
  readonly task: Task | undefined;
  /** 0..1 */
  readonly score: number;
}

/**
 * What this router has heard of models, by task. A task that little was said of leans on how the model does altogether,
 * and that on what it claims.
 */
export class ModelQuality {
  readonly #ratings = new Map<string, QualityRating>();
  readonly #tasks = new Map<string, Voices>();
  readonly #models = new Map<number, Voices>();

  learn(rating: QualityRating): void {
    this.forget(rating.id);
    this.#ratings.set(rating.id, rating);
    const { voice, score } = rating;
    for (const voices of this.#placesOf(rating)) voices.add(voice, score);
    if (this.#ratings.size <= MOST_RATINGS) return;
    const [oldest] = this.#ratings.keys();
    if (oldest !== undefined) this.forget(oldest);
  }

  forget(id: string): void {
    const rating = this.#ratings.get(id);
    if (!rating) return;
    this.#ratings.delete(id);
    for (const voices of this.#placesOf(rating)) voices.remove(rating.voice, rating.score);
  }

  #placesOf({ modelId, task }: QualityRating): readonly Voices[] {
    const name = `${modelId} ${task ?? OF_ITS_KIND}`;
    let ofTask = this.#tasks.get(name);
    if (!ofTask) this.#tasks.set(name, (ofTask = new Voices()));
    let ofModel = this.#models.get(modelId);
    if (!ofModel) this.#models.set(modelId, (ofModel = new Voices()));
    return [ofTask, ofModel];
  }

  belief(model: { readonly modelId: number; readonly name: string }, task: Task): Belief {
    const claims = claimedTasks(model.name);
    const isOfItsKind = claims.length === 0 || claims.includes(task);
    const prior = claims.length === 0 ? GENERAL : isOfItsKind ? CLAIMED : NOT_CLAIMED;
    const said = [task, ...(isOfItsKind ? [OF_ITS_KIND] : [])].map((name) =>
      this.#tasks.get(`${model.modelId} ${name}`),
    );
    const good = said.reduce((sum, voices) => sum + (voices?.good ?? 0), 0);
    const all = said.reduce((sum, voices) => sum + (voices?.all ?? 0), 0);
    // A model that fails altogether is not trusted with a new task either; doing one well is no proof for another.
    const whole = this.#models.get(model.modelId);
    const general = whole ? (whole.good + PRIOR_TRIALS) / (whole.all + PRIOR_TRIALS) : 1;
    const mean = (good + PRIOR_TRIALS * prior * general) / (all + PRIOR_TRIALS);
    return { mean, trials: all + PRIOR_TRIALS };
  }
}
