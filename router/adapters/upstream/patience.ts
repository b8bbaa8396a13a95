import type { Readable } from "node:stream";

/** Fails a read that comes too late. Only waiting for the provider counts, not waiting for the caller. */
export class Patience {
  readonly #body: Readable;
  #leftMs: number;
  #timer: NodeJS.Timeout | undefined;
  isOver = false;

  constructor(body: Readable, ms: number) {
    this.#body = body;
    this.#leftMs = ms;
  }

  /** Something came that counts. */
  renew(ms: number): void {
    this.#leftMs = ms;
  }

  async wait<T>(read: () => Promise<T>): Promise<T> {
    const sinceMs = performance.now();
    this.#timer = setTimeout(
      () => {
        this.isOver = true;
        this.#body.destroy();
      },
      Math.max(0, this.#leftMs),
    );
    try {
      return await read();
    } finally {
      clearTimeout(this.#timer);
      this.#leftMs -= performance.now() - sinceMs;
    }
  }
}
