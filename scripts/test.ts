/**
 * Runs the test suites and ends with one line that counts them all:
 *
 *     node scripts/test.ts                       every suite
 *     node scripts/test.ts router [arguments]    one suite; arguments go to its runner, and paths
 *                                                among them replace the suite's own files
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";

import { HARDHAT, runSuite, type Suite } from "./runSuite.ts";

const SUITES: readonly Suite[] = [
  { name: "contracts", runner: "hardhat", files: "test/contracts/**/*.{test.ts,t.sol}", limitMin: 8 },
  { name: "router", runner: "node", files: "test/router/**/*.test.ts", limitMin: 10 },
  { name: "client", runner: "node", files: "test/client/**/*.test.ts", needsBuild: true, limitMin: 5 },
  { name: "scripts", runner: "node", files: "test/scripts/**/*.test.ts", needsBuild: true, limitMin: 5 },
  { name: "web", runner: "node", files: "test/web/**/*.test.ts", needsBuild: true, limitMin: 5 },
  // Its tests mostly wait: for blocks, for batches, for processes that start.
  {
    name: "e2e",
    runner: "node",
    files: "test/e2e/**/*.test.ts",
    needsBuild: true,
    concurrency: 2,
    limitMin: 10,
  },
];

const [only, ...args] = process.argv.slice(2);
const chosen = only === undefined ? SUITES : SUITES.filter((suite) => suite.name === only);
if (chosen.length === 0) {
  console.error(
    `test: no suite is called ${only}; there are ${SUITES.map((suite) => suite.name).join(", ")}`,
  );
  process.exit(64);
}

/** One build serves every suite of this run; the contract suite builds by itself. */
let built = false;
function buildOnce(): void {
  if (built) return;
  const { status } = spawnSync(process.execPath, [HARDHAT, "build", "--quiet", "--no-tests"], {
    stdio: "inherit",
  });
  if (status !== 0) process.exit(1);
  built = true;
}

const total = { passed: 0, failed: 0, skipped: 0 };
const broken: string[] = [];
for (const suite of chosen) {
  if (args.length === 0 && globSync(suite.files).length === 0) {
    console.log(`\n== ${suite.name}: no tests yet`);
    continue;
  }
  console.log(`\n== ${suite.name}`);
  if (suite.needsBuild) buildOnce();
  const outcome = await runSuite(suite, args);
  if (suite.runner === "hardhat") built = true;
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
  if (!outcome.ok) broken.push(suite.name);
}

if (broken.length > 0) console.log(`\nfailed: ${broken.join(", ")}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(broken.length > 0 || total.passed === 0 ? 1 : 0);
