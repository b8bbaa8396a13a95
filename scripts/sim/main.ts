/**
 * Plays a year of rewards, with the contracts' own formulas: providers of different quality, and each of them again as one
 * that buys from itself, with an app of its own, its operators in the plot, and reviews by owners it made up. Gas is left out,
 * so nothing here is a loss because of gas.
 *
 *     npm run sim:economy                    a table, and scripts/sim/rewards.svg
 *     npm run sim:economy -- --json          one object a line: the best profit of each attack, in wei, over 20 seeds
 *     npm run sim:economy -- --seeds 100     more of them
 *
 * Ends with 1 if any attack pays.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { bestAttack, type Outcome } from "./attacks.ts";
import { pictureOf } from "./picture.ts";
import { tableOf } from "./table.ts";
import { worldOf, type Kind, type World } from "./world.ts";

const FIRST_SEED = 1;
const DEFAULT_SEEDS = "20";
const MAX_SEEDS = 10_000;
/** A model and parameters as one would choose them. */
const SHOWN_SEED = 18;
const PICTURE = new URL("rewards.svg", import.meta.url);

interface Best {
  readonly kind: Kind;
  readonly outcome: Outcome;
}

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, seeds: { type: "string", default: DEFAULT_SEEDS } },
});
const seeds = Number(values.seeds);
if (!Number.isInteger(seeds) || seeds < 1 || seeds > MAX_SEEDS) {
  console.error(`sim:economy: --seeds takes a whole number from 1 to ${MAX_SEEDS}, not ${values.seeds}`);
  process.exit(64);
}

if (!values.json) {
  const world = worldOf(SHOWN_SEED);
  console.log(
    `seed ${SHOWN_SEED}, 52 epochs, in tokens; profit is against the same provider without the attack\n`,
  );
  console.log(tableOf(world));
  writeFileSync(PICTURE, pictureOf(world));
  console.log("\nscripts/sim/rewards.svg shows it\n");
}

let profitable = 0;
for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
  const world = worldOf(seed);
  const [selfDealing, sybil] = [bestOf(world, false), bestOf(world, true)];
  const pays = selfDealing.outcome.profit >= 0n || sybil.outcome.profit >= 0n;
  if (pays) profitable++;
  const line = {
    seed,
    selfDealingProfit: String(selfDealing.outcome.profit),
    sybilProfit: String(sybil.outcome.profit),
    selfDealing: descriptionOf(selfDealing),
    sybil: descriptionOf(sybil),
  };
  if (values.json) console.log(JSON.stringify(line));
  else if (pays) console.error(`seed ${seed}: an attack pays: ${JSON.stringify(line)}`);
}
if (!values.json)
  console.log(
    `${seeds} seeds: ${profitable === 0 ? "no attack pays" : `attacks pay in ${profitable} of them`}`,
  );
process.exit(profitable === 0 ? 0 : 1);

/** The best attack of any provider of `world`. */
function bestOf(world: World, reviews: boolean): Best {
  const all = world.providers.map((provider) => ({
    kind: provider.kind,
    outcome: bestAttack(world, provider, reviews),
  }));
  return all.reduce((best, next) => (next.outcome.profit > best.outcome.profit ? next : best));
}

function descriptionOf({ kind, outcome: { attack, year, withOperators } }: Best) {
  return {
    provider: kind,
    amountBps: String(attack.amountBps),
    everywhere: attack.everywhere,
    instant: attack.instant,
    freeRows: String(attack.freeRows),
    withOperators,
    feePaid: String(year.paid),
  };
}
