/** What a deployment is made of, from a file. */
import { getAddress, ZeroAddress } from "ethers";
import { z } from "zod";
import { parseTokens } from "../../router/model/money.ts";
import { PRODUCTION_WINDOWS, type Windows } from "./windows.ts";

const MIN_SEC = 5;
const MAX_SEC = 90 * 86_400;

const address = z.string().transform((text, context) => {
  try {
    return getAddress(text);
  } catch {
    context.addIssue({ code: "custom", message: "must be an address; mixed case has to match its checksum" });
    return z.NEVER;
  }
});
const account = address.refine((value) => value !== ZeroAddress, "must not be the zero address");
const tokens = z.string().transform((text, context) => {
  try {
    return parseTokens(text);
  } catch (error) {
    context.addIssue({
      code: "custom",
      message: error instanceof Error ? error.message : "must be an amount",
    });
    return z.NEVER;
  }
});
const seconds = z.int().min(MIN_SEC).max(MAX_SEC);

const windows = z
  .strictObject({
    challenge: seconds,
    settle: seconds,
    selfSettle: seconds,
    exitNotice: seconds,
    unbonding: seconds,
    maxPause: seconds,
    grace: seconds,
    epoch: seconds,
  })
  // As contracts/libraries/Windows.sol checks it, before anything is paid for.
  .refine((w) => w.exitNotice > w.settle + w.selfSettle + w.maxPause, {
    error: "must exceed settle + selfSettle + maxPause",
    path: ["exitNotice"],
  })
  .refine((w) => w.unbonding > w.settle + w.selfSettle + w.maxPause + 3 * w.challenge, {
    error: "must exceed settle + selfSettle + maxPause + 3 * challenge",
    path: ["unbonding"],
  })
  .refine((w) => w.epoch % w.challenge === 0, {
    error: "must be a whole number of challenge windows",
    path: ["epoch"],
  });

const Shape = z.strictObject({
  /** Guards against the wrong network. */
  chainId: z.int().min(1),
  /** Receives the whole supply. */
  holder: account,
  timelock: z.strictObject({
    delaySec: z.int().min(0).max(MAX_SEC),
    proposers: z.array(account).min(1),
    /** The zero address: everybody. */
    executors: z.array(address).min(1),
  }),
  /** May pause deposits and settlement for `windows.maxPause`; the zero address, and by default: nobody. */
  guardian: address.default(ZeroAddress),
  minOperatorBond: tokens,
  minProviderStake: tokens,
  protocolFeeBps: z.int().min(0).max(1_000),
  operatorShareBps: z.int().min(0).max(5_000),
  /** The payers' share of the protocol fee, as credits. */
  rebateShareBps: z.int().min(0).max(2_000).default(1_000),
  /** Posts what is typical of models, and benchmark results, to Rewards; the zero address, and by default: nobody. */
  reporter: address.default(ZeroAddress),
  /** As contracts/Disputes.sol bounds it. */
  penalty: tokens.refine(
    (wei) => wei >= parseTokens("1") && wei <= parseTokens("1000000"),
    "must be between 1 and 1,000,000",
  ),
  windows: windows.default(PRODUCTION_WINDOWS),
});

export type DeploymentConfig = z.infer<typeof Shape> & { readonly windows: Windows };

/** The configuration is none; the message names every field that is wrong. */
export class ConfigProblem extends Error {
  override readonly name = "ConfigProblem";
}

/** @throws {ConfigProblem} */
export function parseConfig(text: string): DeploymentConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ConfigProblem("the configuration is not JSON", { cause });
  }
  const parsed = Shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join(".") || "it"}: ${issue.message}`);
  throw new ConfigProblem(`the configuration can't be used:\n${problems.join("\n")}`);
}
