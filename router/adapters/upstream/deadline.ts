import { UpstreamError } from "../../ports.ts";

/** The limit on a whole request; also carries the caller's leaving. */
export class Deadline {
  readonly #caller: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<() => void>();
  #isOver = false;
  readonly #end = (): void => {
    this.#isOver = true;
    for (const listener of this.#listeners) listener();
  };

  constructor(caller: AbortSignal, totalMs: number) {
    this.#caller = caller;
    this.#timer = setTimeout(this.#end, totalMs);
    if (caller.aborted) this.#end();
    else caller.addEventListener("abort", this.#end, { once: true });
  }

  /** Calls `listener` when the time is over or the caller has left: at once, if so already. */
  whenOver(listener: () => void): void {
    if (this.#isOver) listener();
    else this.#listeners.add(listener);
  }

  forget(listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** The same as a signal. */
  signal(): AbortSignal {
    const controller = new AbortController();
    this.whenOver(() => controller.abort());
    return controller.signal;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#caller.removeEventListener("abort", this.#end);
  }

  /** Whatever failed because it was over, says so. */
  explain(error: UpstreamError): UpstreamError {
    if (this.#caller.aborted) return new UpstreamError("aborted", "the caller left", { cause: error });
    return this.#isOver
      ? new UpstreamError("timeout", "the whole request took too long", { cause: error })
      : error;
  }
}
