import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { splitName } from "../../../router/routing/modelName.ts";

describe("a model's name", () => {
  const names: readonly (readonly [string, string, string | undefined])[] = [
    ["acme/one", "acme/one", undefined],
    ["acme/one:nitro", "acme/one", "throughput"],
    ["acme/one:floor", "acme/one", "price"],
    ["acme/one:free", "acme/one:free", undefined],
    ["llama3.2:1b", "llama3.2:1b", undefined],
    ["llama3.2:1b:nitro", "llama3.2:1b", "throughput"],
    ["nitro", "nitro", undefined],
    ["acme/one:toString", "acme/one:toString", undefined],
  ];
  for (const [asked, name, sort] of names)
    it(`${asked} is ${name}${sort === undefined ? "" : ` by ${sort}`}`, () =>
      assert.deepEqual(splitName(asked), { name, sort }));
});
