import { choicesFinished, isObject } from "../../model/chat.ts";
import { contentHash } from "../../model/commitment.ts";
import { UpstreamError } from "../../ports.ts";
import { choicesWire } from "./choices.ts";
import type { CollectedJson, Fields, JsonWire } from "./wire.ts";

interface TextChoice {
  readonly index: number;
  readonly pieces: string[];
  finishReason: string | null;
}

/** `responseHash` of a text answer: the content hash of `{choices: [{index, text, finish_reason}]}`, by index. */
class CollectedText implements CollectedJson {
  readonly #choices = new Map<number, TextChoice>();
  isEmpty = true;

  take({ choices }: Fields): void {
    if (!Array.isArray(choices)) return;
    choices.forEach((choice: unknown, position) => {
      if (!isObject(choice)) return;
      const index = typeof choice["index"] === "number" ? choice["index"] : position;
      let known = this.#choices.get(index);
      if (!known) this.#choices.set(index, (known = { index, pieces: [], finishReason: null }));
      const { text, finish_reason: reason } = choice;
      if (typeof text === "string" && text !== "") {
        known.pieces.push(text);
        this.isEmpty = false;
      }
      if (typeof reason === "string") known.finishReason = reason;
    });
  }

  takeWhole(body: Fields): void {
    const { choices } = body;
    if (!Array.isArray(choices) || choices.length === 0)
      throw new UpstreamError("protocol", "the answer has no `choices`");
    if (!choices.every((choice) => isObject(choice) && typeof choice["text"] === "string"))
      throw new UpstreamError("protocol", "a choice of the answer has no `text`");
    this.take(body);
  }

  hash() {
    const choices = [...this.#choices.values()]
      .toSorted((a, b) => a.index - b.index)
      .map(({ index, pieces, finishReason }) => ({
        index,
        text: pieces.join(""),
        finish_reason: finishReason,
      }));
    return contentHash({ choices });
  }

  texts(): string[] {
    return [...this.#choices.values()].map(({ pieces }) => pieces.join(""));
  }

  units(): number {
    return 0;
  }
}

const hasText = ({ choices }: Fields): boolean =>
  Array.isArray(choices) &&
  choices.some((choice) => isObject(choice) && typeof choice["text"] === "string" && choice["text"] !== "");

/** `POST /v1/completions`: a text that goes on, as before there were chats. */
export const completions: JsonWire = {
  ...choicesWire({ whole: "text_completion", chunk: "text_completion" }, { text: "", logprobs: null }),
  answers: "json",
  path: "/completions",
  isOptional: true,
  limitField: "max_tokens",
  ownFields: [],
  collect: () => new CollectedText(),
  shape: { hasContent: hasText, ends: choicesFinished, mayEndEarly: true },
};
