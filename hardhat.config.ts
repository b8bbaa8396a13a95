import { fileURLToPath } from "node:url";

import toolbox from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

// The compiler is the solc package of the lockfile: nothing is downloaded when compiling.
const SOLC_VERSION = "0.8.37";
const SOLC_PATH = fileURLToPath(import.meta.resolve("solc/soljson.js"));

// High runs trade deployment size for cheaper calls: a ledger is called far more often than deployed.
const OPTIMIZER_RUNS = 10_000;
const VIA_IR = true;
const HARDFORK = "osaka";
const FUZZ_SEED = "0xa11e7";
// Instrumented contracts are larger, and may be; no others.
const MEASURES_COVERAGE = process.argv.includes("--coverage");

// A test makes thousands of calls in one transaction.
const UNMETERED = { blockGasLimit: false, transactionGasCap: false, gasLimit: 2n ** 40n } as const;

export default defineConfig({
  plugins: [toolbox],
  paths: {
    // Mocks are sources, so that mocha tests can deploy them with types.
    sources: ["./contracts", "./test/contracts/mocks"],
    tests: { mocha: "./test/contracts", solidity: "./test/contracts" },
  },
  solidity: {
    version: SOLC_VERSION,
    path: SOLC_PATH,
    settings: {
      evmVersion: HARDFORK,
      viaIR: VIA_IR,
      optimizer: { enabled: true, runs: OPTIMIZER_RUNS },
      outputSelection: { "*": { "*": ["storageLayout"] } },
    },
  },
  networks: {
    default: {
      type: "edr-simulated",
      chainType: "l1",
      hardfork: HARDFORK,
      blockGasLimit: 60_000_000,
      allowUnlimitedContractSize: MEASURES_COVERAGE,
    },
  },
  test: {
    mocha: { timeout: 60_000 },
    solidity: {
      profiles: {
        default: {
          ...UNMETERED,
          fuzz: { runs: 256, seed: FUZZ_SEED },
          // A handler reverts when a call does not end as the rules foresee.
          invariant: { runs: 8, depth: 64, failOnRevert: true },
        },
        // `npm run test:deep`: 500,000 calls and more over all invariants, from a seed of its own.
        deep: {
          ...UNMETERED,
          fuzz: { runs: 4_096, seed: process.env["DEEP_SEED"] ?? FUZZ_SEED },
          invariant: { runs: 500, depth: 100, failOnRevert: true },
        },
      },
    },
  },
  typechain: { outDir: "./types/contracts", tsNocheck: true },
});
