import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serviceOf, serviceText, type Service } from "../../../router/model/service.ts";

const nothing = { prompt: undefined, completion: undefined, reasoning: undefined, cached: undefined };
const service: Service = {
  isStreamed: true,
  isCancelled: false,
  firstContentMs: 12,
  durationMs: 345,
  finishReason: "tool_calls",
  native: { prompt: 0, completion: 7, reasoning: undefined, cached: 3 },
};

describe("how an answer went", () => {
  it("is kept in a few characters and read again", () => {
    assert.deepEqual(serviceOf(serviceText(service)), service);
    const least: Service = { ...service, isStreamed: false, isCancelled: true, native: nothing };
    assert.deepEqual(serviceOf(serviceText(least)), least);
    assert.ok(serviceText(service).length < 40);
  });

  it("is unknown where nothing was kept", () => {
    assert.equal(serviceOf(undefined), undefined);
    assert.equal(serviceOf(""), undefined);
  });

  it("lets a provider's words break nothing", () => {
    for (const finishReason of ["a:b", "", "x".repeat(100), "stop\nstop"])
      assert.equal(serviceOf(serviceText({ ...service, finishReason }))?.finishReason, undefined);
  });
});
