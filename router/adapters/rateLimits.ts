import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
  type RateLimiterAbstract,
} from "rate-limiter-flexible";

import type { RateLimits, RateWindow } from "../ports.ts";
import type { PostgresDatabase } from "./store/postgresDatabase.ts";

const WINDOW_SEC = 60;
/** The limits are the callers'; the counter itself takes everything that fits the column. */
const MOST_POINTS = 2 ** 31 - 1;

/** Adds first and compares then, in one step: no two requests can both take the last of a window. */
function rateLimits(limiter: RateLimiterAbstract): RateLimits {
  const add = async (name: string, points: number): Promise<RateLimiterRes> => {
    try {
      return await limiter.consume(name, points);
    } catch (result) {
      if (result instanceof RateLimiterRes) return result;
      throw result;
    }
  };
  return {
    take: async (name, points, limit): Promise<RateWindow> => {
      const { consumedPoints, msBeforeNext } = await add(name, points);
      const isWithin = consumedPoints <= limit;
      // What is refused does not count: many who wait must not keep each other out.
      if (!isWithin) await limiter.reward(name, points);
      const usedPoints = isWithin ? consumedPoints : consumedPoints - points;
      return { isWithin, remaining: Math.max(0, limit - usedPoints), resetsInMs: Math.max(1, msBeforeNext) };
    },
    correct: async (name, points) => {
      if (points > 0) await add(name, points);
      else if (points < 0) await limiter.reward(name, -points);
    },
  };
}

/** Windows of a minute, of this process alone. */
export function memoryRateLimits(): RateLimits {
  return rateLimits(new RateLimiterMemory({ points: MOST_POINTS, duration: WINDOW_SEC }));
}

/** Windows that all routers of a database share. While it is away each has its own. */
export function postgresRateLimits(database: Pick<PostgresDatabase, "pool">): RateLimits {
  const common = { points: MOST_POINTS, duration: WINDOW_SEC, keyPrefix: "rate" };
  return rateLimits(
    new RateLimiterPostgres({
      ...common,
      storeClient: database.pool,
      storeType: "pool",
      tableName: "rate_windows",
      tableCreated: true,
      clearExpiredByTimeout: true,
      insuranceLimiter: new RateLimiterMemory(common),
    }),
  );
}
