/** `npm run deploy`: the contracts on a network where money matters. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Command } from "commander";
import { formatEther, JsonRpcProvider, Wallet, ZeroAddress } from "ethers";
import { formatTokens } from "../../router/model/money.ts";
import { describeError } from "../describeError.ts";
import { buildContracts } from "./buildContracts.ts";
import { ConfigProblem, parseConfig, type DeploymentConfig } from "./config.ts";
import { deploy } from "./deploy.ts";
import { deployTimelock } from "./timelock.ts";

const DAY = 86_400;

const command = new Command("npm run deploy --")
  .description(
    "Deploys AI1NET, Registry, Escrow, Ledger, Disputes, Reviews and Rewards behind a timelock, and checks their wiring. " +
      "The deployer's key comes from --key-file or AI1NET_DEPLOYER_KEY; it pays the gas and keeps no role.",
  )
  .requiredOption("--rpc <url>", "JSON-RPC of the network")
  .requiredOption("--config <file>", "what to deploy; see scripts/deploy/config.example.json")
  .requiredOption("--out <file>", "where to write the addresses; must not exist")
  .option("--key-file <file>", "file with the deployer's private key")
  .option("-y, --yes", "deploy without asking", false)
  .showHelpAfterError()
  .parse();
const options = command.opts<{ rpc: string; config: string; out: string; keyFile?: string; yes: boolean }>();

function deployerKey(): string {
  const key =
    options.keyFile === undefined
      ? process.env["AI1NET_DEPLOYER_KEY"]
      : readFileSync(options.keyFile, "utf8");
  if (key === undefined || key.trim() === "")
    throw new ConfigProblem("no key: give --key-file, or set AI1NET_DEPLOYER_KEY");
  if (!/^0x[0-9a-fA-F]{64}$/u.test(key.trim()))
    throw new ConfigProblem("the deployer's key is no private key: 0x and 64 hex digits");
  return key.trim();
}

const duration = (sec: number): string =>
  sec % DAY === 0 ? `${sec / DAY} d` : sec % 3_600 === 0 ? `${sec / 3_600} h` : `${sec} s`;

function describe(config: DeploymentConfig, deployer: string, balance: bigint): string {
  const { timelock, windows } = config;
  const lines: readonly (readonly [string, string])[] = [
    ["chain", String(config.chainId)],
    ["deployer", `${deployer}, with ${formatEther(balance)} of the chain's coin`],
    ["whole supply to", config.holder],
    [
      "timelock",
      `${duration(timelock.delaySec)} delay; proposers ${timelock.proposers.join(", ")}; executors ${timelock.executors.join(", ")}`,
    ],
    ["reporter", config.reporter === ZeroAddress ? "nobody yet: the timelock names one" : config.reporter],
    ["guardian", config.guardian === ZeroAddress ? "nobody: nothing can be paused" : config.guardian],
    ["operator's bond", `at least ${formatTokens(config.minOperatorBond)} $AI1NET`],
    ["provider's stake", `at least ${formatTokens(config.minProviderStake)} $AI1NET`],
    ["penalty", `${formatTokens(config.penalty)} $AI1NET of the bond for each request that is lied about`],
    [
      "protocol fee",
      `${config.protocolFeeBps / 100} %, ${config.operatorShareBps / 100} % of it for the operator, ` +
        `${config.rebateShareBps / 100} % back to payers`,
    ],
    [
      "windows",
      Object.entries(windows)
        .map(([name, sec]) => `${name} ${duration(sec)}`)
        .join(", "),
    ],
  ];
  return lines.map(([what, value]) => `  ${what.padEnd(17)} ${value}`).join("\n");
}

async function agreed(): Promise<boolean> {
  if (options.yes) return true;
  if (!process.stdin.isTTY)
    throw new ConfigProblem("this spends the deployer's coin: run it on a terminal, or give --yes");
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await lines.question("Deploy? None of this can be changed afterwards. [y/N] ");
  lines.close();
  return /^y(?:es)?$/iu.test(answer.trim());
}

async function main(): Promise<void> {
  const config = parseConfig(readFileSync(options.config, "utf8"));
  if (existsSync(options.out))
    throw new ConfigProblem(`${options.out} exists already: nothing is overwritten`);
  const rpc = new JsonRpcProvider(options.rpc, undefined, { staticNetwork: true, pollingInterval: 1_000 });
  try {
    const chainId = Number(await rpc.send("eth_chainId", []));
    if (chainId !== config.chainId)
      throw new ConfigProblem(
        `${new URL(options.rpc).host} is chain ${chainId}, the configuration is for ${config.chainId}`,
      );
    const deployer = new Wallet(deployerKey(), rpc);
    await buildContracts((line) => console.log(`  ${line}`));
    console.log(`\n${describe(config, deployer.address, await rpc.getBalance(deployer.address))}\n`);
    if ([config.holder, ...config.timelock.proposers].includes(deployer.address))
      console.log("  warning: the deployer's key is also a holder or proposer; use separate keys\n");
    if (config.windows.challenge < 3_600)
      console.log("  warning: these windows are for tests: nobody can object in time\n");
    if (!(await agreed())) {
      console.log("nothing was deployed");
      return;
    }
    const timelock = await deployTimelock(deployer, config.timelock);
    console.log(`✔ Timelock  ${timelock}`);
    const contracts = await deploy({
      deployer,
      holder: config.holder,
      owner: timelock,
      guardian: config.guardian,
      windows: config.windows,
      minOperatorBondWei: config.minOperatorBond,
      minProviderStakeWei: config.minProviderStake,
      protocolFeeBps: config.protocolFeeBps,
      operatorShareBps: config.operatorShareBps,
      rebateShareBps: config.rebateShareBps,
      reporter: config.reporter,
      penaltyWei: config.penalty,
      progress: (name, address) => console.log(`✔ ${name.padEnd(9)} ${address}`),
    });
    writeFileSync(options.out, `${JSON.stringify({ chainId, contracts, timelock }, null, 2)}\n`, {
      flag: "wx",
    });
    console.log(`✔ wired as they must be; written to ${options.out}`);
  } finally {
    rpc.destroy();
  }
}

try {
  await main();
} catch (error) {
  console.error(`error: ${describeError(error)}`);
  process.exitCode = 1;
}
