import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { authenticate, KeyRing } from "../../../router/request/authenticate.ts";
import { Refusal } from "../../../router/request/refusal.ts";
import { BEARER, SECRET, sampleKey } from "../../fakes/world.ts";

describe("API keys", () => {
  const keys = new KeyRing([sampleKey]);

  it("open with id and secret", () => {
    assert.equal(authenticate(keys, BEARER), sampleKey);
    assert.equal(authenticate(keys, BEARER.replace("Bearer", "bearer ")), sampleKey);
  });

  const wrong: readonly (string | undefined)[] = [
    undefined,
    "",
    "Bearer",
    `Bearer sk-ai1-${"b".repeat(16)}-${SECRET}`,
    `Bearer sk-ai1-${"a".repeat(16)}-${"t".repeat(43)}`,
    `Bearer sk-ai1-${"a".repeat(16)}-${SECRET}x`,
    `Bearer sk-ai1-${"a".repeat(16)}-`,
    `Basic ${BEARER.slice(7)}`,
    `Bearer sk-ai1-__proto__-${SECRET}`,
  ];
  for (const header of wrong)
    it(`refuse ${JSON.stringify(header) ?? "no header"}`, () =>
      assert.throws(
        () => authenticate(keys, header),
        (error) => error instanceof Refusal && error.status === 401,
      ));

  it("close when they are revoked", () => {
    const ring = new KeyRing([sampleKey]);
    assert.equal(ring.remove(sampleKey.keyId), true);
    assert.equal(ring.remove(sampleKey.keyId), false);
    assert.equal(ring.find(BEARER), undefined);
  });
});
