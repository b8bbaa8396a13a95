import {
  add,
  divide,
  MathError,
  multiply,
  negate,
  parseDecimal,
  power,
  rational,
  type Rational,
} from "./rational.ts";

/** The text is no arithmetic; `at` is where it stops being some. */
export class SyntaxProblem extends Error {
  override readonly name = "SyntaxProblem";
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

const MAX_LENGTH = 2_000;
const MAX_DEPTH = 100;
const TOKEN = /\s*(\d[\d,]*(?:\.\d+)?|\.\d+|\*\*|of\b|[-+*/^()%×÷·−])/uy;
const SAME: Readonly<Record<string, string>> = { "×": "*", "·": "*", "÷": "/", "−": "-", "**": "^", of: "*" };

interface Token {
  readonly text: string;
  readonly at: number;
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (source.slice(at).trim() !== "") {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    const text = match?.[1];
    if (text === undefined)
      throw new SyntaxProblem(`can't read "${source.slice(at).trim().slice(0, 20)}"`, at);
    tokens.push({ text: SAME[text] ?? text, at: TOKEN.lastIndex - text.length });
    at = TOKEN.lastIndex;
  }
  return tokens;
}

/**
 * The exact value of `+ - * / ^ %`, parentheses and "of", with the usual precedence; `^` binds to the right, `%` divides
 * by a hundred.
 * @throws {SyntaxProblem | MathError}
 */
export function evaluate(source: string): Rational {
  if (source.length > MAX_LENGTH) throw new SyntaxProblem(`longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  const tokens = tokenize(source);
  let next = 0;
  let depth = 0;
  const peek = (): string | undefined => tokens[next]?.text;
  const fail = (): never => {
    const token = tokens[next];
    throw new SyntaxProblem(
      token ? `"${token.text}" is out of place` : "something is missing at the end",
      token?.at ?? source.length,
    );
  };
  const expect = (text: string): void => {
    if (peek() !== text) fail();
    next++;
  };

  function sum(): Rational {
    let value = product();
    for (let sign = peek(); sign === "+" || sign === "-"; sign = peek()) {
      next++;
      const term = product();
      value = add(value, sign === "+" ? term : negate(term));
    }
    return value;
  }
  function product(): Rational {
    let value = signed();
    for (let sign = peek(); sign === "*" || sign === "/"; sign = peek()) {
      next++;
      const factor = signed();
      value = sign === "*" ? multiply(value, factor) : divide(value, factor);
    }
    return value;
  }
  function signed(): Rational {
    if (++depth > MAX_DEPTH) throw new SyntaxProblem("too deeply nested", tokens[next]?.at ?? source.length);
    const sign = peek();
    let value: Rational;
    if (sign === "-" || sign === "+") {
      next++;
      value = sign === "-" ? negate(signed()) : signed();
    } else value = raised();
    depth--;
    return value;
  }
  function raised(): Rational {
    const base = percent();
    if (peek() !== "^") return base;
    next++;
    return power(base, signed());
  }
  function percent(): Rational {
    let value = atom();
    while (peek() === "%") {
      next++;
      value = divide(value, rational(100n));
    }
    return value;
  }
  function atom(): Rational {
    const text = peek() ?? fail();
    if (/^[\d.]/u.test(text)) {
      next++;
      return parseDecimal(text);
    }
    expect("(");
    const value = sum();
    expect(")");
    return value;
  }

  const value = sum();
  if (next < tokens.length) fail();
  return value;
}

export { MathError };
