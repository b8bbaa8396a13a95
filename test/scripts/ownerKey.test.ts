import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";

import { OwnerKeyError, ownerKey } from "../../scripts/provider/ownerKey.ts";

function directory(context: TestContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), "ai1net-owner-"));
  context.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test("an owner's key is made once, for its owner's eyes only, and found again", (context) => {
  const dataDir = path.join(directory(context), "data");
  const key = ownerKey(dataDir);
  assert.match(key, /^0x[0-9a-f]{64}$/u);
  assert.equal(statSync(path.join(dataDir, "provider.key")).mode & 0o777, 0o600);
  assert.equal(ownerKey(dataDir), key);
});

for (const content of ["", "0x12", "not a key\n"]) {
  test(`a key file with ${JSON.stringify(content)} is named, and kept as it is`, (context) => {
    const dataDir = directory(context);
    const file = path.join(dataDir, "provider.key");
    writeFileSync(file, content);
    assert.throws(() => ownerKey(dataDir), OwnerKeyError);
    assert.equal(readFileSync(file, "utf8"), content);
  });
}
