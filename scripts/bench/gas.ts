/**
 * What a request costs on chain: gas of whole batches, divided by their rows, in Hardhat's own EVM.
 *
 *     npm run bench:gas                 a table; exit code 1 when a case misses its target
 *     npm run bench:gas -- --json       the same as JSON
 *     npm run bench:gas -- --check      compares with the snapshot in git; exit code 1 on any difference
 *     npm run bench:gas -- --write      writes the snapshot
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { network, tasks } from "hardhat";

import { encodeBatch, type Group, type Row } from "../../router/model/batch.ts";
import { timingOf } from "../../router/model/timing.ts";
import { Market } from "../../test/contracts/fixtures/market.ts";
import { signAuthorization } from "../../test/contracts/fixtures/sign.ts";
import { Random } from "../../test/contracts/fixtures/random.ts";

const SEED = 20_26;
const SNAPSHOT = new URL("gas-snapshot.json", import.meta.url);
const GENESIS = "2026-11-02T00:00:00Z";
const SERVED_AT_SEC = Date.parse("2026-11-02T12:34:56Z") / 1000; // calldata: fixed, so that every byte is
const OFFERS = 5;
const APP_FEE_BPS = 500;
const FAILURE_RATE = 0.01;
const DEPOSIT_WEI = 10n ** 24n;
const BASELINE_PAYMENTS = 100;

/** How its payers pay: with an API key, or with a signature of the wallet for every request (strict accounts). */
type Rail = "API key" | "wallet";

const SIZES = [
  { rows: 1_000, rowsPerAccount: 10, target: 1_300 },
  { rows: 5_000, rowsPerAccount: 50, target: 520 },
  { rows: 1_000, rowsPerAccount: 100, target: 600 },
] as const;
const CASES = SIZES.flatMap((size) => [
  { ...size, rail: "API key" as Rail },
  { ...size, rail: "wallet" as Rail },
]);

interface Measured {
  readonly rail: Rail;
  readonly rows: number;
  readonly rowsPerAccount: number;
  readonly gasPerRequest: number;
  readonly target: number;
  readonly batchBytes: number;
  readonly gasUsed: number;
}

/** A chat request: some hundred tokens in, some hundred out, about two seconds; a few fail. */
function randomRow(random: Random): Row {
  const offerId = random.int(1, OFFERS);
  if (random.chance(FAILURE_RATE)) return { offerId, inputUnits: 0, outputUnits: 0, timing: 0 };
  return {
    offerId,
    inputUnits: Math.round(random.around(700, 12)),
    outputUnits: Math.round(random.around(250, 8)),
    timing: timingOf(random.around(2_000, 8)),
  };
}

async function deployMarket(): Promise<Market> {
  const { ethers } = await network.create({ override: { initialDate: GENESIS } });
  const market = await Market.deploy(ethers);
  for (let i = 1n; i <= OFFERS; i++)
    await market.addOffer({
      inputPrice: i * 10n ** 11n,
      outputPrice: i * 4n * 10n ** 11n,
      requestPrice: 10n ** 12n,
    });
  await market.addApp(APP_FEE_BPS);
  return market;
}

/** The second of two batches of the same accounts: every slot it writes has been written before. */
async function measure({ rows, rowsPerAccount, target, rail }: (typeof CASES)[number]): Promise<Measured> {
  const random = new Random(SEED);
  const market = await deployMarket();
  const accountIds: number[] = [];
  const terms = { strict: rail === "wallet" };
  while (accountIds.length < rows / rowsPerAccount)
    accountIds.push(await market.openAccount(DEPOSIT_WEI, 20, market.operatorId, terms));
  await market.ethers.provider.send("evm_setNextBlockTimestamp", [SERVED_AT_SEC]);
  const settle = async () => {
    const groups = accountIds.map((accountId): Group => ({
      accountId,
      appId: random.int(0, 1),
      rows: Array.from({ length: rowsPerAccount }, () => randomRow(random)),
    }));
    const served = { servedFromSec: SERVED_AT_SEC, servedToSec: SERVED_AT_SEC };
    const { bytes } = encodeBatch(await market.batch(groups, served));
    const receipt = await (await market.settle(bytes)).wait();
    if (receipt === null) throw new Error("the batch was not mined");
    return { gasUsed: Number(receipt.gasUsed), batchBytes: bytes.length };
  };
  await settle();
  const { gasUsed, batchBytes } = await settle();
  return { rail, rows, rowsPerAccount, gasPerRequest: gasUsed / rows, target, batchBytes, gasUsed };
}

