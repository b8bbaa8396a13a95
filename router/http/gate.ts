/** Counts the requests in flight, and lets none in once the process is about to stop. */
export class Gate {
  #inFlight = 0;
  #isDraining = false;
  #empty: (() => void) | undefined;

  get isDraining(): boolean {
    return this.#isDraining;
  }

  inFlight(): number {
    return this.#inFlight;
  }

  /** False: the request must be refused. */
  enter(): boolean {
    if (this.#isDraining) return false;
    this.#inFlight++;
    return true;
  }

  leave(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#empty?.();
  }

  /** Lets nobody in any more; resolves when the last request has ended. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#empty = resolve));
  }
}
