/**
 * The Solidity fuzz and invariant tests at length: more than 500,000 calls, from a seed that differs every time.
 *
 *     npm run test:deep               a new seed, printed first
 *     npm run test:deep -- 0xa11e7    that seed again
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";

const HARDHAT = "node_modules/hardhat/dist/src/cli.js";
const LIMIT_MIN = 90;

const seed = process.argv[2] ?? `0x${randomBytes(8).toString("hex")}`;
if (!/^0x[0-9a-f]{1,64}$/i.test(seed)) {
  console.error(`test:deep: ${seed} is no seed: give a hexadecimal number that begins with 0x`);
  process.exit(64);
}
console.log(`seed ${seed}; again with: npm run test:deep -- ${seed}`);
const { status, error } = spawnSync(
  process.execPath,
  [HARDHAT, "test", "solidity", "--test-profile", "deep"],
  { stdio: "inherit", env: { ...process.env, DEEP_SEED: seed }, timeout: LIMIT_MIN * 60_000 },
);
if (error !== undefined) console.error(`test:deep: ${error.message}`);
console.log(`seed ${seed}: ${status === 0 ? "passed" : "FAILED"}`);
process.exit(status === 0 ? 0 : 1);
