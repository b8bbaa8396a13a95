/**
 * What takes too long for `npm test`: suites that search at random, from a seed that differs every time, each within its
 * own bound; ends with one line that counts them all.
 *
 *     npm run test:deep                       every suite, a new seed, printed first
 *     npm run test:deep -- kills              one suite
 *     npm run test:deep -- kills 0xa11e7      that seed again
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";

import { HARDHAT, runSuite, type Suite } from "./runSuite.ts";

interface DeepSuite extends Suite {
  readonly what: string;
  readonly args: readonly string[];
}

const SUITES: readonly DeepSuite[] = [
  {
    name: "solidity",
    what: "Solidity fuzz and invariant tests: more than 500,000 calls",
    runner: "hardhat",
    files: "test/contracts/**/*.t.sol",
    args: ["solidity", "--test-profile", "deep"],
    limitMin: 90,
  },
  {
    name: "kills",
    what: "a router killed 100 times under load, to the wei",
    runner: "node",
    files: "test/deep/kills.test.ts",
    needsBuild: true,
    args: [],
    limitMin: 30,
  },
  {
    name: "soak",
    what: "half an hour of mixed traffic, faults and reorganizations, compressed",
    runner: "node",
    files: "test/deep/soak.test.ts",
    needsBuild: true,
    args: [],
    limitMin: 15,
  },
];

const args = process.argv.slice(2);
const seed = args.find((arg) => /^0x[0-9a-f]{1,64}$/i.test(arg)) ?? `0x${randomBytes(8).toString("hex")}`;
const names = args.filter((arg) => arg !== seed);
const chosen = names.length === 0 ? SUITES : SUITES.filter(({ name }) => names.includes(name));
const unknown = names.filter((name) => !SUITES.some((suite) => suite.name === name));
if (unknown.length > 0) {
  const known = SUITES.map(({ name, what }) => `  ${name.padEnd(10)}${what}`).join("\n");
  console.error(`test:deep: ${unknown.join(", ")} is neither a seed (0x...) nor a suite:\n${known}`);
  process.exit(64);
}

console.log(`seed ${seed}; again with: npm run test:deep -- ${[...names, seed].join(" ")}`);
// Suites of node:test take a number of 32 bits.
const env = { DEEP_SEED: seed, TEST_SEED: String(Number(BigInt(seed) & 0xffff_ffffn)) };
const total = { passed: 0, failed: 0, skipped: 0 };
const broken: string[] = [];
if (chosen.some(({ needsBuild }) => needsBuild)) {
  const { status } = spawnSync(process.execPath, [HARDHAT, "build", "--quiet"], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}
for (const suite of chosen) {
  console.log(`\n== ${suite.name}: ${suite.what}; at most ${suite.limitMin} min`);
  const outcome = await runSuite(suite, suite.args, env);
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
  if (!outcome.ok) broken.push(suite.name);
}
if (broken.length > 0) console.log(`\nfailed: ${broken.join(", ")}; again with the seed ${seed}`);
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(broken.length > 0 || total.passed === 0 ? 1 : 0);
