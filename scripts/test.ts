/**
 * Runs the test suites and ends with one line that counts them all:
 *
 *     node scripts/test.ts                       every suite
 *     node scripts/test.ts router [arguments]    one suite; arguments go to its runner, and paths
 *                                                among them replace the suite's own files
 */
import { spawn, spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

interface Suite {
  name: string;
  runner: "hardhat" | "node";
  files: string;
  /** Whether it reads the compiled contracts. */
  needsBuild?: boolean;
  limitMin: number;
}

interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  ok: boolean;
}

const SUITES: readonly Suite[] = [
  { name: "contracts", runner: "hardhat", files: "test/contracts/**/*.{test.ts,t.sol}", limitMin: 8 },
  { name: "router", runner: "node", files: "test/router/**/*.test.ts", limitMin: 5 },
  { name: "scripts", runner: "node", files: "test/scripts/**/*.test.ts", needsBuild: true, limitMin: 5 },
  { name: "web", runner: "node", files: "test/web/**/*.test.ts", needsBuild: true, limitMin: 5 },
  { name: "e2e", runner: "node", files: "test/e2e/**/*.test.ts", needsBuild: true, limitMin: 8 },
];

const HARDHAT = "node_modules/hardhat/dist/src/cli.js";
const KILL_GRACE_MS = 5_000;

function commandOf(suite: Suite, args: readonly string[]): string[] {
  if (suite.runner === "hardhat") return [HARDHAT, "test", ...args];
  const named = args.filter((arg) => /\.[mc]?ts$/.test(arg));
  const flags = args.filter((arg) => !named.includes(arg));
  const files = named.length > 0 ? named : globSync(suite.files).toSorted();
  return ["--test", "--test-reporter=spec", ...flags, ...files];
}

/** The last number that `pattern` finds: both runners close with their totals. */
function lastOf(output: string, pattern: RegExp): number {
  return Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
}

function countOf(suite: Suite, output: string): Omit<Outcome, "ok"> {
  const plain = stripVTControlCharacters(output);
  if (suite.runner === "hardhat") {
    // Hardhat's total counts mocha's pending tests as passing.
    const pending = lastOf(plain, /^\s*(\d+) pending$/gm);
    return {
      passed: lastOf(plain, /^\s*(\d+) passing \(/gm) - pending,
      failed: lastOf(plain, /^\s*(\d+) failing/gm),
      skipped: pending,
    };
  }
  return {
    passed: lastOf(plain, /^ℹ pass (\d+)$/gm),
    failed: lastOf(plain, /^ℹ fail (\d+)$/gm) + lastOf(plain, /^ℹ cancelled (\d+)$/gm),
    skipped: lastOf(plain, /^ℹ skipped (\d+)$/gm) + lastOf(plain, /^ℹ todo (\d+)$/gm),
  };
}

async function runSuite(suite: Suite, args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, commandOf(suite, args), {
    stdio: ["inherit", "pipe", "inherit"],
    env: process.stdout.isTTY ? { ...process.env, FORCE_COLOR: "1" } : process.env,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    process.stdout.write(text);
  });
  const limit = setTimeout(() => {
    console.error(`test: ${suite.name} is still running after ${suite.limitMin} min: stopped`);
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), KILL_GRACE_MS).unref();
  }, suite.limitMin * 60_000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => resolve(exitCode));
  });
  clearTimeout(limit);
  return { ...countOf(suite, output), ok: code === 0 };
}

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
  const { status } = spawnSync(process.execPath, [HARDHAT, "build", "--quiet"], { stdio: "inherit" });
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
