import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluate } from "../../../scripts/demo/providers/arithmetic.ts";
import { formatRational, MathError } from "../../../scripts/demo/providers/rational.ts";
import { solve } from "../../../scripts/demo/providers/solver.ts";

describe("arithmetic", () => {
  const values: readonly (readonly [string, string])[] = [
    ["1 + 2 * 3", "7"],
    ["(1 + 2) * 3", "9"],
    ["2 - 3 - 4", "-5"],
    ["24 / 4 / 2", "3"],
    ["2 ^ 3 ^ 2", "512"],
    ["-3 ^ 2", "-9"],
    ["(-3) ^ 2", "9"],
    ["2 ^ -2", "0.25"],
    ["0.1 + 0.2", "0.3"],
    ["1 / 3", "1/3 ≈ 0.3333333333"],
    ["-2 / 3", "-2/3 ≈ -0.6666666667"],
    ["12% of 50", "6"],
    ["50%%", "0.005"],
    ["1,000,000 × 3", "3000000"],
    ["10 ÷ 4", "2.5"],
    ["7 − 9", "-2"],
    ["2 ** 10", "1024"],
    ["--5", "5"],
    ["2 ^ 100", "1267650600228229401496703205376"],
    ["(-1) ^ 1000001", "-1"],
    ["(-1) ^ 1000000", "1"],
    ["0 ^ 0", "1"],
    ["0 ^ 7", "0"],
  ];
  for (const [source, expected] of values) {
    it(`${source} is ${expected}`, () => {
      assert.equal(formatRational(evaluate(source)), expected);
    });
  }

  for (const source of [
    "",
    "1 +",
    "(1",
    "1)",
    "1 2",
    "* 3",
    "alert(1)",
    "1; 2",
    "1..2",
    `${"(".repeat(5_000)}1`,
  ]) {
    it(`refuses ${JSON.stringify(source.slice(0, 20))}`, () => {
      assert.throws(() => evaluate(source), { name: "SyntaxProblem" });
    });
  }

  for (const source of ["1 / 0", "0 ^ -1", "9 ^ 9 ^ 9 ^ 9", "2 ^ 0.5", "(10^1000) ^ 1000", "10 ^ 2001"]) {
    it(`has no answer for ${source}`, () => {
      assert.throws(() => evaluate(source), MathError);
    });
  }
});

describe("solver", () => {
  const answers: readonly (readonly [string, string])[] = [
    ["What is 12% of 50?", "12% of 50 = 6"],
    ["Please compute (3 + 4)^2 / 7.", "(3 + 4)^2 / 7 = 7"],
    ["what is 17 times 23? Answer with the number only.", "391"],
    ["increase 80 by 15%", "80 * (1 + 15%) = 92"],
    ["reduce 80 by 15 percent", "80 * (1 - 15%) = 68"],
    ["15% off 80", "80 * (1 - 15%) = 68"],
    ["30 is what percent of 120?", "30 / 120 = 25%"],
    ["What percent of 8 is 2? Only the number.", "25"],
    ["subtract 3 from 10", "10 - 3 = 7"],
    ["What is the sum of 2 and 40?", "2 + 40 = 42"],
    ["half of 9", "1/2 of 9 = 4.5"],
    ["5 squared plus 1", "5 ^ 2 + 1 = 26"],
    ["3 x 4", "3 * 4 = 12"],
    ["10 / 0", "There is no answer: division by zero has no result."],
  ];
  for (const [question, answer] of answers) {
    it(`answers "${question}"`, () => {
      assert.equal(solve(question), answer);
    });
  }

  it("says what it can do when there is nothing to compute", () => {
    for (const text of ["hello", "3 apples and 4 pears", "1.5e3"]) assert.match(solve(text), /^I compute/u);
  });
});
