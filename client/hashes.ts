import canonicalize from "canonicalize";
import { sha256, stringToBytes, type Hex } from "viem";

type Fields = Readonly<Record<string, unknown>>;

/** SHA-256 of a JSON value in canonical form (RFC 8785). */
export function contentHash(value: unknown): Hex {
  return sha256(stringToBytes(canonicalize(value) ?? "null"));
}

/**
 * What a receipt's `requestHash` commits to: the body as it was sent; on the wallet rail `{body, payment}`, where
 * `payment` is the nonce of the authorization, lower case.
 */
export function requestHash(body: unknown, paymentNonce?: Hex): Hex {
  return contentHash(paymentNonce === undefined ? body : { body, payment: paymentNonce.toLowerCase() });
}

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

interface Call {
  id: string;
  type: string;
  name: string;
  arguments: string;
}

interface Choice {
  role: string;
  content: string;
  parts: unknown;
  text: string;
  calls: Call[];
  finishReason: string | null;
}

function takeCalls(known: Call[], calls: unknown): void {
  if (!Array.isArray(calls)) return;
  calls.forEach((call: unknown, position) => {
    if (!isObject(call)) return;
    const index = typeof call["index"] === "number" ? call["index"] : position;
    const called = isObject(call["function"]) ? call["function"] : {};
    const into = (known[index] ??= { id: "", type: "", name: "", arguments: "" });
    into.id ||= text(call["id"]);
    into.type ||= text(call["type"]);
    into.name ||= text(called["name"]);
    into.arguments += text(called["arguments"]);
  });
}

/** Puts the choices of an answer together, from the events of a stream or from a whole body. */
function choicesOf(bodies: readonly Fields[]): [number, Choice][] {
  const found = new Map<number, Choice>();
  for (const { choices } of bodies) {
    if (!Array.isArray(choices)) continue;
    choices.forEach((choice: unknown, position) => {
      if (!isObject(choice)) return;
      const index = typeof choice["index"] === "number" ? choice["index"] : position;
      let into = found.get(index);
      if (!into)
        found.set(
          index,
          (into = { role: "", content: "", parts: undefined, text: "", calls: [], finishReason: null }),
        );
      const part = choice["delta"] ?? choice["message"];
      if (isObject(part)) {
        into.role ||= text(part["role"]);
        into.content += text(part["content"]);
        if (Array.isArray(part["content"]) && part["content"].length > 0) into.parts = part["content"];
        takeCalls(into.calls, part["tool_calls"]);
      }
      into.text += text(choice["text"]);
      if (typeof choice["finish_reason"] === "string") into.finishReason = choice["finish_reason"];
    });
  }
  return [...found].toSorted(([a], [b]) => a - b);
}

function chatChoice([index, choice]: [number, Choice]) {
  const calls = choice.calls
    .filter(() => true)
    .map((call) => ({
      id: call.id,
      type: call.type || "function",
      function: { name: call.name, arguments: call.arguments },
    }));
  return {
    index,
    message: {
      role: choice.role || "assistant",
      content: choice.parts ?? (choice.content === "" ? null : choice.content),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
    finish_reason: choice.finishReason,
  };
}

/**
 * What a receipt's `responseHash` commits to, from the answer as it was received: a whole body, or the events of a stream.
 * Undefined for an endpoint whose answers this package can't put together.
 */
export function responseHash(path: string, bodies: readonly Fields[]): Hex | undefined {
  if (path.endsWith("/chat/completions")) return contentHash({ choices: choicesOf(bodies).map(chatChoice) });
  if (path.endsWith("/completions"))
    return contentHash({
      choices: choicesOf(bodies).map(([index, choice]) => ({
        index,
        text: choice.text,
        finish_reason: choice.finishReason,
      })),
    });
  if (path.endsWith("/embeddings")) return contentHash({ data: bodies[0]?.["data"] });
  return undefined;
}
