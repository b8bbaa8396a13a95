/** The request that every proxy of the bench is sent, and what the provider behind it answers. */

export const BENCH_MODEL = "bench/echo";

const MESSAGES = [
  { role: "system", content: "You answer in one short sentence, without any introduction." },
  {
    role: "user",
    content:
      "Which of the planets of our solar system has the most moons, and about how many are known today?",
  },
];

/** About 330 bytes of JSON. */
export function requestBody(stream: boolean): string {
  return JSON.stringify({
    model: BENCH_MODEL,
    messages: MESSAGES,
    temperature: 0.2,
    max_tokens: 64,
    ...(stream && { stream: true, stream_options: { include_usage: true } }),
  });
}

const WORDS = ["Saturn", " has", " the", " most", " moons", ":", " about", " 274", " are", " known."];
const USAGE = {
  prompt_tokens: 45,
  completion_tokens: 12,
  total_tokens: 57,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
};
const HEAD = {
  id: "chatcmpl-bench",
  created: 1_790_000_000,
  model: BENCH_MODEL,
  system_fingerprint: "fp_bench",
};

/** A whole answer, about 600 bytes. */
export function wholeAnswer(): string {
  const message = { role: "assistant", content: WORDS.join(""), refusal: null, annotations: [] };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "stop" }];
  return JSON.stringify({
    ...HEAD,
    object: "chat.completion",
    choices,
    usage: USAGE,
    service_tier: "default",
  });
}

const event = (fields: object): string =>
  `data: ${JSON.stringify({ ...HEAD, object: "chat.completion.chunk", ...fields })}\n\n`;
const delta = (content: object, reason: string | null = null): string =>
  event({ choices: [{ index: 0, delta: content, logprobs: null, finish_reason: reason }] });

/** The events of a streamed answer, in the groups in which they leave. */
export function streamedAnswer(): readonly string[] {
  const [first = "", ...others] = WORDS;
  return [
    delta({ role: "assistant", content: "" }) + delta({ content: first }),
    ...others.map((content) => delta({ content })),
    `${delta({}, "stop")}${event({ choices: [], usage: USAGE })}data: [DONE]\n\n`,
  ];
}
