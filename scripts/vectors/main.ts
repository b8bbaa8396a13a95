/** Writes test/vectors/: `node scripts/vectors/main.ts`. A test checks that the files are what this writes. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { vectorFiles } from "./vectorFiles.ts";

for (const [name, text] of vectorFiles()) {
  const file = fileURLToPath(new URL(`../../test/vectors/${name}`, import.meta.url));
  writeFileSync(file, text);
  console.log(`${name}: ${text.length} characters`);
}
