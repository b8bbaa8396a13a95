import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figure, medianOf } from "../../../scripts/bench/router/figures.ts";

describe("the bench's figures", () => {
  it("takes the median of an odd and of an even number of rounds", () => {
    assert.equal(medianOf([3, 1, 10]), 3);
    assert.equal(medianOf([4, 1, 3, 10]), 3.5);
  });

  it("judges the median, and shows the range and every round", () => {
    const rounds = [{ ratio: 0.4 }, { ratio: 0.6 }, { ratio: 0.5 }];
    const shown = figure(rounds, ({ ratio }) => ratio, { atLeast: 0.5 });
    assert.equal(shown.isMet, true);
    assert.deepEqual([shown.min, shown.median, shown.max], [0.4, 0.5, 0.6]);
    assert.deepEqual(shown.rounds[1], { ratio: 0.6, value: 0.6 });
  });

  it("misses a target by what is on the wrong side of it, and by what is no number", () => {
    const judged = (value: number, target: { atMost: number }): boolean =>
      figure([{ value }], (round) => round.value, target).isMet;
    assert.equal(judged(1.01, { atMost: 1 }), false);
    assert.equal(judged(1, { atMost: 1 }), true);
    assert.equal(judged(Number.NaN, { atMost: 1 }), false);
  });
});
