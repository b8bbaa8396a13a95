/**
 * Which lines of the contracts the contract tests run: a table, and exit code 1 below 100 %.
 *
 * Hardhat counts lines and statements, not branches: a `require` and both arms of a ternary count as run once they are
 * reached. What its report holds is read back from `coverage/lcov.info`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";

const HARDHAT = "node_modules/hardhat/dist/src/cli.js";
const REPORT = "coverage/lcov.info";
const LIMIT_MIN = 15;
const FOLDER = "contracts/";

rmSync(REPORT, { force: true });
const { status } = spawnSync(process.execPath, [HARDHAT, "test", "--coverage"], {
  stdio: "inherit",
  timeout: LIMIT_MIN * 60_000,
});
if (status !== 0) {
  console.error("coverage: the tests failed");
  process.exit(1);
}

let file = "";
const uncovered: string[] = [];
let lines = 0;
for (const entry of readFileSync(REPORT, "utf8").split("\n")) {
  if (entry.startsWith("SF:")) file = entry.slice(3);
  const line = /^DA:(?<number>\d+),(?<hits>\d+)/.exec(entry)?.groups;
  if (line === undefined || !file.startsWith(FOLDER)) continue;
  lines++;
  if (line["hits"] === "0") uncovered.push(`${file}:${line["number"]}`);
}
for (const place of uncovered) console.error(`not covered: ${place}`);
console.log(`coverage of ${FOLDER}: ${lines - uncovered.length} of ${lines} lines`);
process.exit(lines === 0 || uncovered.length > 0 ? 1 : 0);
