import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");
const lines = read("Dockerfile")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));
const argumentsOf = (instruction: string): string[] =>
  lines
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));
const { dependencies, devDependencies } = JSON.parse(read("package.json")) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

/** The instructions after the last FROM. */
const last = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM ")));

describe("the Dockerfile", () => {
  it("copies what is there, and lets it into the build", () => {
    const ignored = read(".dockerignore").split("\n");
    const sources = argumentsOf("COPY")
      .filter((line) => !line.startsWith("--from"))
      .flatMap((line) => line.split(/\s+/).slice(0, -1));
    assert.ok(sources.length > 3);
    for (const source of sources) {
      assert.ok(existsSync(path.join(ROOT, source)), source);
      assert.ok(ignored.includes(`!${source}`), `.dockerignore leaves ${source} out`);
    }
  });

  it("pins the Node that the project pins", () => {
    for (const image of argumentsOf("FROM")) assert.match(image, /^node:\d+\.\d+\.\d+-\S+/);
    assert.ok(argumentsOf("FROM").every((image) => image.startsWith(`node:${devDependencies["node"]}-`)));
  });

  it("runs the router, and not as root", () => {
    const user = last.findIndex((line) => line.startsWith("USER "));
    const command = last.findIndex((line) => line.startsWith("CMD "));
    assert.ok(user > 0 && command > user);
    assert.notEqual(last[user], "USER root");
    const [program, file] = JSON.parse((last[command] ?? "").slice(4)) as string[];
    assert.equal(program, "node");
    assert.ok(existsSync(path.join(ROOT, file ?? "")));
  });

  it("has every package and file that the router imports", () => {
    const outside: string[] = [];
    for (const file of globSync("router/**/*.ts", { cwd: ROOT })) {
      const specifiers = [...read(file).matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map(
        ([, name = ""]) => name,
      );
      for (const name of specifiers) {
        if (name.startsWith("node:")) continue;
        if (name.startsWith(".")) {
          const target = path.join(path.dirname(file), name);
          if (!target.startsWith("router/") || !existsSync(path.join(ROOT, target)))
            outside.push(`${file}: ${name}`);
        } else {
          const packageName = name
            .split("/")
            .slice(0, name.startsWith("@") ? 2 : 1)
            .join("/");
          if (!(packageName in dependencies)) outside.push(`${file}: ${name}`);
        }
      }
    }
    assert.deepEqual(outside, []);
  });
});
