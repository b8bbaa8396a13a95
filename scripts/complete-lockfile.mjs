/**
 * Adds to package-lock.json the platform packages that npm left out.
 *
 * Tools with native parts list one optional package per platform. When the registry in use does not
 * serve one of them, npm writes no entry for it, and `npm ci` then refuses the lockfile, here and on
 * the platform that needs it. Run this after every `npm install <package>`. An entry added here pins
 * the version; npm records the integrity when it next installs on that platform.
 */
import { readFileSync, writeFileSync } from "node:fs";

const LOCKFILE = new URL("../package-lock.json", import.meta.url);

const OS = {
  aix: "aix",
  android: "android",
  darwin: "darwin",
  freebsd: "freebsd",
  linux: "linux",
  netbsd: "netbsd",
  openbsd: "openbsd",
  openharmony: "openharmony",
  sunos: "sunos",
  win32: "win32",
  windows: "win32",
};
const CPU = {
  amd64: "x64",
  arm: "arm",
  arm64: "arm64",
  ia32: "ia32",
  loong64: "loong64",
  mips64el: "mips64el",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  universal: undefined,
  wasm32: "wasm32",
  x64: "x64",
};
const LIBC = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };

function pick(table, words) {
  const word = words.find((candidate) => table[candidate] !== undefined);
  return word === undefined ? undefined : [table[word]];
}

function platformOf(name) {
  const words = name.toLowerCase().split(/[/\-_.]/);
  return { os: pick(OS, words), cpu: pick(CPU, words), libc: pick(LIBC, words) };
}

/** The folder that Node would load `name` from, seen from the package at `from`, if the lockfile has it. */
function find(packages, from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const candidate = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (folder === "") return undefined;
  }
}

const lock = JSON.parse(readFileSync(LOCKFILE, "utf8"));
const added = [];
for (const [folder, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (find(lock.packages, folder, name) !== undefined) continue;
    const { os, cpu, libc } = platformOf(name);
    const version = range.replace(/^[\^~]/, "");
    if ((os === undefined && cpu === undefined) || !/^\d+\.\d+\.\d+/.test(version)) {
      console.warn(`left out: ${name}@${range} names no platform or no version`);
      continue;
    }
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(cpu && { cpu }),
      ...(entry.dev && { dev: true }),
      ...(libc && { libc }),
      optional: true,
      ...(os && { os }),
    };
    added.push(`${name}@${version}`);
  }
}
const [root, ...rest] = Object.entries(lock.packages);
rest.sort(([left], [right]) => left.localeCompare(right, "en"));
lock.packages = Object.fromEntries([root, ...rest]);
writeFileSync(LOCKFILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "nothing was missing" : `added ${added.length}:\n${added.join("\n")}`);
