import { choicesFinished, hasContent, isObject } from "../../model/chat.ts";
import { UpstreamError } from "../../ports.ts";
import { AnswerParts, answerHash } from "../answer.ts";
import { choicesWire } from "./choices.ts";
import type { CollectedJson, Fields, JsonWire } from "./wire.ts";

class CollectedChat implements CollectedJson {
  readonly #parts = new AnswerParts();

  get isEmpty(): boolean {
    return this.#parts.isEmpty;
  }

  take({ choices }: Fields): void {
    this.#parts.take(choices, "delta");
  }

  takeWhole({ choices }: Fields): void {
    if (!Array.isArray(choices) || choices.length === 0)
      throw new UpstreamError("protocol", "the answer has no `choices`");
    if (!choices.every((choice) => isObject(choice) && isObject(choice["message"])))
      throw new UpstreamError("protocol", "a choice of the answer has no `message`");
    this.#parts.take(choices, "message");
  }

  hash() {
    return answerHash(this.#parts.choices());
  }

  texts(): string[] {
    return this.#parts.texts();
  }

  units(): number {
    return 0;
  }
}

/** `POST /v1/chat/completions` */
export const chat: JsonWire = {
  ...choicesWire({ whole: "chat.completion", chunk: "chat.completion.chunk" }, { delta: { content: "" } }),
  answers: "json",
  path: "/chat/completions",
  isOptional: false,
  limitField: "max_tokens",
  ownFields: ["max_completion_tokens"],
  collect: () => new CollectedChat(),
  shape: { hasContent, ends: choicesFinished, mayEndEarly: true },
};
