/** `npm start`: the whole network on this machine, until Ctrl-C. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { buildContracts } from "./deploy/buildContracts.ts";
import { Demo } from "./demo/demo.ts";
import { AlreadyRunning, lockDataDir } from "./demo/lock.ts";
import { describeError } from "./describeError.ts";
import type { EconomyFile } from "./economyFile.ts";

const ROUTER_PORT = 8_080;
const CHAIN_PORT = 8_545;
const ONE_INTERRUPT_MS = 700;

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/u.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError("a port is 1 to 65535");
  return port;
}

const command = new Command("npm start --")
  .description(
    "Starts a local chain, the contracts, a router and real providers, and keeps them running until Ctrl-C.",
  )
  .option("--port <port>", "the router's port; the next free one if it is taken", portOf, ROUTER_PORT)
  .option("--rpc-port <port>", "the chain's port; the next free one if it is taken", portOf, CHAIN_PORT)
  .option("--data <dir>", "where everything is kept between starts", "data")
  .option("--fresh", "remove what was kept, and begin with a new chain")
  .parse();
const options = command.opts<{ port: number; rpcPort: number; data: string; fresh?: true }>();
const dataDir = path.resolve(options.data);
const isColored = process.stdout.isTTY && !process.env["NO_COLOR"];
const paint = (code: number, text: string): string => (isColored ? `\u001B[${code}m${text}\u001B[0m` : text);
const startedAt = Date.now();
const done = (step: string): void => {
  const seconds = ((Date.now() - startedAt) / 1_000).toFixed(1).padStart(5);
  console.log(`${paint(32, "✔")} ${paint(2, `${seconds} s`)}  ${step}`);
};
const say = (line: string): void => console.log(`  ${line}`);

/** Only what a start wrote: a directory given by mistake keeps the rest. */
async function removeKept(): Promise<void> {
  const KEPT = new Set([
    "chain.json",
    "chain.json.new",
    "chain-cache",
    "dev.json",
    "economy.json",
    "provider.key",
    "logs",
    "router",
    "secret",
  ]);
  if (!existsSync(dataDir)) return;
  const lock = await lockDataDir(dataDir, say);
  const found = readdirSync(dataDir).filter((name) => KEPT.has(name));
  if (found.length > 0) console.log(`removing ${found.join(", ")} from ${dataDir}`);
  for (const name of found) rmSync(path.join(dataDir, name), { recursive: true, force: true });
  lock.release();
}

async function printReady({ routerUrl, rpcUrl, contracts, demo }: EconomyFile): Promise<void> {
  const hasReference = await fetch(`${routerUrl}/openapi.json`).then(
    ({ ok }) => ok,
    () => false,
  );
  const data = options.data === "data" ? "" : ` --data ${options.data}`;
  const body = JSON.stringify({
    model: "ai1net/storyteller",
    stream: true,
    messages: [{ role: "user", content: "Tell me about the White Rabbit" }],
  });
  console.log(`
${paint(1, "AI1NET is running.")}

  router     ${routerUrl}/v1    any OpenAI SDK, with this base URL and the key below${hasReference ? `\n  reference  ${routerUrl}/openapi.json` : ""}
  models     ${routerUrl}/v1/models
  chain      ${rpcUrl}    chain id 31337
  API key    ${demo.apiKey}
  the rest   ${path.join(options.data, "dev.json")}

Paste this into another terminal:

  curl -sN ${routerUrl}/v1/chat/completions -H "authorization: Bearer ${demo.apiKey}" -H "content-type: application/json" -d '${body}'

Then:

  npm run audit -- --rpc ${rpcUrl} --ledger ${contracts.Ledger}
  npm run provider -- onboard --endpoint http://127.0.0.1:11434/v1 --model llama3.2 --input-price 0.2 --output-price 0.8${data}
  npm run provider -- claim --provider 1${data}
  npm run payer -- balance${data}

Ctrl-C stops it; the next npm start goes on from there, npm start -- --fresh begins anew.`);
}

async function main(): Promise<number> {
  await buildContracts(say);
  done("contracts compiled");
  if (options.fresh) await removeKept();

  const demo = new Demo({ dataDir, routerPort: options.port, chainPort: options.rpcPort, done, say });
  let interruptedAt: number | undefined;
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<undefined>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // The terminal and npm may both pass one Ctrl-C on.
      interruptedAt ??= Date.now();
      if (Date.now() - interruptedAt < ONE_INTERRUPT_MS) {
        interrupt(undefined);
        return;
      }
      console.error("\nended at once; the next start goes on from the journal and the last saved chain");
      demo.kill();
      process.exit(130);
    });
  }

  let code = 0;
  try {
    const running = await Promise.race([demo.start(), interrupted]);
    if (running) {
      await printReady(running.network);
      const reason = await Promise.race([running.failed, interrupted]);
      if (reason !== undefined) {
        console.error(`\n${paint(31, "✖")} ${reason}`);
        code = 1;
      }
    }
  } catch (error) {
    if (error instanceof AlreadyRunning) {
      console.error(
        `${paint(31, "✖")} ${error.message}; see ${path.join(options.data, "dev.json")}, or give another --data`,
      );
      return 1;
    }
    console.error(`${paint(31, "✖")} ${describeError(error)}`);
    code = 1;
  }
  console.log("");
  await demo.stop(say);
  done(code === 0 ? "stopped" : "stopped what was running");
  return code;
}

process.exit(await main());
