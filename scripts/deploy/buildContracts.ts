import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STAMP = path.join(ROOT, "artifacts", ".built");
const HARDHAT = path.join(ROOT, "node_modules", "hardhat", "dist", "src", "cli.js");

function sourcesHash(): string {
  const files = globSync(["contracts/**/*.sol", "hardhat.config.ts", "package-lock.json"], { cwd: ROOT });
  const hash = createHash("sha256");
  for (const file of files.toSorted()) hash.update(`${file}\0`).update(readFileSync(path.join(ROOT, file)));
  return hash.digest("hex");
}

/**
 * Compiles the contracts if they are not, or have changed since.
 * @param progress is told when it begins to compile, and from time to time then
 */
export async function buildContracts(progress: (line: string) => void): Promise<void> {
  const hash = sourcesHash();
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === hash) return;
  progress("compiling the contracts (once, about a minute)");
  const startedAt = Date.now();
  const heartbeat = setInterval(
    () => progress(`compiling, ${Math.round((Date.now() - startedAt) / 1_000)} s`),
    15_000,
  );
  try {
    const child = spawn(process.execPath, [HARDHAT, "build", "--no-tests"], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (text: Buffer) => (output += text.toString()));
    child.stderr.on("data", (text: Buffer) => (output += text.toString()));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code !== 0) throw new Error(`the contracts don't compile:\n${output}`);
  } finally {
    clearInterval(heartbeat);
  }
  writeFileSync(STAMP, hash);
}
