import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { toHex } from "../../../router/model/bytes.ts";
import { keccak256 } from "../../../router/model/keccak.ts";

describe("keccak256", () => {
  it("gives the digests that everybody knows", () => {
    const digests = {
      "": "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
      abc: "0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    };
    for (const [text, digest] of Object.entries(digests))
      assert.equal(toHex(keccak256(Buffer.from(text))), digest);
  });

  it("agrees with another implementation at every length up to several blocks", () => {
    for (let length = 0; length < 600; length++) {
      const data = randomBytes(length);
      assert.deepEqual(keccak256(data), keccak_256(data), `${length} bytes: ${toHex(data)}`);
    }
  });

  it("agrees on long data, and on a part of a bigger buffer", () => {
    const data = randomBytes(100_003);
    assert.deepEqual(keccak256(data), keccak_256(data));
    assert.deepEqual(keccak256(data.subarray(7, 500)), keccak_256(data.subarray(7, 500)));
  });

  it("hands out a digest of one's own, which the next one does not change", () => {
    const first = keccak256(Buffer.from("one"));
    const copy = Uint8Array.from(first);
    keccak256(Buffer.from("two"));
    assert.deepEqual(first, copy);
  });
});
