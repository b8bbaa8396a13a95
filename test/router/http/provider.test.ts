import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import type { AppDeps } from "../../../router/http/deps.ts";
import { runApp } from "../../fakes/app.ts";
import { OWNER, fakeWorld } from "../../fakes/world.ts";

async function start(test: TestContext, overrides: Partial<AppDeps> = {}) {
  const app = await runApp(test, fakeWorld(), { verifyEndpoint: async () => OWNER, ...overrides });
  const body = {
    listing_id: 1,
    base_url: "https://provider.example/v1",
    upstream_model: "new-model",
    api_key: "sk-new",
    issued_at: Math.floor(Date.now() / 1000),
    signature: `0x${"01".repeat(65)}`,
  };
  const post = async (changes: object = {}) => {
    const response = await fetch(`${app.origin}/v1/provider/endpoints`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...body, ...changes }),
    });
    const json = (await response.json()) as { error?: { param: string; metadata: { reason: string } } };
    return { status: response.status, json };
  };
  return { ...app, post };
}

describe("POST /v1/provider/endpoints", () => {
  it("puts an endpoint in force, with the usual limits where none are given", async (t) => {
    const { post, world } = await start(t);
    assert.deepEqual(await post(), { status: 201, json: { listing_id: 1, status: "up" } });
    const endpoint = world.market.endpoint(1);
    assert.equal(endpoint?.upstreamModel, "new-model");
    assert.equal(endpoint?.maxOutputUnits, 4_096);
    assert.equal(endpoint?.contextUnits, 32_768);
  });

  it("names the field that is at fault", async (t) => {
    const { post, world } = await start(t, { refuseEndpoint: async () => "an address that is not public" });
    const cases: readonly (readonly [object, number, string])[] = [
      [{ listing_id: 99 }, 404, "listing_id"],
      [{ listing_id: "1" }, 400, "listing_id"],
      [{ issued_at: 1 }, 400, "issued_at"],
      [{}, 400, "base_url"],
      [{ base_url: "file:///etc/passwd" }, 400, "base_url"],
      [{ max_output_units: 2 ** 24 }, 400, "max_output_units"],
      [{ signature: "0x0" }, 400, "signature"],
      [{ api_key: "two\nlines" }, 400, "api_key"],
      [{ is_admin: true }, 400, "is_admin"],
    ];
    for (const [changes, status, param] of cases) {
      const result = await post(changes);
      assert.deepEqual([result.status, result.json.error?.param], [status, param]);
    }
    assert.deepEqual(world.journal.facts, []);
  });

  it("refuses strangers and replays", async (t) => {
    const stranger = await start(t, { verifyEndpoint: async () => `0x${"0b".repeat(20)}` });
    assert.equal((await stranger.post()).status, 403);
    const { post } = await start(t);
    await post();
    const again = await post();
    assert.deepEqual([again.status, again.json.error?.metadata.reason], [409, "replayed"]);
  });

  it("is closed while nothing can be recorded", async (t) => {
    const { post, world } = await start(t);
    world.journal.broken = new Error("disk full");
    assert.equal((await post()).status, 503);
  });
});
