import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { lastUserText, type ChatAbility, type Conversation } from "./ability.ts";

/** Lewis Carroll, "Alice's Adventures in Wonderland" (1865), from chapters I and II; in the public domain. */
const SOURCE = new URL("wonderland.txt", import.meta.url);

const PARAGRAPH = "\n\n";
/** After so many words the next sentence's end is the end. */
const USUAL_WORDS = 120;
const MOST_WORDS = 3_000;
/** How often a context that allows one word only is shortened, so that the text does not just recite its source. */
const WANDERING = 0.35;
const COMMON = new Set(
  "a an the of to and in is it about tell me story write please for on with i you that".split(" "),
);

type Followers = Map<string, number>;

/** Which words follow which one or two words, how often. */
interface WordModel {
  readonly words: readonly string[];
  readonly after: ReadonlyMap<string, Followers>;
  /** Where sentences begin. */
  readonly starts: readonly number[];
}

const plain = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}'-]/gu, "");
const endsSentence = (word: string): boolean => /[.!?]["')]*$/u.test(word);

/** Counts every run of two and three words. */
function train(text: string): WordModel {
  const words = text
    .trim()
    .split(/\n\s*\n/u)
    .flatMap((paragraph) => paragraph.trim().split(/\s+/u).concat(PARAGRAPH));
  const after = new Map<string, Followers>();
  const count = (context: string, word: string): void => {
    const followers = after.get(context) ?? new Map<string, number>();
    followers.set(word, (followers.get(word) ?? 0) + 1);
    after.set(context, followers);
  };
  const starts: number[] = [];
  words.forEach((word, i) => {
    const previous = words[i - 1];
    const beforeThat = words[i - 2];
    if (previous !== undefined) count(previous, word);
    if (previous !== undefined && beforeThat !== undefined) count(`${beforeThat} ${previous}`, word);
    const begins = previous === undefined || previous === PARAGRAPH || endsSentence(previous);
    if (word !== PARAGRAPH && begins && i + 2 < words.length) starts.push(i);
  });
  return { words, after, starts };
}

/** Mulberry32: the same seed, the same numbers. */
function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick(followers: Followers, temperature: number, random: () => number): string {
  const entries = [...followers];
  if (temperature === 0) return entries.reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
  const weights = entries.map(([, times]) => times ** (1 / temperature));
  let left = random() * weights.reduce((sum, weight) => sum + weight, 0);
  const index = weights.findIndex((weight) => (left -= weight) < 0);
  return entries.at(index)?.[0] ?? PARAGRAPH;
}

/** A sentence's start near one of the prompt's words, if the model knows any. */
function startFor(model: WordModel, prompt: string, random: () => number): number {
  const topics = new Set(
    prompt
      .split(/\s+/u)
      .map(plain)
      .filter((word) => word !== "" && !COMMON.has(word)),
  );
  const fitting = model.starts.filter((start, i) => {
    const end = model.starts[i + 1] ?? model.words.length;
    return model.words.slice(start, end).some((word) => topics.has(plain(word)));
  });
  const choice = fitting.length > 0 ? fitting : model.starts;
  return choice[Math.floor(random() * choice.length)] ?? 0;
}

/** Tells on, word by word. */
function* tell(model: WordModel, conversation: Conversation): Generator<string> {
  const { temperature } = conversation;
  const random = numbersFrom(conversation.seed ?? randomInt(2 ** 32));
  const start = startFor(model, lastUserText(conversation), random);
  let [before, last] = [model.words[start] as string, model.words[start + 1] as string];
  yield before;
  yield last === PARAGRAPH ? last : ` ${last}`;
  for (let told = 2; told < MOST_WORDS; told++) {
    if (told >= USUAL_WORDS && endsSentence(last)) return;
    const long = model.after.get(`${before} ${last}`);
    const short = model.after.get(last);
    const wanders = temperature > 0 && long?.size === 1 && random() < WANDERING * Math.min(temperature, 1);
    const followers = wanders ? short : (long ?? short);
    if (!followers) return;
    const word = pick(followers, temperature, random);
    if (word === PARAGRAPH) yield PARAGRAPH;
    else yield last === PARAGRAPH ? word : ` ${word}`;
    [before, last] = [last, word];
  }
}

/** Learns its words when it is made, and then tells stories with them. */
export function storyteller(): ChatAbility {
  const model = train(readFileSync(SOURCE, "utf8"));
  return { kind: "chat", reply: (conversation) => tell(model, conversation) };
}
