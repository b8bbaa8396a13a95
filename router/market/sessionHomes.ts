import type { Homes } from "../ports.ts";

const MOST_SESSIONS = 10_000;
/** About as long as providers keep a prompt in their caches. */
const LASTS_MS = 10 * 60_000;

/** Which listing served a session last, in memory: losing it costs a provider's cache, nothing else. */
export class SessionHomes implements Homes {
  readonly #now: () => number;
  /** The one used last comes last. */
  readonly #homes = new Map<string, { listingId: number; untilMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Undefined for a session that is new, or was silent for long. */
  get(session: string): number | undefined {
    const home = this.#homes.get(session);
    return home && home.untilMs > this.#now() ? home.listingId : undefined;
  }

  set(session: string, listingId: number): void {
    this.#homes.delete(session);
    this.#homes.set(session, { listingId, untilMs: this.#now() + LASTS_MS });
    if (this.#homes.size <= MOST_SESSIONS) return;
    const [oldest] = this.#homes.keys();
    if (oldest !== undefined) this.#homes.delete(oldest);
  }
}
