import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { wordsOf } from "../../../scripts/demo/providers/ability.ts";
import { limitText } from "../../../scripts/demo/providers/limitText.ts";
import { countTokens, TokenMeter } from "../../../scripts/demo/providers/tokenizer.ts";

const STORY = readFileSync(
  new URL("../../../scripts/demo/providers/wonderland.txt", import.meta.url),
  "utf8",
).slice(0, 6_000);

function limited(pieces: Iterable<string>, maxTokens: number, stops: string[] = []) {
  const parts = limitText(pieces, maxTokens, stops);
  let text = "";
  let tokens = 0;
  let next = parts.next();
  for (; !next.done; next = parts.next()) {
    text += next.value.text;
    tokens += next.value.tokens;
  }
  return { text, tokens, reason: next.value };
}

describe("TokenMeter", () => {
  for (const [what, text] of [
    ["prose", STORY],
    ["numbers", Array.from({ length: 400 }, (_, i) => `${i * 37}, ${i}`).join(" ")],
    ["lines", STORY.replaceAll(" ", "\n").slice(0, 1_500)],
    ["other scripts", "Привет, мир! こんにちは 世界 👩‍👩‍👧 naïve café ".repeat(30)],
    ["code", 'if (a != b) { return "x\\n" + c[0]; }\n\t// ...\n'.repeat(30)],
    ["what looks special", "a <|endoftext|> b <|im_start|> c"],
  ] as const) {
    it(`counts growing ${what} as the tokenizer counts the whole`, () => {
      const meter = new TokenMeter();
      let sofar = "";
      for (const piece of text.match(/[^]{1,7}/gu) ?? []) {
        sofar += piece;
        meter.add(piece);
        if (sofar.length % 70 === 0) assert.equal(meter.tokens, countTokens(sofar));
      }
      assert.equal(meter.tokens, countTokens(text));
    });
  }
});

describe("limitText", () => {
  it("passes a short answer whole", () => {
    const result = limited(wordsOf("Down, down, down."), 100);
    assert.deepEqual(result, {
      text: "Down, down, down.",
      tokens: countTokens("Down, down, down."),
      reason: "stop",
    });
  });

  it("cuts at max_tokens, whatever they are", () => {
    for (const maxTokens of [1, 2, 7, 50, 333]) {
      const { text, reason } = limited(wordsOf(STORY), maxTokens);
      assert.equal(reason, "length");
      assert.ok(STORY.startsWith(text));
      assert.ok(countTokens(text) <= maxTokens && countTokens(text) >= maxTokens - 1);
    }
  });

  it("ends with stop when exactly max_tokens were needed", () => {
    const text = "one two three";
    assert.equal(limited(wordsOf(text), countTokens(text)).reason, "stop");
  });

  it("cuts at the first stop sequence, also across pieces", () => {
    assert.equal(limited(["ab", "cS", "TO", "Pde"], 100, ["STOP"]).text, "abc");
    assert.equal(limited(["abc"], 100, ["c", "b"]).text, "a");
    assert.equal(limited(["ST", "OX"], 100, ["STOP"]).text, "STOX");
  });

  it("never splits a character", () => {
    for (let maxTokens = 1; maxTokens < 12; maxTokens++)
      assert.ok(limited(["👩‍👩‍👧 世界 naïve"], maxTokens).text.isWellFormed());
  });
});
