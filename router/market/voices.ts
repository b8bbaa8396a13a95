/** One voice counts as so many ratings at the most, however often it is raised: what it says is its average. */
const MOST_PER_VOICE = 3;

/** What many have said of one thing, with a bound on how much each of them counts. */
export class Voices {
  readonly #byVoice = new Map<string, { sum: number; count: number }>();
  /** Sum of scores as they count. */
  good = 0;
  /** Ratings as they count. */
  all = 0;

  /** @param score 0..1 */
  add(voice: string, score: number): void {
    this.#change(voice, score, 1);
  }

  /** Takes a score back that was added. */
  remove(voice: string, score: number): void {
    this.#change(voice, -score, -1);
  }

  #change(voice: string, score: number, count: number): void {
    const said = this.#byVoice.get(voice) ?? { sum: 0, count: 0 };
    this.#count(said, -1);
    said.sum += score;
    said.count += count;
    this.#count(said, 1);
    if (said.count > 0) this.#byVoice.set(voice, said);
    else this.#byVoice.delete(voice);
    // What rounding left of voices that are gone.
    if (this.#byVoice.size === 0) this.good = this.all = 0;
  }

  #count({ sum, count }: { readonly sum: number; readonly count: number }, sign: 1 | -1): void {
    if (count === 0) return;
    const weight = Math.min(count, MOST_PER_VOICE);
    this.good += (sign * weight * sum) / count;
    this.all += sign * weight;
  }
}
