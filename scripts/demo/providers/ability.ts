/** A conversation as an ability gets it: texts only, defaults filled in. */
export interface Conversation {
  readonly messages: readonly { readonly role: string; readonly text: string }[];
  /** 0: the likeliest continuation, always. */
  readonly temperature: number;
  /** The same seed, the same answer. */
  readonly seed: number | undefined;
}

/** Answers a conversation, piece by piece. */
export interface ChatAbility {
  readonly kind: "chat";
  reply(conversation: Conversation): Iterable<string>;
}

/** Turns a text into a vector of length 1. */
export interface EmbeddingAbility {
  readonly kind: "embedding";
  readonly defaultDimensions: number;
  embed(text: string, dimensions: number): number[];
}

/** Paints a text: a PNG file. */
export interface ImageAbility {
  readonly kind: "image";
  /** @param index of several pictures of one text, from 0 */
  paint(prompt: string, width: number, height: number, index: number): Buffer;
}

/** Says a text, in 16-bit samples. */
export interface SpeechAbility {
  readonly kind: "speech";
  speak(text: string, speed: number): Iterable<Buffer>;
  /** How many bytes that is. */
  bytesOf(text: string, speed: number): number;
}

export type Ability = ChatAbility | EmbeddingAbility | ImageAbility | SpeechAbility;

/** What the user said last, which is what these abilities work on. */
export function lastUserText(conversation: Conversation): string {
  return conversation.messages.findLast((message) => message.role === "user")?.text ?? "";
}

/** Words with the blanks before them, so that they join to the same text. */
export function wordsOf(text: string): string[] {
  return text.match(/\s*\S+|\s+$/gu) ?? [];
}
