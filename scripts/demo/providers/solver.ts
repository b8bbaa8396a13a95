import { lastUserText, wordsOf, type ChatAbility } from "./ability.ts";
import { evaluate, MathError, SyntaxProblem } from "./arithmetic.ts";
import { formatRational, multiply, rational } from "./rational.ts";

const NUMBER = String.raw`(-?\d[\d,]*(?:\.\d+)?)`;

/** Sentences that are sums, and how they are written. */
const PHRASES: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`increase ${NUMBER} by ${NUMBER} ?%`, "giu"), "$1 * (1 + $2%)"],
  [new RegExp(`(?:decrease|reduce) ${NUMBER} by ${NUMBER} ?%`, "giu"), "$1 * (1 - $2%)"],
  [new RegExp(`${NUMBER} ?% off(?: of)? ${NUMBER}`, "giu"), "$2 * (1 - $1%)"],
  [new RegExp(`${NUMBER} ?% more than ${NUMBER}`, "giu"), "$2 * (1 + $1%)"],
  [new RegExp(`${NUMBER} ?% less than ${NUMBER}`, "giu"), "$2 * (1 - $1%)"],
  [new RegExp(`(?:sum of) ${NUMBER} and ${NUMBER}`, "giu"), "$1 + $2"],
  [new RegExp(`(?:difference (?:of|between)) ${NUMBER} and ${NUMBER}`, "giu"), "$1 - $2"],
  [new RegExp(`(?:product of) ${NUMBER} and ${NUMBER}`, "giu"), "$1 * $2"],
  [new RegExp(`(?:quotient of) ${NUMBER} and ${NUMBER}`, "giu"), "$1 / $2"],
  [new RegExp(`subtract ${NUMBER} from ${NUMBER}`, "giu"), "$2 - $1"],
  [new RegExp(`add ${NUMBER} (?:and|to) ${NUMBER}`, "giu"), "$1 + $2"],
  [new RegExp(`multiply ${NUMBER} (?:by|and) ${NUMBER}`, "giu"), "$1 * $2"],
  [new RegExp(`divide ${NUMBER} by ${NUMBER}`, "giu"), "$1 / $2"],
];
const SHARE = new RegExp(`${NUMBER} is (?:what|how many) (?:percent|per cent|%) of ${NUMBER}`, "iu");
const SHARE_TURNED = new RegExp(`what (?:percent|per cent|%) of ${NUMBER} is ${NUMBER}`, "iu");

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:per cent|percent)\b/giu, "%"],
  [/\bhalf of\b/giu, "1/2 of"],
  [/\b(?:a )?third of\b/giu, "1/3 of"],
  [/\b(?:a )?quarter of\b/giu, "1/4 of"],
  [/\btwice\b|\bdouble\b/giu, "2 *"],
  [/\b(?:divided by|over)\b/giu, "/"],
  [/\b(?:multiplied by|times)\b|(?<=\d)\s*x\s*(?=\d)/giu, "*"],
  [/\b(?:to the power of|raised to)\b/giu, "^"],
  [/\bsquared\b/giu, "^ 2"],
  [/\bcubed\b/giu, "^ 3"],
  [/\bplus\b/giu, "+"],
  [/\bminus\b/giu, "-"],
];

const NUMBER_ONLY =
  /\b(?:number|result|answer|value) only\b|\bonly (?:with )?(?:the |a )?(?:number|result|answer|value)\b/iu;

/** A run of what arithmetic is written with. */
const EXPRESSION = /[-−(.\d](?:[-−+*/^()%×÷·.,\d\s]|\bof\b)*/giu;

function normalized(text: string): string {
  const written = WORDS.reduce((result, [pattern, sign]) => result.replace(pattern, ` ${sign} `), text);
  const spaced = written.replace(/[ \t]+/gu, " ").replace(/ %/gu, "%");
  return PHRASES.reduce((result, [pattern, sum]) => result.replace(pattern, sum), spaced);
}

/** The longest part of `text` that is arithmetic with something to compute. */
function expressionIn(text: string): string | undefined {
  const found = [...text.matchAll(EXPRESSION)]
    // A number with a letter on it, like 1.5e3, is something else.
    .filter(
      (match) => !/\p{L}/u.test(`${text[match.index - 1] ?? ""}${text[match.index + match[0].length] ?? ""}`),
    )
    .map(([run]) => run.trim().replace(/[.,\s]+$/u, ""))
    .filter((run) => /\d/u.test(run));
  const sums = found.filter((run) => /\d.*?(?:[-−+*/^%×÷·]|\bof\b)/u.test(run));
  if (sums.length === 0) return found.length === 1 ? found[0] : undefined;
  return sums.toSorted((a, b) => b.length - a.length)[0];
}

const tidy = (source: string): string =>
  source.replace(/\s+/gu, " ").replace(/\( /gu, "(").replace(/ \)/gu, ")").trim();

/** One line: what was computed, and the result; the result alone for who asks for the number only. */
export function solve(question: string): string {
  const text = question.slice(0, 4_000);
  try {
    const share = SHARE.exec(text);
    const turned = SHARE_TURNED.exec(text);
    const [part, whole] = share ? [share[1], share[2]] : [turned?.[2], turned?.[1]];
    if (part !== undefined && whole !== undefined) {
      const percent = multiply(evaluate(`${part} / ${whole}`), rational(100n));
      return NUMBER_ONLY.test(text)
        ? formatRational(percent)
        : `${part} / ${whole} = ${formatRational(percent)}%`;
    }
    const expression = expressionIn(normalized(text));
    if (expression === undefined)
      return "I compute: send me arithmetic, like (3 + 4)^2 / 7, or a question, like what is 12% of 50?";
    const result = formatRational(evaluate(expression));
    return NUMBER_ONLY.test(text) ? result : `${tidy(expression)} = ${result}`;
  } catch (error) {
    if (error instanceof MathError) return `There is no answer: ${error.message}.`;
    if (error instanceof SyntaxProblem) return `I can't read that as arithmetic: ${error.message}.`;
    throw error;
  }
}

/** Computes exactly: fractions of whole numbers of any size, no floating point. */
export const solver: ChatAbility = {
  kind: "chat",
  reply: (conversation) => wordsOf(solve(lastUserText(conversation))),
};
