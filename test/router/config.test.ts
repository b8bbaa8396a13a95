import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, readConfig } from "../../router/config.ts";

const GOOD = {
  AI1NET_RPC_URL: "http://127.0.0.1:8545",
  AI1NET_CHAIN_ID: "31337",
  AI1NET_LEDGER: `0x${"ab".repeat(20)}`,
  AI1NET_OPERATOR_ID: "1",
  AI1NET_SETTLER_KEY: `0x${"01".repeat(32)}`,
  AI1NET_RECEIPT_KEY: `0x${"02".repeat(32)}`,
  AI1NET_ADMIN_TOKEN: "t".repeat(32),
};

test("a minimal environment is completed with defaults", () => {
  const config = readConfig(GOOD);
  assert.equal(config.host, "127.0.0.1");
  assert.equal(config.port, 8080);
  assert.equal(config.databaseUrl, undefined);
  assert.equal(config.allowLoopback, false);
});

const BAD: readonly (readonly [string, string | undefined])[] = [
  ["AI1NET_RPC_URL", undefined],
  ["AI1NET_RPC_URL", "file:///etc/passwd"],
  ["AI1NET_RPC_FALLBACK_URLS", "https://one.example,ftp://two.example"],
  ["AI1NET_RPC_FALLBACK_URLS", Array.from({ length: 8 }, (_, i) => `https://rpc${i}.example`).join(",")],
  ["AI1NET_MAX_FEE_GWEI", "0"],
  ["AI1NET_CHAIN_ID", "0x7a69"],
  ["AI1NET_LEDGER", "0x12"],
  ["AI1NET_OPERATOR_ID", "0"],
  ["AI1NET_OPERATOR_ID", "16777216"],
  ["AI1NET_SETTLER_KEY", "secret-that-must-not-be-shown"],
  ["AI1NET_ADMIN_TOKEN", "short"],
  ["AI1NET_CORS_ORIGINS", "shop.example.org"],
  ["AI1NET_CORS_ORIGINS", "https://app.example.com/path"],
  ["AI1NET_CORS_ORIGINS", "*,https://app.example.com"],
  ["AI1NET_PORT", "65536"],
  ["AI1NET_PORT", "-1"],
  ["AI1NET_ALLOW_LOOPBACK", "yes"],
  ["AI1NET_LOG_LEVEL", "loud"],
  ["AI1NET_SETTLE_MAX_VALUE", "1e3 tokens"],
  ["DATABASE_URL", "mysql://x"],
];

for (const [name, value] of BAD) {
  test(`${name}=${value ?? "(unset)"} stops the start and names the variable, not the value`, () => {
    assert.throws(
      () => readConfig({ ...GOOD, [name]: value }),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, new RegExp(name));
        if (value !== undefined && value.length > 6) assert.ok(!error.message.includes(value));
        return true;
      },
    );
  });
}

test("RPC endpoints are in order of preference, each once", () => {
  const urls = " https://b.example/key , http://127.0.0.1:8545,https://c.example";
  assert.deepEqual(readConfig({ ...GOOD, AI1NET_RPC_FALLBACK_URLS: urls }).rpcUrls, [
    "http://127.0.0.1:8545",
    "https://b.example/key",
    "https://c.example",
  ]);
  assert.deepEqual(readConfig(GOOD).rpcUrls, ["http://127.0.0.1:8545"]);
});

test("pages of every site may use the API, of none, or of those that are named", () => {
  const originsOf = (text: string) => readConfig({ ...GOOD, AI1NET_CORS_ORIGINS: text }).corsOrigins;
  assert.equal(readConfig(GOOD).corsOrigins, "*");
  assert.deepEqual(originsOf("none"), []);
  assert.deepEqual(originsOf("https://App.example.com,http://localhost:3000"), [
    "https://app.example.com",
    "http://localhost:3000",
  ]);
});

test("every wrong variable is named at once", () => {
  assert.throws(() => readConfig({}), /AI1NET_RPC_URL[\s\S]*AI1NET_LEDGER[\s\S]*AI1NET_ADMIN_TOKEN/);
});

test("an empty variable counts as unset", () => {
  assert.equal(readConfig({ ...GOOD, DATABASE_URL: "", AI1NET_PORT: "" }).port, 8080);
});
