import type { Hex } from "viem";

import type { Client } from "./contracts.ts";

const REMEMBERED_BLOCKS = 128;
/** A node that lags behind another gives an older head a few times; a chain that went back keeps giving it. */
const PATIENCE = 5;

export interface Followed {
  readonly head: { readonly number: bigint; readonly hash: Hex; readonly timestamp: bigint };
  /** `none`: nothing new to be read; `reorganized`: the chain left a block that was seen, or went back. */
  readonly step: "forward" | "none" | "reorganized";
}

/** Follows the head of a chain, and remembers block hashes to notice a reorganization. */
export class BlockTrail {
  readonly #client: Client;
  readonly #hashes = new Map<bigint, Hex>();
  #behind = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Compares the head with a block that was the head before. */
  async follow(fromBlock: bigint): Promise<Followed> {
    const head = await this.#client.getBlock({ blockTag: "latest" });
    const expected = this.#hashes.get(fromBlock);
    if (head.number < fromBlock) {
      if (++this.#behind < PATIENCE) return { head, step: "none" };
    } else if (expected !== undefined) {
      const { hash } =
        head.number === fromBlock ? head : await this.#client.getBlock({ blockNumber: fromBlock });
      this.#behind = hash === expected ? 0 : PATIENCE;
    }
    if (this.#behind >= PATIENCE) {
      this.#behind = 0;
      this.#hashes.clear();
      this.#remember(head.number, head.hash);
      return { head, step: "reorganized" };
    }
    this.#remember(head.number, head.hash);
    return { head, step: head.number === fromBlock ? "none" : "forward" };
  }

  #remember(blockNumber: bigint, hash: Hex): void {
    this.#hashes.set(blockNumber, hash);
    for (const old of this.#hashes.keys()) {
      if (this.#hashes.size <= REMEMBERED_BLOCKS) break;
      this.#hashes.delete(old);
    }
  }
}
