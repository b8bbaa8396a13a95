import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { conditionsOf, type Condition } from "./conditions.ts";

/** A condition, and the lines of the generated library that run when it is true and when it is false. */
export interface Fork {
  readonly file: string;
  readonly line: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
}

/** The generated library, as the report names it. */
export const FORKS_FILE = "contracts/Forks.sol";
/** What contract tests are made of. */
const PARTS = ["contracts", "test", "router", "scripts", "client", "ignition", "hardhat.config.ts", "package.json", "tsconfig.json"];
const HEAD = ["// SPDX-License-Identifier: MIT", "pragma solidity ^0.8.30;", "", "library Forks {"];
const LINES_EACH = 6;

/** Puts a call around every condition, inner ones first in the text. */
function wrap(source: Buffer, conditions: readonly Condition[], firstId: number): Buffer {
  const inserts = conditions.flatMap(({ start, length }, i) => [
    { at: start, rank: 1, size: -length, text: `Forks.f${firstId + i}(` },
    { at: start + length, rank: 0, size: length, text: ")" },
  ]);
  // Where several meet: closings before openings, outer openings before inner ones, inner closings before outer ones.
  inserts.sort((a, b) => a.at - b.at || a.rank - b.rank || a.size - b.size);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const { at, text } of inserts) {
    pieces.push(source.subarray(from, at), Buffer.from(text));
    from = at;
  }
  return Buffer.concat([...pieces, source.subarray(from)]);
}

/** Behind the licence and pragma, without a line of its own, so that every line keeps its number. */
function importForks(source: Buffer, file: string): Buffer {
  const up = "../".repeat(file.split("/").length - 2) || "./";
  const text = source.toString("utf8");
  const pragma = /^pragma solidity [^;]+;/mu;
  if (!pragma.test(text)) throw new Error(`${file}: no pragma`);
  return Buffer.from(text.replace(pragma, (line) => `${line} import {Forks} from "${up}Forks.sol";`));
}

/**
 * A copy of the project in `target`, a folder below `root` so that packages are found, in which every condition of the contracts passes through a function of its own, so that
 * a report on lines says which way each of them went.
 * @param files the Solidity files, relative to `root`
 */
export function copyWithForks(root: string, target: string, files: readonly string[]): readonly Fork[] {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const part of PARTS) cpSync(path.join(root, part), path.join(target, part), { recursive: true });

  const forks: Fork[] = [];
  const library = [...HEAD];
  for (const [file, conditions] of conditionsOf(root, files)) {
    if (conditions.length === 0) continue;
    const wrapped = wrap(readFileSync(path.join(root, file)), conditions, forks.length);
    writeFileSync(path.join(target, file), importForks(wrapped, file));
    for (const { line } of conditions) {
      const first = library.length + 1;
      library.push(
        `    function f${forks.length}(bool condition) internal pure returns (bool) {`,
        "        if (condition) {",
        "            return true;",
        "        }",
        "        return false;",
        "    }",
      );
      forks.push({ file, line, whenTrue: first + 2, whenFalse: first + 4 });
    }
  }
  if (library.length !== HEAD.length + LINES_EACH * forks.length) throw new Error("the library is not what was counted");
  writeFileSync(path.join(target, FORKS_FILE), `${library.join("\n")}\n}\n`);
  return forks;
}
