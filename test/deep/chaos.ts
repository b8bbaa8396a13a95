/** Everything that happens to a router in half an hour of a bad day, in minutes. */
import { setTimeout as sleep } from "node:timers/promises";

import { mined } from "../../scripts/mined.ts";
import { DEMO_PROVIDERS } from "../../scripts/demo/providers/catalog.ts";
import type { Rig } from "../e2e/fixtures/rig.ts";
import type { Intercept, Tamper } from "../e2e/fixtures/rpcProxy.ts";
import { json, type Behaviour } from "../fakes/provider.ts";

/** A provider that fails now and then, in each of these ways. */
export function moody(well: Behaviour, random: () => number): Behaviour {
  return async (res, req, body) => {
    const mood = req.method === "GET" ? 1 : random();
    if (mood < 0.005) return json(res, 500, { error: { message: "failed" } });
    if (mood < 0.006) return json(res, 429, { error: { message: "busy" } }, { "retry-after": "0" });
    if (mood < 0.01) {
      req.socket.destroy();
      return undefined;
    }
    if (mood < 0.025) setTimeout(() => res.destroy(), random() * 60).unref();
    return well(res, req, body);
  };
}

/** The state of the RPC: away for a while, or just unreliable. */
export class BadRpc {
  readonly #random: () => number;
  isAway = false;
  calls = 0;
  faults = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  readonly intercept: Intercept = async () => {
    this.calls++;
    const mood = this.#random();
    if (this.isAway || mood < 0.003) {
      this.faults++;
      throw new Error("away");
    }
    if (mood < 0.01) await sleep(300 * this.#random());
  };

  /** The call went through, and its answer is lost. */
  readonly tamper: Tamper = (_call, result) => {
    if (this.#random() >= 0.002) return result;
    this.faults++;
    throw new Error("lost");
  };
}

export type Event = "blocks" | "reorganization" | "drop" | "outage" | "reprice" | "deposit" | "standstill";

/** How often each comes, in parts of a whole. */
const SHARES: readonly (readonly [Event, number])[] = [
  ["blocks", 0.3],
  ["reorganization", 0.2],
  ["drop", 0.1],
  ["outage", 0.1],
  ["reprice", 0.1],
  ["deposit", 0.1],
  ["standstill", 0.1],
];
/** What is older than this many blocks is never reorganized away. */
const DEEPEST = 2;
const DEPOSIT_WEI = 10n ** 18n;

/** Lets one event happen after the other until `signal`; returns how often each did. */
export async function causeChaos(
  rig: Rig,
  rpc: BadRpc,
  random: () => number,
  signal: AbortSignal,
): Promise<Map<Event, number>> {
  const { anvil } = rig;
  const counts = new Map<Event, number>();
  const [provider] = anvil.economy.providers;
  const role = `provider/${DEMO_PROVIDERS[0]?.name ?? ""}`;
  const { registry } = anvil.contracts(role);
  const first = await registry.offer(provider?.offerId ?? 0);
  const settle = (): Promise<unknown> => anvil.call("anvil_mine", DEEPEST + 1);

  const cause: Readonly<Record<Event, () => Promise<unknown>>> = {
    blocks: () => anvil.call("anvil_mine", 1 + Math.floor(random() * 3)),
    reorganization: async () => {
      await anvil.call("evm_setAutomine", false);
      await anvil.call("anvil_reorg", 1 + Math.floor(random() * DEEPEST), []);
      if (random() < 0.5) await anvil.call("anvil_dropAllTransactions");
      await anvil.call("evm_setAutomine", true);
      await anvil.call("evm_mine");
    },
    drop: () => anvil.call("anvil_dropAllTransactions"),
    outage: async () => {
      rpc.isAway = true;
      await sleep(500 + random() * 2_000);
      rpc.isAway = false;
    },
    reprice: async () => {
      // A little cheaper than the first, so that it is taken at once.
      const input = (first.inputPrice * BigInt(50 + Math.floor(random() * 50))) / 100n;
      const output = (first.outputPrice * BigInt(50 + Math.floor(random() * 50))) / 100n;
      const { registry: listed } = anvil.contracts(role);
      await mined(listed.createOffer(first.listingId, input, output, first.requestPrice, 10_000));
      await settle();
    },
    deposit: async () => {
      await anvil.account(DEPOSIT_WEI, 1 + Math.floor(random() * 3));
      await settle();
    },
    // Transactions wait: nobody makes a block.
    standstill: async () => {
      await anvil.call("evm_setAutomine", false);
      await sleep(500 + random() * 1_500);
      await anvil.call("evm_setAutomine", true);
      await anvil.call("evm_mine");
    },
  };
  while (!signal.aborted) {
    let left = random();
    const [event] = SHARES.find(([, share]) => (left -= share) < 0) ?? ["blocks"];
    await cause[event]();
    counts.set(event, (counts.get(event) ?? 0) + 1);
    await sleep(400 + random() * 1_000);
  }
  await settle();
  return counts;
}
