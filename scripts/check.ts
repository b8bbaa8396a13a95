/** Everything that can be judged without running the tests. Every step runs, so one pass names every fault. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const HARDHAT = [process.execPath, "node_modules/hardhat/dist/src/cli.js"];

const STEPS: readonly { name: string; command: readonly string[]; when?: boolean }[] = [
  { name: "build contracts", command: [...HARDHAT, "build", "--no-tests"] },
  { name: "format", command: ["prettier", "--check", "--log-level=warn", "."] },
  {
    name: "solidity lint",
    command: ["solhint", "--disc", "--noPoster", "--max-warnings=0", "contracts/**/*.sol"],
    when: existsSync("contracts"),
  },
  { name: "lint", command: ["oxlint"] },
  { name: "types", command: ["tsc", "--noEmit"] },
  { name: "unused code", command: ["knip"] },
  { name: "storage layout and code size", command: [process.execPath, "scripts/layout.ts"] },
  { name: "gas snapshot", command: [process.execPath, "scripts/bench/gas.ts", "--check"] },
];

const failed: string[] = [];
for (const { name, command, when = true } of STEPS) {
  if (!when) continue;
  console.log(`\n== ${name}`);
  const startedAt = Date.now();
  const [program = "", ...args] = command;
  const { status, error } = spawnSync(program, args, { stdio: "inherit" });
  if (error !== undefined) console.error(error.message);
  console.log(`${status === 0 ? "ok" : "FAILED"} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? "\ncheck passed" : `\ncheck failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
