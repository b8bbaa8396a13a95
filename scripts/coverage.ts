/**
 * Which lines of the contracts the contract tests run, and which way each of their conditions went: exit code 1 below 100 %
 * of either.
 *
 * Hardhat's coverage counts lines. So the tests run on a copy of the project in which every condition (of `if`, loops, `?:`
 * and `require`, and each side of `&&` and `||`) passes through a function of its own with a line for true and a line for
 * false; see `coverage/forks.ts`. Inline assembly has neither lines nor branches in it: the fuzz tests compare it with a
 * second implementation instead.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { copyWithForks, FORKS_FILE } from "./coverage/forks.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COPY = path.join(ROOT, "coverage", "forks");
const HARDHAT = path.join(ROOT, "node_modules", "hardhat", "dist", "src", "cli.js");
const REPORT = path.join(COPY, "coverage", "lcov.info");
const LIMIT_MIN = 30;
const FOLDER = "contracts/";

const files = globSync(`${FOLDER}**/*.sol`, { cwd: ROOT }).toSorted();
const forks = copyWithForks(ROOT, COPY, files);
console.log(`coverage: ${files.length} files with ${forks.length} conditions`);
const { status } = spawnSync(process.execPath, [HARDHAT, "test", "--coverage"], {
  cwd: COPY,
  stdio: "inherit",
  timeout: LIMIT_MIN * 60_000,
});
if (status !== 0) {
  console.error("coverage: the tests failed");
  process.exit(1);
}

/** How often each line ran, by file and number. */
const hitsOf = new Map<string, Map<number, number>>();
let lines = new Map<number, number>();
for (const entry of readFileSync(REPORT, "utf8").split("\n")) {
  if (entry.startsWith("SF:")) {
    lines = new Map();
    hitsOf.set(entry.slice(3), lines);
  }
  const line = /^DA:(?<number>\d+),(?<hits>\d+)/u.exec(entry)?.groups;
  if (line !== undefined) lines.set(Number(line["number"]), Number(line["hits"]));
}

let lineCount = 0;
const missing: string[] = [];
for (const [file, hits] of hitsOf) {
  if (!file.startsWith(FOLDER) || file === FORKS_FILE) continue;
  for (const [line, count] of hits) {
    lineCount++;
    if (count === 0) missing.push(`${file}:${line}: never runs`);
  }
}
const ways = hitsOf.get(FORKS_FILE) ?? new Map<number, number>();
const went = (line: number): boolean => (ways.get(line) ?? 0) > 0;
for (const { file, line, whenTrue, whenFalse } of forks) {
  if (!went(whenTrue)) missing.push(`${file}:${line}: a condition that is never true`);
  if (!went(whenFalse)) missing.push(`${file}:${line}: a condition that is never false`);
}
const missingLines = missing.filter((place) => place.endsWith("never runs")).length;
const branches = 2 * forks.length;
const missingBranches = missing.length - missingLines;
for (const place of missing) console.error(place);
console.log(
  `coverage of ${FOLDER}: ${lineCount - missingLines} of ${lineCount} lines, ` +
    `${branches - missingBranches} of ${branches} branches`,
);
process.exit(lineCount === 0 || branches === 0 || missing.length > 0 ? 1 : 0);
