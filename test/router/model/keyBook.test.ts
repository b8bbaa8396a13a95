import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isShortage, type Hold } from "../../../router/model/account.ts";
import { KeyBook } from "../../../router/model/keyBook.ts";
import { dayOf, endMsOf, startDayOf } from "../../../router/model/period.ts";
import type { ApiKey } from "../../../router/model/record.ts";
import { sampleKey } from "../../fakes/world.ts";

/** A Wednesday. */
const NOW = Date.parse("2026-11-25T12:00:00Z");
const key = (terms: Partial<ApiKey>): ApiKey => ({ ...sampleKey, ...terms });
const day = (text: string): number => dayOf(Date.parse(text));

function held(book: KeyBook, of: ApiKey, amountWei: bigint, nowMs = NOW): Hold {
  const hold = book.hold(of, amountWei, nowMs);
  assert.ok(!isShortage(hold), "expected a hold");
  return hold;
}

describe("periods of a limit", () => {
  it("begin at midnight UTC, on Mondays, on the first", () => {
    assert.equal(startDayOf("daily", NOW), day("2026-11-25"));
    assert.equal(startDayOf("weekly", NOW), day("2026-11-23"));
    assert.equal(startDayOf("weekly", Date.parse("2026-11-23T00:00:00Z")), day("2026-11-23"));
    assert.equal(startDayOf("weekly", Date.parse("2026-11-22T23:59:59.999Z")), day("2026-11-16"));
    assert.equal(startDayOf("monthly", NOW), day("2026-11-01"));
  });

  it("end where the next begins", () => {
    assert.equal(endMsOf("daily", NOW), Date.parse("2026-11-26T00:00:00Z"));
    assert.equal(endMsOf("weekly", NOW), Date.parse("2026-11-30T00:00:00Z"));
    assert.equal(endMsOf("monthly", Date.parse("2026-12-31T23:59:59Z")), Date.parse("2027-01-01T00:00:00Z"));
  });
});

describe("a key's limit", () => {
  it("is taken by holds, exactly to its end", () => {
    const book = new KeyBook();
    const limited = key({ limitWei: 100n });
    const hold = held(book, limited, 60n);
    assert.deepEqual(book.hold(limited, 41n, NOW), { availableWei: 40n, neededWei: 41n, heldWei: 60n });
    held(book, limited, 40n);
    hold.release();
    hold.release();
    held(book, limited, 60n);
    assert.ok(isShortage(book.hold(limited, 1n, NOW)));
  });

  it("counts what was journaled, and lets holds grow only as far as it goes", () => {
    const book = new KeyBook();
    const limited = key({ limitWei: 100n });
    const hold = held(book, limited, 50n);
    book.recorded(limited.keyId, 30n, NOW);
    assert.deepEqual(hold.resize(71n), { availableWei: 20n, neededWei: 21n, heldWei: 50n });
    assert.equal(hold.resize(70n), undefined);
    hold.release();
    assert.equal(book.spend(limited.keyId, NOW).totalWei, 30n);
    held(book, limited, 70n);
  });

  it("begins anew with its period; what is held then counts in both", () => {
    const book = new KeyBook();
    const daily = key({ limitWei: 100n, limitReset: "daily" });
    const midnight = Date.parse("2026-11-26T00:00:00Z");
    book.recorded(daily.keyId, 90n, NOW);
    held(book, daily, 10n, midnight - 1);
    assert.ok(isShortage(book.hold(daily, 1n, midnight - 1)));
    held(book, daily, 90n, midnight);
    assert.ok(isShortage(book.hold(daily, 1n, midnight)));
  });

  it("without a period never begins anew", () => {
    const book = new KeyBook();
    book.recorded("a", 90n, Date.parse("2020-01-01T00:00:00Z"));
    assert.ok(isShortage(book.hold(key({ keyId: "a", limitWei: 100n }), 11n, NOW)));
  });

  it("that was lowered below what is spent lets nothing through", () => {
    const book = new KeyBook();
    book.recorded(sampleKey.keyId, 90n, NOW);
    assert.ok(isShortage(book.hold(key({ limitWei: 80n }), 1n, NOW)));
  });

  it("is restored from the days that the store has", () => {
    const days = [
      { keyId: "a", day: day("2026-10-31"), spentWei: 1_000n },
      { keyId: "a", day: day("2026-11-22"), spentWei: 100n },
      { keyId: "a", day: day("2026-11-24"), spentWei: 10n },
      { keyId: "a", day: day("2026-11-25"), spentWei: 1n },
    ];
    assert.deepEqual(new KeyBook(days).spend("a", NOW), {
      totalWei: 1_111n,
      dailyWei: 1n,
      weeklyWei: 11n,
      monthlyWei: 111n,
      heldWei: 0n,
    });
  });

  it("of one key is none of another's", () => {
    const book = new KeyBook();
    held(book, key({ keyId: "a", limitWei: 100n }), 100n);
    held(book, key({ keyId: "b", limitWei: 100n }), 100n);
    held(book, key({ keyId: "c" }), 10n ** 30n);
  });
});