/** The naive way: one ERC-20 transfer from payer to provider per request, between balances that exist. */
async function measureBaseline() {
  const { token, owner, settler, ethers } = await deployMarket();
  const payer = owner.address;
  const providers = Array.from({ length: OFFERS }, (_, i) => ethers.toBeHex(0xa11_0000 + i, 20));
  await token.approve(settler, ethers.MaxUint256);
  for (const provider of providers) await token.transfer(provider, 1n);
  let gasUsed = 0n;
  for (let i = 0; i < BASELINE_PAYMENTS; i++) {
    const provider = providers[i % OFFERS] as string;
    const payment = await token.connect(settler).transferFrom(payer, provider, 10n ** 14n + BigInt(i));
    gasUsed += (await payment.wait())?.gasUsed ?? 0n;
  }
  return {
    name: "one ERC-20 transferFrom per request",
    requests: BASELINE_PAYMENTS,
    gasPerRequest: Number(gasUsed) / BASELINE_PAYMENTS,
    gasUsed: Number(gasUsed),
  };
}

/** What a facilitator of x402's `exact` scheme sends for a request: the authorization that the payer signed. */
async function measureExact() {
  const { token, owner, settler, ethers } = await deployMarket();
  const to = ethers.toBeHex(0xa11_0000, 20);
  await token.transfer(to, 1n);
  let gasUsed = 0n;
  for (let i = 1; i <= BASELINE_PAYMENTS; i++) {
    const authorization = {
      from: owner.address,
      to,
      value: 10n ** 14n + BigInt(i),
      validAfter: 0,
      validBefore: 2 ** 40,
      nonce: ethers.toBeHex(i, 32),
    };
    const signature = await signAuthorization(token, owner, "TransferWithAuthorization", authorization);
    const { from, value, validAfter, validBefore, nonce } = authorization;
    const pay =
      token.connect(settler)[
        "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
      ];
    gasUsed +=
      (await (await pay(from, to, value, validAfter, validBefore, nonce, signature)).wait())?.gasUsed ?? 0n;
  }
  return {
    name: "x402 exact, one transferWithAuthorization per request",
    requests: BASELINE_PAYMENTS,
    gasPerRequest: Number(gasUsed) / BASELINE_PAYMENTS,
    gasUsed: Number(gasUsed),
  };
}

interface Baseline {
  readonly name: string;
  readonly gasPerRequest: number;
  readonly gasUsed: number;
}

interface Measurements {
  readonly cases: readonly Measured[];
  readonly baseline: Baseline;
  readonly x402Exact: Baseline;
}

const nameOf = (measured: Measured): string =>
  `settle ${measured.rows} rows, ${measured.rowsPerAccount} per account${measured.rail === "wallet" ? ", wallet rail" : ""}`;

/** What stands in git: gas of whole transactions, by name. */
function snapshotOf({ cases, baseline, x402Exact }: Measurements): Record<string, number> {
  return Object.fromEntries([
    ...cases.map((measured) => [nameOf(measured), measured.gasUsed]),
    [baseline.name, baseline.gasUsed],
    [x402Exact.name, x402Exact.gasUsed],
  ]);
}

/** Every line in which the two differ. */
function differences(before: Record<string, number>, after: Record<string, number>): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name}: ${before[name] ?? "not there"} -> ${after[name] ?? "not there"}`);
}

function print({ cases, baseline, x402Exact }: Measurements): void {
  console.table(
    cases.map((measured) => ({
      rail: measured.rail,
      rows: measured.rows,
      "rows per account": measured.rowsPerAccount,
      "gas per request": Math.round(measured.gasPerRequest),
      target: measured.target,
      "batch bytes": measured.batchBytes,
      "gas in all": measured.gasUsed,
      "times cheaper": Math.round(baseline.gasPerRequest / measured.gasPerRequest),
    })),
  );
  for (const { name, gasPerRequest } of [baseline, x402Exact])
    console.log(`for comparison, ${name}: ${Math.round(gasPerRequest)} gas per request`);
}

const { values: options } = parseArgs({
  options: { json: { type: "boolean" }, check: { type: "boolean" }, write: { type: "boolean" } },
});
await tasks.getTask("build").run({ quiet: true, noTests: true });
const measurements: Measurements = {
  cases: await Promise.all(CASES.map(measure)),
  baseline: await measureBaseline(),
  x402Exact: await measureExact(),
};
if (options.json) console.log(JSON.stringify(measurements, null, 2));
else print(measurements);

const snapshot = snapshotOf(measurements);
if (options.write) writeFileSync(SNAPSHOT, `${JSON.stringify(snapshot, null, 2)}\n`);
if (options.check) {
  const known = JSON.parse(readFileSync(SNAPSHOT, "utf8")) as Record<string, number>;
  const changes = differences(known, snapshot);
  for (const change of changes) console.error(change);
  if (changes.length > 0) {
    console.error("gas changed: look at it, then take it with `npm run bench:gas -- --write`");
    process.exitCode = 1;
  }
}
for (const measured of measurements.cases.filter(({ gasPerRequest, target }) => gasPerRequest > target)) {
  console.error(`${nameOf(measured)}: above the target of ${measured.target} gas per request`);
  process.exitCode = 1;
}
