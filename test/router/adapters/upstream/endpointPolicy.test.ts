import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  guardedLookup,
  isAllowedAddress,
  refuseEndpoint,
  refuseUrl,
} from "../../../../router/adapters/upstream/endpointPolicy.ts";

const strict = { allowLoopback: false };
const development = { allowLoopback: true };

describe("the endpoint policy", () => {
  const never = `
    10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 0.0.0.0 224.0.0.1 255.255.255.255
    :: fe80::1 fd00::1 ff02::1 ::ffff:10.0.0.1 ::ffff:a00:1 64:ff9b::a00:1 2002:a00:1:: 2001::1 ::10.0.0.1`;
  for (const address of [...never.trim().split(/\s+/), "not an address", ""])
    it(`never allows ${address || "nothing"}`, () => {
      assert.equal(isAllowedAddress(address, strict), false);
      assert.equal(isAllowedAddress(address, development), false);
    });

  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    it(`allows ${address} in development only`, () => {
      assert.equal(isAllowedAddress(address, strict), false);
      assert.equal(isAllowedAddress(address, development), true);
    });

  for (const address of ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
    it(`allows ${address}`, () => assert.equal(isAllowedAddress(address, strict), true));

  const urls: readonly (readonly [string, string | undefined])[] = [
    ["https://api.example.com/v1", undefined],
    ["http://api.example.com/v1", "not https"],
    ["https://user:secret@api.example.com", "a URL with a user or a password; use api_key"],
    ["https://api.example.com/?key=1", "a URL with a query or a fragment"],
    ["ftp://api.example.com", "not https"],
    ["https://127.0.0.1/v1", "an address that is not public"],
    ["https://2130706433/v1", "an address that is not public"],
    ["https://0x7f.1/v1", "an address that is not public"],
    ["https://[::ffff:7f00:1]/v1", "an address that is not public"],
    ["https://[fd00::1]/v1", "an address that is not public"],
    ["nonsense", "not a URL"],
  ];
  for (const [url, expected] of urls)
    it(`judges ${url}: ${expected ?? "fine"}`, () => assert.equal(refuseUrl(url, strict), expected));

  it("allows plain HTTP on loopback in development, and nowhere else", () => {
    assert.equal(refuseUrl("http://127.0.0.1:8000/v1", development), undefined);
    assert.equal(refuseUrl("http://localhost:8000/v1", development), undefined);
    assert.equal(refuseUrl("http://192.168.0.2:8000/v1", development), "not https");
  });

  it("looks at what a name stands for, at registration and at the connection", async () => {
    assert.equal(
      await refuseEndpoint("https://localhost/v1", strict),
      "a name of an address that is not public",
    );
    assert.equal(await refuseEndpoint("https://localhost/v1", development), undefined);
    const lookup = async (policy: typeof strict): Promise<unknown> =>
      new Promise((resolve) =>
        guardedLookup(policy)("localhost", {}, (error, address) => resolve(error?.message ?? address)),
      );
    assert.equal(await lookup(strict), "a name of an address that is not public");
    assert.match(String(await lookup(development)), /^(?:127\.|::1)/);
  });
});
