/**
 * Runs one of the project's programs on the project's own Node, installing the dependencies first
 * when they are missing or the lockfile has changed:
 *
 *     node scripts/bootstrap.mjs scripts/start.ts [arguments]
 *
 * Plain JavaScript and built-in modules only: this is what a fresh clone starts with, on Node 20.
 * The npm scripts `exec` it, so that a signal sent to npm ends here and not in a shell between.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR = 24;
const HEARTBEAT_MS = 5_000;

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = path.join(root, "node_modules");
const bin = path.join(modules, ".bin");
const stampFile = path.join(modules, ".bootstrap-stamp");
const outerPath = (process.env.PATH ?? "")
  .split(path.delimiter)
  .filter((folder) => !folder.startsWith(modules));
const lockFile = path.join(root, ".bootstrap.lock");

/** What an installation is good for: this lockfile, on this kind of machine. */
function stamp() {
  return createHash("sha256")
    .update(readFileSync(path.join(root, "package-lock.json")))
    .update(`${process.platform}-${process.arch}`)
    .digest("hex");
}

function isInstalled() {
  return existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp();
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function unlock() {
  process.off("exit", unlock);
  rmSync(lockFile, { force: true });
}

/** Two terminals may start at once: one installs, the other waits. Returns false while another holds it. */
function tryLock() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" });
    process.once("exit", unlock);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    const owner = existsSync(lockFile) ? Number(readFileSync(lockFile, "utf8")) : 0;
    // Between creating and writing the lock its owner reads as 0: it is alive, so only wait.
    if (owner > 0 && !isRunning(owner)) rmSync(lockFile, { force: true });
    return false;
  }
}

async function install() {
  for (let waited = false; !tryLock(); waited = true) {
    if (!waited) console.error("bootstrap: another process is installing, waiting for it");
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  if (isInstalled()) {
    unlock();
    return 0;
  }

  console.error("bootstrap: installing dependencies (once, about a minute)");
  const startedAt = Date.now();
  const elapsedSec = () => Math.round((Date.now() - startedAt) / 1000);
  const heartbeat = setInterval(
    () => console.error(`bootstrap: still installing, ${elapsedSec()} s`),
    HEARTBEAT_MS,
  );

  // npm leaves out the native parts that do not support the Node it runs on, so it has to run on ours,
  // and on a copy outside node_modules, which npm ci deletes first.
  const hasOurNode =
    Number.parseInt(process.versions.node, 10) >= NODE_MAJOR && !process.execPath.startsWith(modules);
  const ci = ["npm", "ci", "--no-audit", "--no-fund", "--no-progress"];
  const [command, ...args] = hasOurNode ? ci : ["npx", "-y", "-p", `node@${NODE_MAJOR}`, "--", ...ci];
  const code = await run(command, args, outerPath);
  clearInterval(heartbeat);
  if (code !== 0) {
    console.error(`bootstrap: npm ci failed with exit code ${code}`);
    return code;
  }
  writeFileSync(stampFile, stamp());
  unlock();
  console.error(`bootstrap: installed in ${elapsedSec()} s`);
  return 0;
}

/**
 * Runs a child to its end and returns its exit code. The child stays in our process group, so Ctrl-C
 * in a terminal reaches it directly; npm then repeats that SIGINT to us, and it stops here. A signal
 * sent to us alone (kill, a supervisor) is passed on, once.
 */
function run(command, args, searchPath) {
  const env = { ...process.env, PATH: searchPath.join(path.delimiter), HARDHAT_DISABLE_TELEMETRY: "true" };
  const child = spawn(command, args, { cwd: root, env, stdio: "inherit" });
  const inTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const seen = new Set();
  const forward = (signal) => {
    if (seen.has(signal) || (signal === "SIGINT" && inTerminal)) return;
    seen.add(signal);
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve) => {
    const settle = (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code);
    };
    child.once("error", (error) => {
      console.error(`bootstrap: cannot run ${command}: ${error.message}`);
      settle(127);
    });
    child.once("exit", (code, signal) => settle(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error("usage: node scripts/bootstrap.mjs <program> [arguments]");
  process.exit(64);
}
const installCode = isInstalled() ? 0 : await install();
process.exit(
  installCode === 0
    ? await run(path.join(bin, "node"), [program, ...args], [bin, ...outerPath])
    : installCode,
);
