/** What people ask for, as far as it decides which model is good at it. */
export const TASKS = [
  "chat",
  "summarize",
  "math",
  "code",
  "write",
  "translate",
  "extract",
  "classify",
  "embed",
  "image",
  "speech",
] as const;
export type Task = (typeof TASKS)[number];

/** How likely a request is each task; they add up to 1, and what is not named is 0. */
export type TaskBelief = ReadonlyMap<Task, number>;

export const certainly = (task: Task): TaskBelief => new Map([[task, 1]]);

/** Words that speak for a task, each with how much; what several tasks share speaks for none of them. */
const SIGNS: readonly (readonly [Task, number, RegExp])[] = [
  [
    "summarize",
    3,
    /\b(?:summari[sz]e|summary|tl;?dr|key points|in (?:one|two|three|a few) sentences?|abridge|digest)\b/i,
  ],
  ["summarize", 1, /\b(?:shorten|condense|gist|main ideas?)\b/i],
  [
    "math",
    3,
    /\b(?:calculate|compute|solve|how much is|how many|percent(?:age)?|equation|integral|probability)\b/i,
  ],
  ["math", 2, /\d\s*(?:[+*/^=%×÷]|-\s)\s*\d|\d\s*%\s*of\b/],
  [
    "code",
    3,
    /```|\b(?:function|class|python|javascript|typescript|rust|sql|regex|stack ?trace|compile|refactor|unit tests?|bug)\b/i,
  ],
  ["code", 2, /(?:=>|[;{}]\s*$|\bdef \w+\(|\bimport \w+)/m],
  ["write", 3, /\b(?:story|poem|tale|essay|novel|lyrics|fiction|once upon a time)\b/i],
  ["write", 1, /\b(?:write|compose|draft|imagine|continue)\b/i],
  [
    "translate",
    3,
    /\b(?:translate|translation|(?:in|into|to) (?:english|french|german|spanish|italian|chinese|japanese|arabic|hindi|portuguese|russian))\b/i,
  ],
  ["extract", 3, /\b(?:extract|parse|as json|json schema|fill in the fields|key-value)\b/i],
  [
    "classify",
    3,
    /\b(?:classify|categori[sz]e|sentiment|label (?:this|the|each)|positive or negative|spam)\b/i,
  ],
];
/** What a request is that shows no signs. */
const CHAT_WEIGHT = 1;
/** The beginning and the end of a text say what is wanted of it. */
const LOOKED_AT = 2_000;

/** Guesses a text's task from how it begins and ends. */
export function guessTask(text: string): TaskBelief {
  const looked =
    text.length > 2 * LOOKED_AT ? `${text.slice(0, LOOKED_AT)}\n${text.slice(-LOOKED_AT)}` : text;
  const weights = new Map<Task, number>([["chat", CHAT_WEIGHT]]);
  for (const [task, weight, sign] of SIGNS)
    if (sign.test(looked)) weights.set(task, (weights.get(task) ?? 0) + weight);
  // Squared: two signs for one task are more than one sign each for two.
  const squares = [...weights].map(([task, weight]) => [task, weight ** 2] as const);
  const sum = squares.reduce((total, [, square]) => total + square, 0);
  return new Map(squares.map(([task, square]) => [task, square / sum]));
}

/** What a model's name claims it is for. */
const CLAIMS: readonly (readonly [Task, RegExp])[] = [
  ["summarize", /summar|digest|abstract/i],
  ["math", /math|solv|arithm|calc/i],
  ["code", /code|coder|dev\b|program/i],
  ["write", /stor(?:y|ies)|write|novel|poet|creative/i],
  ["translate", /translat|nllb|m2m/i],
  ["extract", /extract|parse/i],
  ["classify", /classif|sentiment|moderat|guard/i],
  ["embed", /embed|e5|bge/i],
  ["image", /paint|image|diffusion|dall|flux|draw/i],
  ["speech", /speech|speak|tts|voice/i],
];

/** The tasks that a name claims; none: it is for anything. */
export function claimedTasks(name: string): Task[] {
  return CLAIMS.flatMap(([task, sign]) => (sign.test(name) ? [task] : []));
}
