import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import {
  EndpointRefused,
  registerEndpoint,
  type Registration,
} from "../../../router/market/registerEndpoint.ts";
import { keccak256, toHex } from "../../../router/model/bytes.ts";
import type { EndpointMessage } from "../../../router/ports.ts";
import { OWNER, fakeWorld, sampleEndpoint, sampleMarket, sampleOffer } from "../../fakes/world.ts";

const nowSec = (): number => Math.floor(Date.now() / 1000);
const SIGNATURE = "0x01";

function start(overrides: Partial<Registration> = {}) {
  const world = fakeWorld();
  const verified: EndpointMessage[] = [];
  const registration: Registration = {
    catalog: world.market,
    journal: world.journal,
    upstream: world.upstream,
    clock: world.clock,
    refreshMarket: async () => undefined,
    verifyEndpoint: async (message) => {
      verified.push(message);
      return OWNER.toUpperCase().replace("0X", "0x") as `0x${string}`;
    },
    refuseEndpoint: async () => undefined,
    ...overrides,
  };
  const register = async (endpoint = sampleEndpoint({ issuedAtSec: nowSec() })): Promise<void> =>
    registerEndpoint(registration, endpoint, SIGNATURE);
  const refused = async (endpoint?: Parameters<typeof register>[0]): Promise<string> => {
    try {
      await register(endpoint);
    } catch (error) {
      assert.ok(error instanceof EndpointRefused, String(error));
      return error.reason;
    }
    return assert.fail("it was taken");
  };
  return { world, verified, register, refused };
}

describe("the registration of an endpoint", () => {
  it("is journaled, then in force", async () => {
    const { world, register, verified } = start();
    const endpoint = sampleEndpoint({ issuedAtSec: nowSec(), apiKey: "sk-ä", upstreamModel: "other" });
    await register(endpoint);
    assert.deepEqual(world.journal.facts, [{ kind: "endpoint", endpoint }]);
    assert.equal(world.market.candidates(1)[0]?.endpoint.upstreamModel, "other");
    assert.equal(verified[0]?.apiKeyHash, toHex(keccak256(new TextEncoder().encode("sk-ä"))));
  });

  it("hashes nothing where there is no key", async () => {
    const { register, verified } = start();
    await register();
    assert.equal(
      verified[0]?.apiKeyHash,
      "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    );
  });

  it("needs the owner's signature", async () => {
    const stranger = start({ verifyEndpoint: async () => `0x${"0b".repeat(20)}` });
    assert.equal(await stranger.refused(), "not_owner");
    const nonsense = start({ verifyEndpoint: async () => undefined });
    assert.equal(await nonsense.refused(), "not_owner");
  });

  it("can't be replayed, nor be of another time", async () => {
    const { register, refused } = start();
    const endpoint = sampleEndpoint({ issuedAtSec: nowSec() });
    await register(endpoint);
    assert.equal(await refused(endpoint), "replayed");
    assert.equal(await refused({ ...endpoint, issuedAtSec: nowSec() - 1 }), "replayed");
    assert.equal(await refused({ ...endpoint, issuedAtSec: nowSec() - 700 }), "expired");
    assert.equal(await refused({ ...endpoint, issuedAtSec: nowSec() + 700 }), "expired");
  });

  it("finds a listing younger than the catalog", async () => {
    const fresh = sampleOffer({ offerId: 900, listingId: 9, providerId: 9 });
    const { world, register, refused } = start({
      refreshMarket: async () => world.market.refresh(sampleMarket([fresh])),
    });
    await register(sampleEndpoint({ listingId: 9, issuedAtSec: nowSec() }));
    assert.equal(world.market.candidates(1)[0]?.offer.offerId, 900);
    assert.equal(await refused(sampleEndpoint({ listingId: 10, issuedAtSec: nowSec() })), "unknown_listing");
  });

  it("contacts nobody before signature and address are judged", async () => {
    let contacts = 0;
    const seen = { refuseEndpoint: async () => (contacts++, "not https") };
    const stranger = start({ ...seen, verifyEndpoint: async () => undefined });
    await stranger.refused();
    assert.equal(contacts, 0);
    const inside = start(seen);
    inside.world.upstream.probe = async () => assert.fail("it was contacted");
    assert.equal(await inside.refused(), "address");
    assert.deepEqual(inside.world.journal.facts, []);
  });

  it("keeps what the endpoint says of itself", async () => {
    const { world, register } = start();
    world.upstream.claims = { quantization: "fp8", supportedParameters: ["tools", "seed"] };
    const endpoint = sampleEndpoint({ issuedAtSec: nowSec() });
    await register(endpoint);
    const known = { ...endpoint, ...world.upstream.claims };
    assert.deepEqual(world.journal.facts, [{ kind: "endpoint", endpoint: known }]);
    assert.deepEqual(world.market.endpoint(1), known);
  });

  it("needs an answer", async () => {
    const { world, refused } = start();
    world.upstream.probeFault = "connect";
    assert.equal(await refused(), "unreachable");
    assert.deepEqual(world.journal.facts, []);
  });

  it("takes the later of two at once", async () => {
    const { world, register, refused } = start();
    const { promise: slowProbe, resolve } = Promise.withResolvers<void>();
    const probes = [slowProbe];
    world.upstream.probe = async () => {
      await probes.shift();
      return {};
    };
    const older = refused(sampleEndpoint({ issuedAtSec: nowSec() - 5, upstreamModel: "older" }));
    await setImmediate();
    await register(sampleEndpoint({ issuedAtSec: nowSec(), upstreamModel: "newer" }));
    resolve();
    assert.equal(await older, "replayed");
    assert.equal(world.market.endpoint(1)?.upstreamModel, "newer");
  });
});
