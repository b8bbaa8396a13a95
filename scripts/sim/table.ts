/** The year in numbers, for people. */
import { bestAttack, type Outcome } from "./attacks.ts";
import { playYear, type Year } from "./play.ts";
import { WHOLE } from "./rewardModel.ts";
import type { Provider, World } from "./world.ts";

const TOKEN = 10n ** 18n;
const COLUMNS = [
  "provider",
  "strategy",
  "fees of others",
  "multiplier",
  "reward",
  "per fee",
  "bought fee",
  "profit",
];

/** A line per provider and strategy. */
export function tableOf(world: World): string {
  const lines = [COLUMNS, ...world.providers.flatMap((provider) => linesOf(world, provider))];
  const widths = COLUMNS.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const text = lines.map((line) =>
    line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
  text.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  return text.map((line) => line.trimEnd()).join("\n");
}

function linesOf(world: World, provider: Provider): string[][] {
  const honest = playYear(world, provider, null);
  const attacked = (name: string, { year, profit }: Outcome): string[] => [
    ...lineOf(provider, name, year),
    tokens(year.paid),
    tokens(profit),
  ];
  return [
    [...lineOf(provider, "honest", honest), "", ""],
    attacked("best self-dealing", bestAttack(world, provider, false)),
    attacked("best sybil reviews", bestAttack(world, provider, true)),
  ];
}

function lineOf({ kind }: Provider, strategy: string, year: Year): string[] {
  const fees = year.fees + year.paid;
  return [
    kind,
    strategy,
    tokens(year.fees),
    percent(year.multiplier, WHOLE),
    tokens(year.reward),
    percent(year.reward, fees),
  ];
}

/** Four digits after the point, rounded down: a loss never looks like none. */
function tokens(wei: bigint): string {
  const unit = TOKEN / 10_000n;
  const rounded = wei < 0n ? -((-wei + unit - 1n) / unit) : wei / unit;
  const digits = String(rounded < 0n ? -rounded : rounded).padStart(5, "0");
  return `${rounded < 0n ? "-" : ""}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

function percent(part: bigint, whole: bigint): string {
  return whole === 0n ? "" : `${(Number((part * 1_000n) / whole) / 10).toFixed(1)} %`;
}
