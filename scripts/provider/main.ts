/** `npm run provider`: everything a provider does, from listing a model to being paid. */
import { Command, InvalidArgumentError, Option } from "commander";

import { parseTokens } from "../../router/model/money.ts";
import { describeError } from "../describeError.ts";
import { claim } from "./claim.ts";
import { onboard } from "./onboard.ts";
import { reprice, retire } from "./offers.ts";
import { parsePerMillion, parsePerRequest } from "./prices.ts";
import { selfSettle } from "./selfSettle.ts";
import { unstake, withdraw } from "./stake.ts";
import { status } from "./status.ts";

/** Commander shows the message of this error beside the option's name. */
function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return checked((text) => {
    const value = Number(text);
    if (!/^\d+$/u.test(text) || value < min || value > max)
      throw new TypeError(`must be a whole number from ${min} to ${max}`);
    return value;
  });
}

function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/u.test(url.protocol)) throw new TypeError("must be an http or https URL");
  return text;
}

const price = checked(parsePerMillion);
const id = wholeNumber(1, 2 ** 32 - 1);
const units = wholeNumber(1, 2 ** 24 - 1);

const program = new Command("npm run provider --")
  .description("Bring a model to the network, and be paid for it.")
  .addOption(new Option("--data <dir>", "data directory of the running economy").default("data"))
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true });

const dataDir = (): string => program.opts<{ data: string }>().data;

interface Prices {
  readonly inputPrice: bigint;
  readonly outputPrice: bigint;
  readonly requestPrice: bigint;
}

function withPrices(command: Command): Command {
  return command
    .requiredOption("--input-price <tokens>", "$AI1NET per million input units", price)
    .requiredOption("--output-price <tokens>", "$AI1NET per million output units", price)
    .addOption(
      new Option("--request-price <tokens>", "$AI1NET per request, on top")
        .argParser(checked(parsePerRequest))
        .default(0n, "0"),
    );
}

withPrices(
  program
    .command("onboard")
    .description(
      "stake, list a model of any OpenAI-compatible server, fix its price, wait until it is served",
    )
    .requiredOption("--endpoint <url>", "base URL, for instance http://127.0.0.1:11434/v1", checked(httpUrl))
    .requiredOption("--model <name>", "name on the network, for instance acme/summarizer"),
)
  .option("--upstream-model <name>", "its name at the endpoint; default: the same")
  .option("--key <key>", "API key of the endpoint (visible to other users of this machine: prefer --key-env)")
  .option("--key-env <variable>", "environment variable that holds the key")
  .option("--stake <tokens>", "$AI1NET to stake; default: what the minimum asks for", checked(parseTokens))
  .option("--max-output <units>", "most output units of one answer", units, 4_096)
  .option("--context <units>", "context length in units", units, 32_768)
  .option("-y, --yes", "spend without asking", false)
  .action(
    async (
      given: Prices & {
        endpoint: string;
        model: string;
        upstreamModel?: string;
        key?: string;
        keyEnv?: string;
        stake?: bigint;
        maxOutput: number;
        context: number;
        yes: boolean;
      },
    ) => {
      const fromEnv = given.keyEnv === undefined ? undefined : process.env[given.keyEnv];
      if (given.keyEnv !== undefined && fromEnv === undefined)
        program.error(`error: ${given.keyEnv} is not set`);
      await onboard({
        dataDir: dataDir(),
        endpoint: given.endpoint,
        model: given.model,
        upstreamModel: given.upstreamModel ?? given.model,
        inputPriceWei: given.inputPrice,
        outputPriceWei: given.outputPrice,
        requestPriceWei: given.requestPrice,
        apiKey: given.key ?? fromEnv,
        stakeWei: given.stake,
        maxOutputUnits: given.maxOutput,
        contextUnits: given.context,
        yes: given.yes,
      });
    },
  );

program
  .command("status")
  .description("stake, offers and earnings")
  .option("--provider <id>", "whose; default: yours", id)
  .action((given: { provider?: number }) => status({ dataDir: dataDir(), providerId: given.provider }));

program
  .command("claim")
  .description("pay out everything whose challenge window has passed")
  .option("--provider <id>", "whose; default: yours, or the demo's if you have none", id)
  .option("--json", "for programs", false)
  .action(async (given: { provider?: number; json: boolean }) => {
    await claim({ dataDir: dataDir(), providerId: given.provider, json: given.json });
  });

program
  .command("self-settle")
  .description(
    "settle receipts that the router left unsettled, from its payers' accounts; lists them unless --yes is given",
  )
  .requiredOption("--receipts <file>", "JSON of GET /v1/provider/receipts, or one receipt a line")
  .option("-y, --yes", "send the transactions", false)
  .action((given: { receipts: string; yes: boolean }) =>
    selfSettle({ dataDir: dataDir(), file: given.receipts, send: given.yes }),
  );

withPrices(
  program
    .command("reprice")
    .description("add an offer with new prices; the old ones retire after an hour's notice")
    .requiredOption("--listing <id>", "which listing", id),
).action((given: Prices & { listing: number }) =>
  reprice({
    dataDir: dataDir(),
    listingId: given.listing,
    inputPriceWei: given.inputPrice,
    outputPriceWei: given.outputPrice,
    requestPriceWei: given.requestPrice,
  }),
);

program
  .command("retire")
  .description("end an offer, after an hour's notice; this can't be undone")
  .requiredOption("--offer <id>", "which offer", id)
  .action((given: { offer: number }) => retire({ dataDir: dataDir(), offerId: given.offer }));

program
  .command("unstake")
  .description("ask for the stake back; it can be withdrawn after the unbonding period")
  .option("--amount <tokens>", "default: all of it", checked(parseTokens))
  .action((given: { amount?: bigint }) => unstake({ dataDir: dataDir(), amountWei: given.amount }));

program
  .command("withdraw")
  .description("take out what was asked back")
  .action(() => withdraw({ dataDir: dataDir() }));

try {
  await program.parseAsync();
} catch (error) {
  console.error(`error: ${describeError(error)}`);
  process.exitCode = 1;
}
