import { authenticate } from "./authenticate.ts";
import { serveColumns, shareOf, type ColumnReply } from "./columns.ts";
import type { Demand } from "./demand.ts";
import { accountOf, appOf, serve, type Call } from "./serve.ts";
import type { World } from "./world.ts";

/** The same prompt to several models. */
export interface Comparison {
  readonly call: Omit<Call, "read" | "hold">;
  /** One per column; only asked for once the caller is known. @throws {Refusal} */
  readonly read: () => Promise<readonly Demand[]>;
  /** Where the columns go; asked for once the money for all of them is held. */
  readonly begin: (demands: readonly Demand[]) => readonly ColumnReply[];
}

/**
 * Serves one prompt by several models at once: one hold over all of them, and for each its own tries, receipt and cost.
 * A column that fails ends alone.
 * @throws {Refusal} before anything has left
 */
export async function compare(world: World, { call, read, begin }: Comparison): Promise<void> {
  const nowMs = world.clock.nowMs();
  const key = authenticate(world.keys, call.authorization, nowMs);
  const demands = await read();
  const account = accountOf(world, key.accountId);
  const sharesWei = await Promise.all(
    demands.map((demand) => shareOf(world, key, demand, appOf(world, demand, account), nowMs)),
  );
  const { idempotencyKey } = call;
  await serveColumns({
    demands,
    purses: world.funds.pursesOf(key),
    sharesWei,
    begin,
    serve: ({ index, demand, hold, reply }) =>
      serve(
        world,
        {
          ...call,
          requestId: `${call.requestId}-${index}`,
          idempotencyKey: idempotencyKey === undefined ? undefined : `${idempotencyKey} ${index}`,
          hold,
          read: async () => demand,
        },
        reply,
      ),
  });
}
