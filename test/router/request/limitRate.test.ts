/** A key's requests and tokens per minute. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { memoryRateLimits, postgresRateLimits } from "../../../router/adapters/rateLimits.ts";
import { migrate } from "../../../router/adapters/store/migrate.ts";
import { postgresDatabase, type PostgresDatabase } from "../../../router/adapters/store/postgresDatabase.ts";
import { Refusal } from "../../../router/request/refusal.ts";
import { serve } from "../../../router/request/serve.ts";
import { sampleCall, sampleDemand } from "../../fakes/demand.ts";
import { startPostgres, type TestPostgres } from "../../fakes/postgres.ts";
import { FakeReply } from "../../fakes/reply.ts";
import { IDENTITY, silentLog } from "../../fakes/samples.ts";
import { answer } from "../../fakes/upstream.ts";
import { ACCOUNT, fakeWorld, type FakeWorld } from "../../fakes/world.ts";

async function many(
  world: FakeWorld,
  count: number,
  demand = sampleDemand(),
): Promise<(Refusal | undefined)[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      try {
        await serve(world, sampleCall(demand), new FakeReply());
        return undefined;
      } catch (error) {
        assert.ok(error instanceof Refusal, String(error));
        return error;
      }
    }),
  );
}

function serving(key: { requestsPerMinute?: number; tokensPerMinute?: number }): FakeWorld {
  const world = fakeWorld({ key, balanceWei: 10n ** 12n });
  for (const listing of [1, 2]) world.upstream.script(listing, { answer: answer("Hello!", 12, 3) });
  return world;
}

describe("a key's rate", () => {
  it("lets as many requests through as it says, also of those at the same time", async () => {
    const world = serving({ requestsPerMinute: 5 });
    const refused = (await many(world, 30)).filter((error) => error !== undefined);
    assert.equal(refused.length, 25);
    for (const { status, errorType, details } of refused) {
      assert.deepEqual([status, errorType], [429, "rate_limit_exceeded"]);
      assert.ok(Number(details.retryAfterSec) >= 1 && Number(details.retryAfterSec) <= 60);
      assert.equal(details.headers?.["x-ratelimit-limit"], "5");
      assert.equal(details.headers["x-ratelimit-remaining"], "0");
      assert.equal(details.headers["x-ratelimit-reset"], String(details.retryAfterSec));
      assert.equal(details.metadata?.["reason"], "requests_per_minute");
    }
    assert.equal(world.upstream.requests.length, 5);
    assert.equal(world.accounts.heldWei(ACCOUNT), 0n);
  });

  it("of tokens is never passed by requests at the same time, and counts what was used", async () => {
    // Each may come to some 24 + 30 tokens, and uses 15.
    const world = serving({ tokensPerMinute: 150 });
    const demand = sampleDemand({ outputUnits: 30 });
    const first = await many(world, 10, demand);
    const served = first.filter((error) => error === undefined).length;
    assert.ok(served >= 1 && served <= 3, `${served} at once`);
    const refused = first.find((error) => error !== undefined);
    assert.equal(refused?.details.metadata?.["reason"], "tokens_per_minute");
    assert.ok(refused.details.retryAfterSec);
    // What was not used is there again.
    let more = 0;
    while ((await many(world, 1, demand))[0] === undefined) more++;
    assert.ok(served + more >= 5 && (served + more) * 15 <= 150, `${served} + ${more} were served`);
  });

  it("of tokens says of a request that fits into no minute what to lower", async () => {
    const world = serving({ tokensPerMinute: 50 });
    const [error] = await many(world, 1, sampleDemand({ outputUnits: 90 }));
    assert.deepEqual([error?.status, error?.details.retryAfterSec], [413, undefined]);
    assert.match(String(error?.message), /lower max_tokens/);
  });

  it("gives tokens back when nothing was served", async () => {
    const world = serving({ tokensPerMinute: 100 });
    world.upstream.script(1, { fault: "rejected", status: 400 });
    const demand = sampleDemand({ outputUnits: 30 });
    for (let i = 0; i < 10; i++) assert.equal((await many(world, 1, demand))[0]?.status, 400);
  });

  it("does not exist for keys without one", async () => {
    const world = serving({});
    assert.ok((await many(world, 50)).every((error) => error === undefined));
  });
});

describe("windows of a minute", () => {
  let postgres: TestPostgres;
  const databases: PostgresDatabase[] = [];
  before(async () => {
    postgres = await startPostgres();
  });
  after(async () => {
    for (const database of databases) await database.close();
    await postgres.stop();
  });

  it("are shared by the routers of a database", async () => {
    const url = await postgres.database();
    const open = (): PostgresDatabase => {
      const database = postgresDatabase(url, silentLog);
      databases.push(database);
      return database;
    };
    await migrate(open(), IDENTITY);
    const routers = [postgresRateLimits(open()), postgresRateLimits(open())];
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, i) => routers[i % 2]!.take("k requests", 1, 20)),
    );
    const within = results.filter(({ isWithin }) => isWithin).length;
    assert.ok(within <= 20 && within >= 15, `${within} of 20`);
    await routers[0]!.correct("k tokens", 90);
    assert.equal((await routers[1]!.take("k tokens", 20, 100)).isWithin, false);
    await routers[1]!.correct("k tokens", -50);
    const window = await routers[0]!.take("k tokens", 20, 100);
    assert.deepEqual([window.isWithin, window.remaining], [true, 40]);
    assert.ok(window.resetsInMs > 0 && window.resetsInMs <= 60_000);
  });

  it("take no more than the limit and give back what was refused", async () => {
    const limits = memoryRateLimits();
    const results = await Promise.all(Array.from({ length: 60 }, () => limits.take("k", 3, 20)));
    assert.ok(results.filter(({ isWithin }) => isWithin).length <= 6);
    let more = 0;
    while ((await limits.take("k", 1, 20)).isWithin) more++;
    assert.equal(results.filter(({ isWithin }) => isWithin).length * 3 + more, 20);
  });
});
