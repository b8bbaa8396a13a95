import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerParts, answerHash } from "../../../router/request/answer.ts";

const of = (field: "delta" | "message", ...takes: unknown[]): AnswerParts => {
  const parts = new AnswerParts();
  for (const choices of takes) parts.take(choices, field);
  return parts;
};
const delta = (part: object, finish_reason: string | null = null, index = 0) => [
  { index, delta: part, finish_reason },
];

describe("an answer's hash", () => {
  it("is the same streamed and whole", () => {
    const whole = of("message", [
      { index: 0, message: { role: "assistant", content: "Hello!" }, finish_reason: "stop", logprobs: null },
    ]);
    const streamed = of(
      "delta",
      delta({ role: "assistant", content: "" }),
      delta({ content: "Hel" }),
      delta({ content: "lo!" }),
      delta({}, "stop"),
    );
    assert.equal(answerHash(streamed.choices()), answerHash(whole.choices()));
    assert.equal(
      answerHash(whole.choices()),
      // sha256 of {"choices":[{"finish_reason":"stop","index":0,"message":{"content":"Hello!","role":"assistant"}}]}
      "0x9802084170252128b0f2e21c98cc45b8d1f4f43b17f1ca202db3d53c5990e273",
    );
  });

  it("is the same for tool calls, streamed in pieces and interleaved", () => {
    const call = (id: string, args: string) => ({
      id,
      type: "function",
      function: { name: "f", arguments: args },
    });
    const message = { role: "assistant", content: null, tool_calls: [call("a", '{"x":1}'), call("b", "{}")] };
    const whole = of("message", [{ index: 0, message, finish_reason: "tool_calls" }]);
    const streamed = of(
      "delta",
      delta({ role: "assistant", tool_calls: [{ index: 0, ...call("a", "") }] }),
      delta({ tool_calls: [{ index: 1, ...call("b", "") }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"x"' } }] }),
      delta({ tool_calls: [{ index: 1, function: { arguments: "{}" } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }] }, "tool_calls"),
    );
    assert.deepEqual(streamed.choices(), whole.choices());
  });

  it("is the same for several choices, in whatever order they come", () => {
    const choice = (index: number) => ({
      index,
      message: { role: "assistant", content: `${index}` },
      finish_reason: "stop",
    });
    const streamed = of("delta", delta({ content: "1" }, "stop", 1), delta({ content: "0" }, "stop", 0));
    assert.deepEqual(streamed.choices(), of("message", [choice(0), choice(1)]).choices());
  });

  it("has no finish reason for an answer that was cut", () => {
    assert.equal(of("delta", delta({ content: "Hel" })).choices()[0]?.finish_reason, null);
  });
});

describe("an answer", () => {
  it("is empty with a role, a finish reason or empty text alone", () => {
    assert.ok(of("delta", delta({ role: "assistant", content: "" }), delta({}, "stop")).isEmpty);
    for (const part of [{ content: "x" }, { reasoning: "x" }, { refusal: "x" }, { tool_calls: [{}] }])
      assert.ok(!of("delta", delta(part)).isEmpty);
  });

  it("counts reasoning and tool calls as text, reasoning under two names once", () => {
    const parts = of(
      "delta",
      delta({ reasoning: "why", reasoning_content: "why" }),
      delta({ content: "so", tool_calls: [{ index: 0, function: { name: "f", arguments: "{}" } }] }),
    );
    assert.equal(parts.texts().join("|"), "so|why|f{}");
  });

  it("survives whatever a provider sends", () => {
    const odd = [
      null,
      7,
      "x",
      {},
      { index: -1 },
      { index: 0, delta: 5 },
      { delta: { tool_calls: [null, { index: 1e9 }] } },
    ];
    assert.doesNotThrow(() => of("delta", odd, undefined, {}).choices());
  });
});
