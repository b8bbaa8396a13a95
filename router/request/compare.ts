import { appFeeUp } from "../model/offer.ts";
import type { Wei } from "../model/money.ts";
import { authenticate } from "./authenticate.ts";
import type { Demand } from "./demand.ts";
import { RequestHold, shortOf } from "./hold.ts";
import { planAll } from "./planAll.ts";
import { ceilingAt } from "./price.ts";
import { Refusal } from "./refusal.ts";
import type { Reply } from "./reply.ts";
import { accountOf, appOf, serve, type Call } from "./serve.ts";
import { SplitHold } from "./splitHold.ts";
import type { World } from "./world.ts";

/** One model's answer to the common prompt. */
export interface ColumnReply extends Reply {
  /** It came to nothing; the others go on. */
  fail(error: unknown): void;
}

/** The same prompt to several models. */
export interface Comparison {
  readonly call: Omit<Call, "read" | "hold">;
  /** One per column; only asked for once the caller is known. @throws {Refusal} */
  read(): Promise<readonly Demand[]>;
  /** Where the columns go; asked for once the money for all of them is held. */
  begin(demands: readonly Demand[]): readonly ColumnReply[];
}

/**
 * Serves one prompt by several models at once: one hold over all of them, and for each its own tries, receipt and cost.
 * A column that fails ends alone.
 * @throws {Refusal} before anything has left
 */
export async function compare(world: World, comparison: Comparison): Promise<void> {
  const { call } = comparison;
  const nowMs = world.clock.nowMs();
  const key = authenticate(world.keys, call.authorization, nowMs);
  const demands = await comparison.read();
  const account = accountOf(world, key.accountId);

  /** What a column can cost where it would go first; nothing for one that will be refused. */
  const shareOf = async (demand: Demand): Promise<Wei> => {
    const itinerary = await planAll(world, key, demand, nowMs).catch((error: unknown) => {
      if (error instanceof Refusal) return undefined;
      throw error;
    });
    const first = itinerary?.ranked[0];
    const size = first && itinerary.sizes.get(first.model.modelId);
    if (!size) return 0n;
    const { amountWei } = ceilingAt(demand, size, first);
    const app = appOf(world, demand, account);
    return amountWei + appFeeUp(amountWei, app.feeBps, app.maxAppFeePct);
  };
  const shares = await Promise.all(demands.map(shareOf));
  const whole = new RequestHold(world.funds.pursesOf(key));
  const hold = new SplitHold(whole);
  const shortage = await hold.coverAll(shares);
  if (shortage) {
    whole.release();
    throw shortOf(shortage);
  }
  // All parts before the first column begins: the whole ends with the last of them.
  const parts = demands.map((_, index) => hold.part(index));
  let replies: readonly ColumnReply[];
  try {
    replies = comparison.begin(demands);
  } catch (error) {
    whole.release();
    throw error;
  }
  await Promise.all(
    demands.map(async (demand, index) => {
      const [part, reply] = [parts[index], replies[index]];
      if (!part || !reply) throw new Refusal(500, "server", "a column is missing");
      const { idempotencyKey } = call;
      try {
        const column: Call = {
          ...call,
          requestId: `${call.requestId}-${index}`,
          idempotencyKey: idempotencyKey === undefined ? undefined : `${idempotencyKey} ${index}`,
          hold: part,
          read: async () => demand,
        };
        await serve(world, column, reply);
      } catch (error) {
        reply.fail(error);
      } finally {
        part.release();
      }
    }),
  );
}
