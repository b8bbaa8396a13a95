/** The auditor's command line: see `npm run audit -- --help`. */
import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { BaseError, isAddress } from "viem";
import type { Hex } from "../../router/model/bytes.ts";
import { audit, type AuditOptions } from "./audit.ts";
import { AuditError } from "./auditError.ts";
import { checkReceipt } from "./checkReceipt.ts";
import { auditJson, auditText, receiptJson, receiptText, receiptVerdict } from "./print.ts";
import { readReceipt } from "./readReceipt.ts";
import { rpcClient, rpcError } from "./rpc.ts";

const EXIT = { agrees: 0, differs: 1, failed: 2 } as const;
const PROGRESS_MS = 2_000;

interface Options {
  readonly rpc: string;
  readonly ledger: Hex;
  readonly receipt?: string;
  readonly fromBlock?: number;
  readonly block?: number;
  readonly json: boolean;
}

function parseUrl(text: string): string {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ""))
    throw new InvalidArgumentError("Give an http or https URL.");
  return text;
}

function parseAddress(text: string): Hex {
  if (!isAddress(text, { strict: false })) throw new InvalidArgumentError("Give 0x and 40 hex digits.");
  return text;
}

function parseBlock(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Give a block number.");
  return Number(text);
}

const program = new Command("npm run audit --")
  .description(
    "Recomputes every batch, row, balance and fee of an AI1NET Ledger and compares them with the chain.",
  )
  .requiredOption("--rpc <url>", "an archive node: all that is needed", parseUrl)
  .requiredOption("--ledger <address>", "the Ledger; everything else is found from it", parseAddress)
  .option("--receipt <file>", "check this receipt only (the JSON of GET /v1/receipts/:id)")
  .option("--from-block <number>", "where events begin (default: where the contracts do)", parseBlock)
  .option("--block <number>", "audit the state of this block (default: the latest)", parseBlock)
  .option("--json", "print one line of JSON", false)
  .addHelpText("after", "\nExits with 0 if everything agrees, 1 if not, 2 if the audit could not be made.")
  .exitOverride();

/** Says every so often how far a long audit is. */
function progressTeller(): NonNullable<AuditOptions["onProgress"]> {
  let toldAt = Date.now();
  return (upTo, { from, to }, { totals }) => {
    if (Date.now() - toldAt < PROGRESS_MS) return;
    toldAt = Date.now();
    const percent = Math.floor((100 * (upTo - from + 1)) / (to - from + 1));
    console.error(
      `audit: block ${upTo} of ${to} (${percent} %), ${totals.batches} batches, ${totals.rows} rows`,
    );
  };
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new AuditError(`Cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function run({ rpc, json, receipt: file, ...rest }: Options): Promise<number> {
  const client = rpcClient(rpc);
  const options = { ...rest, onProgress: progressTeller() };
  if (file === undefined) {
    const result = await audit(client, options);
    console.log(json ? auditJson(result) : auditText(result));
    return result.mismatches === 0 ? EXIT.agrees : EXIT.differs;
  }
  const result = await checkReceipt(client, readReceipt(readFile(file)), options);
  console.log(json ? receiptJson(result) : receiptText(result));
  return receiptVerdict(result) === "settled" ? EXIT.agrees : EXIT.differs;
}

try {
  process.exitCode = await run(program.parse().opts<Options>());
} catch (error) {
  process.exitCode = EXIT.failed;
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.agrees : EXIT.failed;
  else if (error instanceof AuditError) console.error(`audit: ${error.message}`);
  else if (error instanceof BaseError)
    console.error(`audit: ${rpcError("The endpoint failed", error).message}`);
  else console.error(error);
}
