import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { vectorFiles } from "../../../scripts/vectors/vectorFiles.ts";

for (const [name, text] of vectorFiles())
  test(`test/vectors/${name} is what the generator writes`, () => {
    const stored = readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8");
    assert.ok(stored === text, `${name} differs: run "npm run vectors" and look at the difference`);
  });
