import { isGenerated, isObject } from "../model/chat.ts";
import { contentHash } from "../model/commitment.ts";
import type { Hex } from "../model/bytes.ts";

type Fields = Readonly<Record<string, unknown>>;

interface ToolCall {
  readonly id: string;
  readonly type: string;
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One choice of an answer, in the form that `responseHash` commits to. */
export interface AnswerChoice {
  readonly index: number;
  readonly message: {
    readonly role: string;
    /** Null when empty. */
    readonly content: unknown;
    /** Left out when there are none; in order of their index. */
    readonly tool_calls?: readonly ToolCall[];
  };
  /** Null when the answer was cut. */
  readonly finish_reason: string | null;
}

/**
 * `responseHash` of a chat answer: the content hash of `{choices: [{index, message: {role, content, tool_calls?},
 * finish_reason}]}`, in order of index. An answer has the same hash streamed or whole. Reasoning, refusals, audio and log
 * probabilities are not committed to: servers disagree about their shapes.
 */
export function answerHash(choices: readonly AnswerChoice[]): Hex {
  return contentHash({ choices });
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

class ChoiceParts {
  readonly index: number;
  role = "";
  content: string[] = [];
  /** Content that is no text; only whole answers have it. */
  parts: unknown = undefined;
  /** Reasoning and refusals: generated, so counted. */
  aside: string[] = [];
  calls: { id: string; type: string; name: string; arguments: string[] }[] = [];
  finishReason: string | null = null;

  constructor(index: number) {
    this.index = index;
  }

  take(part: Fields): void {
    if (this.role === "") this.role = text(part["role"]);
    const { content } = part;
    if (typeof content === "string") this.content.push(content);
    else if (Array.isArray(content) && content.length > 0) this.parts = content;
    // Some servers send their reasoning under both names.
    const reasoning = part["reasoning_content"] ?? part["reasoning"];
    this.aside.push(text(reasoning), text(part["refusal"]));
    const calls = part["tool_calls"];
    if (Array.isArray(calls)) calls.forEach((call, position) => this.#takeCall(call, position));
  }

  #takeCall(call: unknown, position: number): void {
    if (!isObject(call)) return;
    const index = typeof call["index"] === "number" ? call["index"] : position;
    if (!Number.isInteger(index) || index < 0 || index > 1_023) return;
    const called = isObject(call["function"]) ? call["function"] : {};
    const known = (this.calls[index] ??= { id: "", type: "", name: "", arguments: [] });
    known.id ||= text(call["id"]);
    known.type ||= text(call["type"]);
    known.name ||= text(called["name"]);
    known.arguments.push(text(called["arguments"]));
  }

  whole(): AnswerChoice {
    const content = this.content.join("");
    // An index that was skipped leaves a hole; `filter` closes it.
    const toolCalls = this.calls
      .filter(() => true)
      .map((call) => ({
        id: call.id,
        type: call.type || "function",
        function: { name: call.name, arguments: call.arguments.join("") },
      }));
    return {
      index: this.index,
      message: {
        role: this.role || "assistant",
        content: this.parts ?? (content === "" ? null : content),
        ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
      },
      finish_reason: this.finishReason,
    };
  }
}

/** Puts an answer together, from the pieces of a stream or from a whole. */
export class AnswerParts {
  readonly #choices = new Map<number, ChoiceParts>();
  /** True until something was generated. */
  isEmpty = true;

  /** Takes the choices of a chunk (`delta`) or of a whole answer (`message`). */
  take(choices: unknown, field: "delta" | "message"): void {
    if (!Array.isArray(choices)) return;
    choices.forEach((choice: unknown, position) => {
      if (!isObject(choice)) return;
      const index = typeof choice["index"] === "number" ? choice["index"] : position;
      let parts = this.#choices.get(index);
      if (!parts) this.#choices.set(index, (parts = new ChoiceParts(index)));
      const part = choice[field];
      if (isObject(part)) {
        parts.take(part);
        if (this.isEmpty && isGenerated(part)) this.isEmpty = false;
      }
      const reason = choice["finish_reason"];
      if (typeof reason === "string") parts.finishReason = reason;
    });
  }

  choices(): AnswerChoice[] {
    return [...this.#choices.values()].toSorted((a, b) => a.index - b.index).map((parts) => parts.whole());
  }

  /** Everything generated, to be counted. */
  texts(): string[] {
    return [...this.#choices.values()].flatMap((parts) => [
      parts.content.join(""),
      parts.aside.join(""),
      ...parts.calls.map((call) => call.name + call.arguments.join("")),
    ]);
  }
}
