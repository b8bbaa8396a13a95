import assert from "node:assert/strict";
import { test } from "node:test";
import { durationMsOf, MAX_TIMING, timingOf } from "../../../router/model/timing.ts";
import { timingVectors } from "../../vectors/read.ts";

const { durationsMs } = timingVectors();
const TIMINGS = Array.from({ length: MAX_TIMING }, (_, i) => i + 1);

test("every timing has the duration of the vectors", () => {
  for (const timing of TIMINGS) assert.equal(durationMsOf(timing), durationsMs[timing], `timing ${timing}`);
});

test("durations grow with timings", () => {
  for (const timing of TIMINGS.slice(1))
    assert.ok(durationMsOf(timing) >= durationMsOf(timing - 1), `timing ${timing}`);
});

test("timingOf gives the largest timing whose duration is not longer", () => {
  for (const timing of TIMINGS) {
    const duration = durationMsOf(timing);
    for (const ms of [duration, duration + 0.5, duration + 1]) {
      const found = timingOf(ms);
      assert.ok(durationMsOf(found) <= ms, `${ms} ms`);
      assert.ok(found === MAX_TIMING || durationMsOf(found + 1) > ms, `${ms} ms`);
    }
  }
});

test("timingOf is the inverse wherever durations differ", () => {
  for (const timing of TIMINGS)
    if (timing === MAX_TIMING || durationMsOf(timing + 1) > durationMsOf(timing))
      assert.equal(timingOf(durationMsOf(timing)), timing);
});

test("a successful request is never mistaken for a failed one, however short or long", () => {
  for (const ms of [0, 0.1, 0.999]) assert.equal(timingOf(ms), 1);
  for (const ms of [2 ** 22, Number.MAX_SAFE_INTEGER, Infinity]) assert.equal(timingOf(ms), MAX_TIMING);
});

test("nothing else than 1 to 255 is a duration", () => {
  for (const timing of [0, -1, 256, 1.5, NaN]) assert.throws(() => durationMsOf(timing), RangeError);
});
