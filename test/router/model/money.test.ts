import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTokens, parseTokens, SUPPLY_CAP_WEI } from "../../../router/model/money.ts";
import { Random } from "../../contracts/fixtures/random.ts";

const ONE = 10n ** 18n;
const SEED = 20_260_101;

test("amounts of tokens are read and written exactly", () => {
  for (const [text, wei] of [
    ["0", 0n],
    ["1", ONE],
    ["0.000000000000000001", 1n],
    ["0.0015", 1_500_000_000_000_000n],
    ["123.456", 123_456n * 10n ** 15n],
    ["1000000000", SUPPLY_CAP_WEI],
  ] as const) {
    assert.equal(parseTokens(text), wei);
    assert.equal(formatTokens(wei), text);
  }
});

test(`what is written is read back (seed ${SEED})`, () => {
  const random = new Random(SEED);
  for (let i = 0; i < 2_000; i++) {
    const digits = random.int(1, 27);
    const wei = BigInt(Array.from({ length: digits }, () => random.int(0, 9)).join(""));
    assert.equal(parseTokens(formatTokens(wei)), wei, `${wei} wei`);
  }
});

test("needless zeros are read, not written", () => {
  assert.equal(parseTokens("007.500"), 75n * 10n ** 17n);
  assert.equal(formatTokens(75n * 10n ** 17n), "7.5");
});

test("a negative amount is written with its sign", () => {
  assert.equal(formatTokens(-1n), "-0.000000000000000001");
  assert.equal(formatTokens(-ONE), "-1");
});

test("anything else than a plain decimal number is refused", () => {
  for (const text of [
    "",
    " 1",
    "1 ",
    "-1",
    "+1",
    "1.",
    ".5",
    "1e18",
    "0x10",
    "1,5",
    "1_000",
    "١",
    "1.0000000000000000001",
    "10000000000.0.0",
    "12345678901",
  ])
    // prettier-ignore
    assert.throws(() => parseTokens(text), TypeError, text);
});
