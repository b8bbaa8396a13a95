/** One suite of tests in a process of its own, with a time limit, and what its runner counted. */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

export interface Suite {
  name: string;
  runner: "hardhat" | "node";
  files: string;
  /** Whether it reads the compiled contracts. */
  needsBuild?: boolean;
  /** Files that run at once. */
  concurrency?: number;
  limitMin: number;
}

export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  ok: boolean;
}

export const HARDHAT = "node_modules/hardhat/dist/src/cli.js";
const KILL_GRACE_MS = 5_000;

function commandOf(suite: Suite, args: readonly string[]): string[] {
  if (suite.runner === "hardhat") return [HARDHAT, "test", ...args];
  const named = args.filter((arg) => /\.[mc]?ts$/.test(arg));
  const flags = args.filter((arg) => !named.includes(arg));
  const files = named.length > 0 ? named : globSync(suite.files).toSorted();
  const concurrency = `--test-concurrency=${suite.concurrency ?? 1}`;
  return ["--test", "--test-reporter=spec", concurrency, ...flags, ...files];
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
      passed: lastOf(plain, /^\s*(\d+) passing\b/gm) - pending,
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

export async function runSuite(
  suite: Suite,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const child = spawn(process.execPath, commandOf(suite, args), {
    stdio: ["inherit", "pipe", "inherit"],
    env: { ...process.env, ...(process.stdout.isTTY && { FORCE_COLOR: "1" }), ...env },
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
  // If this process is ended, so is the suite.
  const stop = (): void => void child.kill("SIGTERM");
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exitCode) => resolve(exitCode));
  });
  clearTimeout(limit);
  process.off("SIGINT", stop).off("SIGTERM", stop);
  return { ...countOf(suite, output), ok: code === 0 };
}
