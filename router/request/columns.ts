import { appFeeUp } from "../model/offer.ts";
import type { Purse } from "../model/funds.ts";
import type { Wei } from "../model/money.ts";
import type { ApiKey } from "../model/record.ts";
import type { Demand } from "./demand.ts";
import { RequestHold, shortOf, type MoneyHold } from "./hold.ts";
import { planAll } from "./planAll.ts";
import { ceilingAt } from "./price.ts";
import { Refusal } from "./refusal.ts";
import type { Reply } from "./reply.ts";
import { SplitHold } from "./splitHold.ts";
import type { Request, World } from "./world.ts";

/** One model's answer to the common prompt. */
export interface ColumnReply extends Reply {
  /** It came to nothing; the others go on. */
  fail(error: unknown): void;
}

/** Several demands that are served side by side. */
export interface Columns {
  readonly demands: readonly Demand[];
  /** Where the money of all of them comes from. */
  readonly purses: readonly Purse[];
  /** What each may cost at first. */
  readonly sharesWei: readonly Wei[];
  /** Where the columns go; asked for once the money for all of them is held. */
  readonly begin: (demands: readonly Demand[]) => readonly ColumnReply[];
  readonly serve: (column: {
    index: number;
    demand: Demand;
    hold: MoneyHold;
    reply: ColumnReply;
  }) => Promise<void>;
}

/** What a column can cost where it would go first; nothing for one that will be refused. */
export async function shareOf(
  world: World,
  key: ApiKey,
  demand: Demand,
  app: Request["app"],
  nowMs: number,
): Promise<Wei> {
  const itinerary = await planAll(world, key, demand, nowMs).catch((error: unknown) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  const first = itinerary?.ranked[0];
  const size = first && itinerary.sizes.get(first.model.modelId);
  if (!size) return 0n;
  const { amountWei } = ceilingAt(demand, size, first);
  return amountWei + appFeeUp(amountWei, app.feeBps, app.maxAppFeePct);
}

/**
 * Serves all of them at once: one hold over all, there before the first leaves, and a column that fails ends alone.
 * @throws {Refusal} before anything has left
 */
export async function serveColumns({ demands, purses, sharesWei, begin, serve }: Columns): Promise<void> {
  const whole = new RequestHold(purses);
  const hold = new SplitHold(whole);
  const shortage = await hold.coverAll(sharesWei);
  if (shortage) {
    whole.release();
    throw shortOf(shortage);
  }
  // All parts before the first column begins: the whole ends with the last of them.
  const parts = demands.map((_, index) => hold.part(index));
  let replies: readonly ColumnReply[];
  try {
    replies = begin(demands);
  } catch (error) {
    whole.release();
    throw error;
  }
  await Promise.all(
    demands.map(async (demand, index) => {
      const [part, reply] = [parts[index], replies[index]];
      if (!part || !reply) throw new Refusal(500, "server", "a column is missing");
      try {
        await serve({ index, demand, hold: part, reply });
      } catch (error) {
        reply.fail(error);
      } finally {
        part.release();
      }
    }),
  );
}
