import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SessionHomes } from "../../../router/market/sessionHomes.ts";

describe("the home of a session", () => {
  it("is where it was served last, for ten minutes from then", () => {
    const clock = { ms: 0 };
    const homes = new SessionHomes(() => clock.ms);
    assert.equal(homes.get("a"), undefined);
    homes.set("a", 1);
    homes.set("b", 2);
    clock.ms = 599_999;
    assert.deepEqual([homes.get("a"), homes.get("b")], [1, 2]);
    homes.set("a", 3);
    clock.ms = 600_000;
    assert.deepEqual([homes.get("a"), homes.get("b")], [3, undefined]);
  });

  it("is forgotten when there are too many, the longest unused first", () => {
    const homes = new SessionHomes(() => 0);
    for (let i = 0; i < 10_000; i++) homes.set(String(i), i);
    homes.set("0", 7);
    homes.set("new", 1);
    assert.deepEqual(
      [homes.get("0"), homes.get("1"), homes.get("2"), homes.get("new")],
      [7, undefined, 2, 1],
    );
  });
});
