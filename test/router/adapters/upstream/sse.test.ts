import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EventTooLong, SseParser } from "../../../../router/adapters/upstream/sse.ts";

const CASES: readonly (readonly [string, string, readonly string[]])[] = [
  ["one event", "data: a\n\n", ["a"]],
  ["CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]],
  ["CR alone", "data: a\r\rdata: b\r\r", ["a", "b"]],
  ["no space after the colon", "data:a\n\n", ["a"]],
  ["two spaces: one is data", "data:  a\n\n", [" a"]],
  ["several data lines", "data: a\ndata: b\n\n", ["a\nb"]],
  ["comments", ": hello\n\ndata: a\n: again\n\n", ["a"]],
  ["other fields", "id: 7\nretry: 100\nunknown\ndata: a\n\n", ["a"]],
  ["an empty data line", "data\n\n", [""]],
  ["no blank line at the end", "data: a\n\ndata: b\n", ["a"]],
  ["a byte order mark", "\uFEFFdata: a\n\n", ["a"]],
  ["characters of many bytes", "data: größe 日本 🎉\n\n", ["größe 日本 🎉"]],
  ["blank lines only", "\n\n\n\n", []],
  ["a colon in the data", 'data: {"a": "b:c"}\n\n', ['{"a": "b:c"}']],
];

describe("server-sent events", () => {
  for (const [name, text, expected] of CASES)
    it(`are read whole and byte by byte: ${name}`, () => {
      const bytes = Buffer.from(text);
      const whole = new SseParser(1_000).push(bytes);
      assert.deepEqual(
        whole.map(({ data }) => data),
        expected,
      );
      const parser = new SseParser(1_000);
      const pieces = Array.from(bytes, (byte) => parser.push(Uint8Array.of(byte))).flat();
      assert.deepEqual(pieces, whole);
    });

  it("have names", () => {
    const events = new SseParser(100).push(Buffer.from("event: error\ndata: a\n\ndata: b\n\n"));
    assert.deepEqual(events, [
      { name: "error", data: "a" },
      { name: "message", data: "b" },
    ]);
  });

  it("are bounded, by the line and by the event", () => {
    assert.throws(() => new SseParser(100).push(Buffer.from("data: ".padEnd(200, "x"))), EventTooLong);
    assert.throws(() => new SseParser(100).push(Buffer.from("data: 0123456789\n".repeat(20))), EventTooLong);
    const parser = new SseParser(100);
    for (let i = 0; i < 100; i++) parser.push(Buffer.from(`data: ${"x".repeat(80)}\n\n`));
  });
});
