import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ApiKey } from "../../../router/model/record.ts";
import { authenticate, KeyRing } from "../../../router/request/authenticate.ts";
import { allowsModel } from "../../../router/request/authorizeModel.ts";
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

  const closed: readonly (readonly [string, Partial<ApiKey>])[] = [
    ["key_revoked", { revokedAtMs: 1 }],
    ["key_disabled", { isDisabled: true }],
    ["key_expired", { expiresAtMs: 5_000 }],
  ];
  for (const [reason, terms] of closed)
    it(`say ${reason} to those who have the secret, and to nobody else`, () => {
      const ring = new KeyRing([{ ...sampleKey, ...terms }]);
      const reasonOf = (header: string): unknown => {
        try {
          authenticate(ring, header, 5_000);
        } catch (error) {
          return error instanceof Refusal && error.status === 401 && error.details.metadata?.["reason"];
        }
        return undefined;
      };
      assert.equal(reasonOf(BEARER), reason);
      assert.equal(reasonOf(BEARER.replace("ss", "st")), "key_unknown");
    });

  it("open until the very moment they expire", () => {
    const key = { ...sampleKey, expiresAtMs: 5_000 };
    assert.equal(authenticate(new KeyRing([key]), BEARER, 4_999), key);
  });

  it("may be bound to models and to authors", () => {
    const key = { ...sampleKey, allowedModels: ["acme/summarizer", "other/*"] };
    const allowed = ["acme/summarizer", "other/x", "acme/summarizer2", "acme/", "other", "others/x"].filter(
      (model) => allowsModel(key, model),
    );
    assert.deepEqual(allowed, ["acme/summarizer", "other/x"]);
    assert.ok(allowsModel(sampleKey, "anything"));
  });
});
