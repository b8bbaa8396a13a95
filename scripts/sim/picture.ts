/** Two charts in one SVG: what quality earns, and what comes back of a fee that a provider pays itself. */
import { outcomeOf } from "./attacks.ts";
import { playYear, type Attack } from "./play.ts";
import type { Provider, World } from "./world.ts";

const WIDTH = 1_060;
const HEIGHT = 470;
const TOP = 118;
const BOTTOM = 388;
const BARS = { left: 72, right: 452 };
const LINES = { left: 570, right: 886 };
const MAX_PERCENT = 80;
const MAX_BACK = 110;
const AMOUNTS_BPS = [10n, 30n, 100n, 300n, 1_000n, 3_000n, 10_000n, 30_000n, 100_000n];
const INK = "#1f2933";
const MUTED = "#66727f";
const GRID = "#e3e8ee";
const COLORS = { good: "#15803d", average: "#2563eb", slow: "#b45309", failing: "#b91c1c" } as const;

interface Line {
  readonly name: string;
  readonly color: string;
  readonly plan: Pick<Attack, "reviews" | "instant">;
  readonly withOperators: boolean;
}

const PLANS: readonly Line[] = [
  { name: "alone", color: "#0891b2", plan: { reviews: false, instant: true }, withOperators: false },
  { name: "with reviews", color: "#7c3aed", plan: { reviews: true, instant: true }, withOperators: false },
  {
    name: "with the operator",
    color: "#ea580c",
    plan: { reviews: false, instant: true },
    withOperators: true,
  },
  {
    name: "operator and reviews",
    color: "#be123c",
    plan: { reviews: true, instant: true },
    withOperators: true,
  },
];

export function pictureOf(world: World): string {
  const body = [
    text(40, 44, "A year of rewards", { size: 24, weight: 600 }),
    text(40, 70, `52 epochs, seed ${world.seed}, by the contracts' own formulas, gas left out`, {
      color: MUTED,
    }),
    ...barChart(world),
    ...lineChart(world),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${body.join("\n")}
</svg>
`;
}

// ------------------------------------------------------------- what quality earns

function barChart(world: World): string[] {
  const y = (percent: number): number => BOTTOM - (percent / MAX_PERCENT) * (BOTTOM - TOP);
  const step = (BARS.right - BARS.left) / world.providers.length;
  const bars = world.providers.flatMap((provider, i) => {
    const { reward, pool } = playYear(world, provider, null);
    const percent = ratio(reward, pool);
    const left = BARS.left + i * step + step * 0.18;
    const middle = BARS.left + (i + 0.5) * step;
    return [
      `<rect x="${n(left)}" y="${n(y(percent))}" width="${n(step * 0.64)}" height="${n(BOTTOM - y(percent))}" rx="4" fill="${COLORS[provider.kind]}"/>`,
      text(middle, y(percent) - 8, `${percent.toFixed(1)} %`, { anchor: "middle", weight: 600 }),
      text(middle, BOTTOM + 22, provider.kind, { anchor: "middle" }),
    ];
  });
  return [
    text(BARS.left - 32, TOP - 18, "Reward, of what its requests brought to the pools", { weight: 600 }),
    ...grid([0, 20, 40, 60, 80], BARS, y),
    `<line x1="${BARS.left}" x2="${BARS.right}" y1="${n(y(70))}" y2="${n(y(70))}" stroke="${MUTED}" stroke-dasharray="4 4"/>`,
    text(BARS.right, y(70) - 6, "highest possible", { anchor: "end", color: MUTED, size: 12 }),
    ...bars,
  ];
}

// -------------------------------------------------------- what buying from oneself does

function lineChart(world: World): string[] {
  const provider = world.providers.find(({ kind }) => kind === "average");
  if (provider === undefined) throw new Error("there is no average provider");
  const y = (percent: number): number => BOTTOM - (percent / MAX_BACK) * (BOTTOM - TOP);
  const x = (i: number): number => LINES.left + (i / (AMOUNTS_BPS.length - 1)) * (LINES.right - LINES.left);
  const drawn = PLANS.map((line) => {
    const points = AMOUNTS_BPS.map((amountBps, i) => ({
      x: x(i),
      y: y(backOf(world, provider, line, amountBps)),
    }));
    return { ...line, points, end: points.at(-1)?.y ?? 0 };
  });
  const labels = spread(drawn.map(({ end }) => end));
  return [
    text(LINES.left - 38, TOP - 18, "Back, of a fee that an average provider pays itself", { weight: 600 }),
    ...grid([0, 25, 50, 75, 100], LINES, y),
    `<line x1="${LINES.left}" x2="${LINES.right}" y1="${n(y(100))}" y2="${n(y(100))}" stroke="${INK}" stroke-width="1.5"/>`,
    text(LINES.right + 10, y(100) - 6, "would break even", { size: 12, weight: 600 }),
    ...AMOUNTS_BPS.flatMap((amountBps, i) =>
      i % 2 === 0 ? [text(x(i), BOTTOM + 22, `${Number(amountBps) / 100} %`, { anchor: "middle" })] : [],
    ),
    text((LINES.left + LINES.right) / 2, BOTTOM + 46, "bought from itself, against what strangers buy", {
      anchor: "middle",
      color: MUTED,
      size: 12,
    }),
    ...drawn.flatMap(({ name, color, points }, i) => [
      `<polyline fill="none" stroke="${color}" stroke-width="2.5" stroke-linejoin="round" points="${points.map((at) => `${n(at.x)},${n(at.y)}`).join(" ")}"/>`,
      text(LINES.right + 10, (labels[i] ?? 0) + 4, name, { color, size: 12, weight: 600 }),
    ]),
  ];
}

/** Per cent of the fee: rewards, the app's part, rebates and, with them in the plot, the operators' share. */
function backOf(world: World, provider: Provider, { plan, withOperators }: Line, amountBps: bigint): number {
  const attack: Attack = { ...plan, amountBps, everywhere: true, freeRows: 0n };
  const { year, profit } = outcomeOf(world, provider, playYear(world, provider, null), attack);
  return ratio(profit + year.paid - (withOperators ? 0n : year.operatorShares), year.paid);
}

// --------------------------------------------------------------------- drawing

/** Moves labels apart that would overlap, keeping their order. */
function spread(ends: readonly number[]): number[] {
  const GAP = 17;
  const order = ends.map((end, i) => ({ end, i })).toSorted((a, b) => a.end - b.end);
  const placed: number[] = [];
  let last = -Infinity;
  for (const { end, i } of order) {
    last = Math.max(end, last + GAP);
    placed[i] = last;
  }
  return placed;
}

function grid(
  percents: readonly number[],
  { left, right }: { left: number; right: number },
  y: (percent: number) => number,
): string[] {
  return percents.flatMap((percent) => [
    `<line x1="${left}" x2="${right}" y1="${n(y(percent))}" y2="${n(y(percent))}" stroke="${percent === 0 ? INK : GRID}"/>`,
    text(left - 10, y(percent) + 4, `${percent} %`, { anchor: "end", color: MUTED, size: 12 }),
  ]);
}

interface TextStyle {
  readonly size?: number;
  readonly weight?: number;
  readonly color?: string;
  readonly anchor?: "start" | "middle" | "end";
}

function text(x: number, y: number, words: string, style: TextStyle = {}): string {
  const { size = 13, weight = 400, color = INK, anchor = "start" } = style;
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" font-weight="${weight}" fill="${color}" text-anchor="${anchor}">${words}</text>`;
}

function ratio(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part * 100_000n) / whole) / 1_000;
}

/** At most one digit after the point. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
