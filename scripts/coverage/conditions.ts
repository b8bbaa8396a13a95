import { readFileSync } from "node:fs";
import path from "node:path";
import solc from "solc";

/** A condition of a source, as a range of its bytes. */
export interface Condition {
  readonly start: number;
  readonly length: number;
  readonly line: number;
}

interface Node {
  readonly nodeType: string;
  readonly src: string;
  readonly [field: string]: unknown;
}

interface Output {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly sources: Readonly<Record<string, { readonly ast: Node }>>;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "nodeType" in value && "src" in value;

/** The parts of `node` that decide which way the code goes: of conditions, `require`, and both sides of `&&` and `||`. */
function decidersOf(node: Node): readonly unknown[] {
  switch (node.nodeType) {
    case "IfStatement":
    case "WhileStatement":
    case "ForStatement":
    case "Conditional":
      return [node["condition"]];
    case "BinaryOperation":
      return node["operator"] === "&&" || node["operator"] === "||"
        ? [node["leftExpression"], node["rightExpression"]]
        : [];
    case "FunctionCall": {
      const callee = node["expression"];
      const isRequire = isNode(callee) && callee["name"] === "require";
      return isRequire ? (node["arguments"] as readonly unknown[]).slice(0, 1) : [];
    }
    default:
      return [];
  }
}

function* walk(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* walk(item);
  if (!isNode(value)) return;
  yield value;
  for (const [field, child] of Object.entries(value)) if (field !== "src") yield* walk(child);
}

/** A literal decides nothing. */
const isLiteral = (node: Node): boolean => node.nodeType === "Literal";

/**
 * Every condition in each of the Solidity files, in the order of their bytes. Inline assembly has none here.
 * @param files paths relative to `root`
 * @throws {Error} when a file can't be parsed
 */
export function conditionsOf(
  root: string,
  files: readonly string[],
): ReadonlyMap<string, readonly Condition[]> {
  const contentOf = (file: string): string => {
    const isOurs = file.startsWith("contracts/");
    return readFileSync(path.join(root, isOurs ? "" : "node_modules", file), "utf8");
  };
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(files.map((file) => [file, { content: contentOf(file) }])),
    settings: { stopAfter: "parsing", outputSelection: { "*": { "": ["ast"] } } },
  };
  const output = JSON.parse(
    solc.compile(JSON.stringify(input), { import: (file: string) => ({ contents: contentOf(file) }) }),
  ) as Output;
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  return new Map(
    files.map((file) => {
      const bytes = readFileSync(path.join(root, file));
      const found = new Map<string, Condition>();
      for (const node of walk(output.sources[file]?.ast)) {
        for (const decider of decidersOf(node)) {
          if (!isNode(decider) || isLiteral(decider)) continue;
          const [start = 0, length = 0] = decider.src.split(":").map(Number);
          const line = bytes.subarray(0, start).toString("utf8").split("\n").length;
          found.set(decider.src, { start, length, line });
        }
      }
      return [file, [...found.values()].toSorted((a, b) => a.start - b.start || b.length - a.length)];
    }),
  );
}
