import { lastUserText, wordsOf, type ChatAbility, type Conversation } from "./ability.ts";

const SENTENCES = new Intl.Segmenter("en", { granularity: "sentence" });
const WORDS = new Intl.Segmenter("en", { granularity: "word" });
/** Comparing all with all takes time by the square. */
const MAX_SENTENCES = 400;
const MOST_KEPT = 5;
const DAMPING = 0.85;
const ROUNDS = 50;
const SETTLED = 1e-6;

const STOP_WORDS = new Set(
  (
    "a an and are as at be been but by can could did do does for from had has have he her his how i if in into is it " +
    "its just like may more most my no nor not of on or our out she should so some such than that the their them then " +
    "there these they this those to too up us was we were what when where which while who will with would you your"
  ).split(" "),
);

/** "Summarize this in two sentences: ..." and the like, in front of the text. */
const INSTRUCTION =
  /^\s*(?:please\s+)?(?:summari[sz]e|sum up|shorten|tl;?dr|give (?:me )?a summary)[^:\n]{0,120}(?::|\n)\s*/iu;
const COUNT =
  /\b(?:in|to|into)\s+(?:at most\s+)?(one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|a single)\s+sentences?\b/iu;
const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  for (const paragraph of text.split(/\n\s*\n/u)) {
    let begins = true;
    for (const { segment } of SENTENCES.segment(paragraph.replace(/\s+/gu, " "))) {
      const sentence = segment.trim();
      // "Well!" thought Alice: what goes on in lower case is the same sentence.
      if (!begins && sentences.length > 0 && /^\p{Ll}/u.test(sentence))
        sentences.push(`${sentences.pop()} ${sentence}`);
      else if (/\p{L}/u.test(sentence)) sentences.push(sentence);
      begins = false;
    }
  }
  return sentences.slice(0, MAX_SENTENCES);
}

function contentWords(sentence: string): Set<string> {
  const words = [...WORDS.segment(sentence.toLowerCase())].filter(({ isWordLike }) => isWordLike);
  return new Set(words.map(({ segment }) => segment).filter((word) => !STOP_WORDS.has(word)));
}

/** Shared words, against the lengths: TextRank's similarity (Mihalcea and Tarau, 2004). */
function similarity(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const word of a) if (b.has(word)) shared++;
  return shared === 0 ? 0 : shared / (Math.log(a.size + 1) + Math.log(b.size + 1));
}

/** How central every sentence is: PageRank over the similarities. */
function textRank(sentences: readonly string[]): number[] {
  const words = sentences.map(contentWords);
  const weights = words.map((a, i) => words.map((b, j) => (i === j ? 0 : similarity(a, b))));
  const totals = weights.map((row) => row.reduce((sum, weight) => sum + weight, 0));
  let ranks = sentences.map(() => 1);
  for (let round = 0; round < ROUNDS; round++) {
    const next = ranks.map((_, i) => {
      const votes = ranks.reduce((sum, rank, j) => {
        const total = totals[j] ?? 0;
        return total === 0 ? sum : sum + (rank * (weights[j]?.[i] ?? 0)) / total;
      }, 0);
      return 1 - DAMPING + DAMPING * votes;
    });
    const moved = Math.max(0, ...next.map((rank, i) => Math.abs(rank - (ranks[i] ?? 0))));
    ranks = next;
    if (moved < SETTLED) break;
  }
  return ranks;
}

/** The most central sentences, in their order. */
function summarize(text: string, count?: number): string[] {
  const sentences = sentencesOf(text);
  const kept = Math.min(count ?? Math.min(MOST_KEPT, Math.ceil(sentences.length / 4)), sentences.length);
  const ranks = textRank(sentences);
  return sentences
    .map((sentence, index) => ({ sentence, index, rank: ranks[index] ?? 0 }))
    .toSorted((a, b) => b.rank - a.rank || a.index - b.index)
    .slice(0, kept)
    .toSorted((a, b) => a.index - b.index)
    .map(({ sentence }) => sentence);
}

function countAsked(texts: readonly string[]): number | undefined {
  const word = texts.map((text) => COUNT.exec(text)?.[1]?.toLowerCase()).find((found) => found !== undefined);
  if (word === undefined) return undefined;
  const count = word === "a single" ? 1 : NUMBERS.indexOf(word) + 1 || Number(word);
  return Math.max(1, count);
}

/** Picks a text's most central sentences. */
export const summarizer: ChatAbility = {
  kind: "chat",
  reply(conversation: Conversation): string[] {
    const message = lastUserText(conversation);
    const instruction = INSTRUCTION.exec(message)?.[0] ?? "";
    const system = conversation.messages.filter(({ role }) => role === "system" || role === "developer");
    const count = countAsked([instruction, ...system.map(({ text }) => text)]);
    const sentences = summarize(message.slice(instruction.length), count);
    return wordsOf(
      sentences.length > 0 ? sentences.join(" ") : "Send a text of some sentences to summarize.",
    );
  },
};
