import type { Wei } from "../model/money.ts";
import type { MoneyHold, PurseShortage, RequestHold } from "./hold.ts";

/** One hold for several requests that belong together: it is there for all of them before the first one leaves. */
export class SplitHold {
  readonly #whole: RequestHold;
  readonly #sharesWei: Wei[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #open = 0;

  constructor(whole: RequestHold) {
    this.#whole = whole;
  }

  #sumWei(): Wei {
    return this.#sharesWei.reduce((sum, share) => sum + share, 0n);
  }

  /** Holds a share for each, all or none; says what is missing of the sum. */
  async coverAll(sharesWei: readonly Wei[]): Promise<PurseShortage | undefined> {
    const shortage = await this.#whole.cover(sharesWei.reduce((sum, share) => sum + share, 0n));
    if (!shortage) this.#sharesWei.push(...sharesWei);
    return shortage;
  }

  /** The hold of one of them. The whole ends with the last. */
  part(index: number): MoneyHold {
    this.#open++;
    let hasEnded = false;
    return {
      cover: async (amountWei) => {
        // One at a time: each has to see what the one before it came to.
        const turn = this.#turn.then(async () => this.#grow(index, amountWei));
        this.#turn = turn.catch(() => undefined);
        return turn;
      },
      release: () => {
        if (hasEnded) return;
        hasEnded = true;
        this.#sharesWei[index] = 0n;
        if (--this.#open === 0) this.#whole.release();
        else this.#whole.shrink(this.#sumWei());
      },
    };
  }

  async #grow(index: number, amountWei: Wei): Promise<PurseShortage | undefined> {
    const shareWei = this.#sharesWei[index] ?? 0n;
    if (amountWei <= shareWei) return undefined;
    this.#sharesWei[index] = amountWei;
    const shortage = await this.#whole.cover(this.#sumWei());
    if (shortage) this.#sharesWei[index] = shareWei;
    return shortage;
  }
}
