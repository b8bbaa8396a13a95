/**
 * Where each contract keeps its state, compared with what stands in git, and that each fits into a deployment:
 *
 *     npm run layout               compares; exit code 1 on any difference, or when a contract is too large
 *     npm run layout -- --write    writes the snapshot
 *
 * The layout is read by more than the contracts: the Escrow walks its accounts by slot, tests and tools read them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { artifacts, tasks } from "hardhat";
import { format } from "prettier";

const SNAPSHOT = new URL("layout-snapshot.json", import.meta.url);
/** EIP-170. */
const MAX_CODE_BYTES = 24_576;
const FOLDER = "contracts/";

interface StorageLayout {
  readonly storage: readonly { label: string; slot: string; offset: number; type: string }[];
  readonly types: Record<string, StorageType> | null;
}

interface StorageType {
  readonly label: string;
  readonly members?: readonly { label: string; slot: string; offset: number; type: string }[];
}

interface BuildOutput {
  readonly output: {
    readonly contracts: Record<string, Record<string, { readonly storageLayout?: StorageLayout }>>;
  };
}

/** By contract, then by `slot+offset`: a variable's name and type; structs follow, each with its members. */
type Snapshot = Record<string, { storage: Record<string, string>; structs?: Record<string, object> }>;

/** `slot+offset` in bytes, as numbers that sort. */
const placeOf = ({ slot, offset }: { slot: string; offset: number }): string => `slot ${slot} + ${offset}`;

function readable({ storage, types }: StorageLayout): Snapshot[string] {
  const labelOf = (type: string): string => types?.[type]?.label ?? type;
  const placesOf = (variables: StorageLayout["storage"]): Record<string, string> =>
    Object.fromEntries(
      variables.map((variable) => [placeOf(variable), `${labelOf(variable.type)} ${variable.label}`]),
    );
  const structs = Object.values(types ?? {})
    .filter(({ members }) => members !== undefined)
    .map(({ label, members = [] }): [string, object] => [label, placesOf(members)])
    .toSorted(([a], [b]) => a.localeCompare(b));
  return {
    storage: placesOf(storage),
    ...(structs.length > 0 && { structs: Object.fromEntries(structs) }),
  };
}

async function layoutOf(name: string): Promise<StorageLayout> {
  const buildInfoId = await artifacts.getBuildInfoId(name);
  const outputPath = buildInfoId && (await artifacts.getBuildInfoOutputPath(buildInfoId));
  if (!outputPath) throw new Error(`${name}: no compiler output`);
  const { output } = JSON.parse(readFileSync(outputPath, "utf8")) as BuildOutput;
  const [source = "", contract = ""] = name.split(":");
  const layout = output.contracts[`project/${source}`]?.[contract]?.storageLayout;
  if (layout === undefined) throw new Error(`${name}: no storage layout in the compiler's output`);
  return layout;
}

const { values: options } = parseArgs({ options: { write: { type: "boolean" } } });
await tasks.getTask("build").run({ quiet: true, noTests: true });

const snapshot: Snapshot = {};
for (const name of [...(await artifacts.getAllFullyQualifiedNames())].toSorted()) {
  if (!name.startsWith(FOLDER)) continue;
  const { deployedBytecode } = await artifacts.readArtifact(name);
  const bytes = (deployedBytecode.length - 2) / 2;
  const contract = name.slice(name.indexOf(":") + 1);
  // Interfaces and abstract contracts have no code, libraries have no state.
  if (bytes === 0 || name.startsWith(`${FOLDER}libraries/`)) continue;
  console.log(`${contract}: ${bytes} of ${MAX_CODE_BYTES} bytes of code`);
  if (bytes > MAX_CODE_BYTES) {
    console.error(`${contract}: too large to be deployed (EIP-170)`);
    process.exitCode = 1;
  }
  snapshot[contract] = readable(await layoutOf(name));
}

const text = await format(JSON.stringify(snapshot), { parser: "json", printWidth: 110 });
if (options.write) writeFileSync(SNAPSHOT, text);
else if (readFileSync(SNAPSHOT, "utf8") !== text) {
  console.error("the storage layout changed: look at it, then take it with `npm run layout -- --write`");
  process.exitCode = 1;
}
