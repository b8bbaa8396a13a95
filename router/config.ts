/** The router's settings; the only reader of `process.env`. A bad value stops the process and names its variable. */
import { z } from "zod";
import type { Hex } from "./model/bytes.ts";
import { parseTokens, type Wei } from "./model/money.ts";

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/, "must be an address, 0x and 40 hex digits");
const privateKey = z.string().regex(/^0x[0-9a-fA-F]{64}$/, "must be a private key, 0x and 64 hex digits");
const url = (protocols: RegExp) => z.url({ protocol: protocols, error: "must be a URL" });
/** Beyond these, one more endpoint adds nothing. */
const MAX_FALLBACKS = 7;
const rpcUrls = z
  .string()
  .transform((text) => text.split(",").map((part) => part.trim()))
  .pipe(
    z
      .array(z.url({ protocol: /^https?$/, error: "must be URLs, with commas between them" }))
      .max(MAX_FALLBACKS, `must be at most ${MAX_FALLBACKS} URLs`),
  );
const flag = z
  .enum(["true", "false"], { error: "must be true or false" })
  .transform((text) => text === "true");
const tokens = z.string().transform((text, context) => {
  try {
    return parseTokens(text);
  } catch {
    context.addIssue({ code: "custom", message: 'must be a decimal number of tokens, for instance "0.5"' });
    return z.NEVER;
  }
});
const domains = z
  .string()
  .regex(
    /^[a-z0-9.-]+(?::\d{1,5})?(?:,[a-z0-9.-]+(?::\d{1,5})?)*$/i,
    "must be hosts like app.example.com, or host:port, with commas between",
  )
  .transform((text) => text.toLowerCase().split(","));
const origins = z
  .string()
  .regex(
    /^(?:\*|none|https?:\/\/[a-z0-9.-]+(?::\d{1,5})?(?:,https?:\/\/[a-z0-9.-]+(?::\d{1,5})?)*)$/i,
    "must be *, none, or origins like https://app.example.com, with commas between",
  )
  .transform((text): "*" | readonly string[] => {
    if (text === "*") return "*";
    return text === "none" ? [] : text.toLowerCase().split(",");
  });
const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`));

const WEI_PER_GWEI = 1_000_000_000n;

const Environment = z.object({
  AI1NET_HOST: z.string().min(1).default("127.0.0.1"),
  AI1NET_PORT: integer(0, 65_535).default(8080),
  AI1NET_DATA_DIR: z.string().min(1).default("data/router"),
  AI1NET_RPC_URL: url(/^https?$/),
  AI1NET_RPC_FALLBACK_URLS: rpcUrls.default([]),
  AI1NET_CHAIN_ID: integer(1, Number.MAX_SAFE_INTEGER),
  AI1NET_LEDGER: address,
  AI1NET_OPERATOR_ID: integer(1, 2 ** 24 - 1),
  AI1NET_SETTLER_KEY: privateKey,
  AI1NET_RECEIPT_KEY: privateKey,
  AI1NET_ADMIN_TOKEN: z.string().min(32, "must have at least 32 characters"),
  AI1NET_SIGN_IN_DOMAINS: domains.default([]),
  AI1NET_CORS_ORIGINS: origins.default("*"),
  AI1NET_RELAYER_KEY: privateKey.optional(),
  AI1NET_RELAY_GAS_PER_HOUR: integer(0, Number.MAX_SAFE_INTEGER).default(50_000_000),
  AI1NET_RELAY_MIN_DEPOSIT: tokens.default(10n ** 18n),
  AI1NET_ALLOW_LOOPBACK: flag.default(false),
  AI1NET_SETTLE_MAX_AGE_MS: integer(100, 3_000_000).default(60_000),
  AI1NET_SETTLE_MAX_ROWS: integer(1, 16_384).default(5_000),
  AI1NET_SETTLE_MAX_BYTES: integer(100, 131_072).default(120_000),
  AI1NET_SETTLE_MAX_VALUE: tokens.optional(),
  AI1NET_CONFIRMATIONS: integer(1, 1_000).default(1),
  AI1NET_MAX_FEE_GWEI: integer(1, 1_000_000_000).default(1_000),
  AI1NET_BUMP_AFTER_MS: integer(500, 3_600_000).default(30_000),
  AI1NET_POLL_MS: integer(50, 60_000).default(1_000),
  AI1NET_DRAIN_MS: integer(0, 600_000).default(30_000),
  AI1NET_RETENTION_DAYS: integer(7, 36_500).optional(),
  AI1NET_ACCEPT_JOURNAL_TAIL: flag.default(false),
  AI1NET_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info"),
  DATABASE_URL: url(/^postgres(ql)?$/).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(/^https?$/).optional(),
});

const DAY_MS = 86_400_000;

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** In order of preference. */
  readonly rpcUrls: readonly string[];
  readonly chainId: number;
  readonly ledger: Hex;
  readonly operatorId: number;
  readonly settlerKey: Hex;
  readonly receiptKey: Hex;
  readonly adminToken: string;
  /** Sites whose visitors may sign in with their wallets, as `host` or `host:port`; besides the router's own. */
  readonly signInDomains: readonly string[];
  /** Sites whose pages may use the API from the browser: all, or origins in lower case. */
  readonly corsOrigins: "*" | readonly string[];
  /** Pays the gas of others' deposits; undefined: the settler does. */
  readonly relayerKey: Hex | undefined;
  /** Gas of all deposits that are relayed in one hour. */
  readonly relayGasPerHour: bigint;
  /** Less than this is not relayed. */
  readonly minDepositWei: Wei;
  /** Development: providers may be on loopback, over plain HTTP. */
  readonly allowLoopback: boolean;
  readonly settleMaxAgeMs: number;
  readonly settleMaxRows: number;
  readonly settleMaxBytes: number;
  /** Rows worth this much do not wait for size or age. */
  readonly settleMaxValueWei: Wei | undefined;
  /** Blocks on top of a settlement's own until it is final. */
  readonly confirmations: number;
  /** No settlement pays more per gas than this, however long it takes. */
  readonly maxFeePerGasWei: bigint;
  /** A settlement that was not mined for so long is sent again, dearer. */
  readonly bumpAfterMs: number;
  readonly pollMs: number;
  /** How long a stop waits for requests in flight, and then for the last settlement. */
  readonly drainMs: number;
  /** How long receipts are kept once they are on chain for good; undefined: for ever. */
  readonly retentionMs: number | undefined;
  /** The operator's word that a journal whose end could not be verified is complete. */
  readonly acceptJournalTail: boolean;
  readonly logLevel: string;
  /** Where traces go, OTLP over HTTP; undefined: nowhere. */
  readonly otlpEndpoint: string | undefined;
  /** PostgreSQL instead of the files in `dataDir`. */
  readonly databaseUrl: string | undefined;
}

/** The environment does not make a configuration; the message names every variable that is wrong, and no value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** @throws {ConfigError} */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  // An empty variable is one that was not set: that is how people unset them in files.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      return `  ${name} ${given[name] === undefined ? "is missing" : issue.message}`;
    });
    throw new ConfigError(
      `the router can't start:\n${problems.join("\n")}\nSee router/README.md for every setting.`,
    );
  }
  const value = parsed.data;
  return {
    host: value.AI1NET_HOST,
    port: value.AI1NET_PORT,
    dataDir: value.AI1NET_DATA_DIR,
    rpcUrls: [...new Set([value.AI1NET_RPC_URL, ...value.AI1NET_RPC_FALLBACK_URLS])],
    chainId: value.AI1NET_CHAIN_ID,
    ledger: value.AI1NET_LEDGER as Hex,
    operatorId: value.AI1NET_OPERATOR_ID,
    settlerKey: value.AI1NET_SETTLER_KEY as Hex,
    receiptKey: value.AI1NET_RECEIPT_KEY as Hex,
    adminToken: value.AI1NET_ADMIN_TOKEN,
    signInDomains: value.AI1NET_SIGN_IN_DOMAINS,
    corsOrigins: value.AI1NET_CORS_ORIGINS,
    relayerKey: value.AI1NET_RELAYER_KEY as Hex | undefined,
    relayGasPerHour: BigInt(value.AI1NET_RELAY_GAS_PER_HOUR),
    minDepositWei: value.AI1NET_RELAY_MIN_DEPOSIT,
    allowLoopback: value.AI1NET_ALLOW_LOOPBACK,
    settleMaxAgeMs: value.AI1NET_SETTLE_MAX_AGE_MS,
    settleMaxRows: value.AI1NET_SETTLE_MAX_ROWS,
    settleMaxBytes: value.AI1NET_SETTLE_MAX_BYTES,
    settleMaxValueWei: value.AI1NET_SETTLE_MAX_VALUE,
    confirmations: value.AI1NET_CONFIRMATIONS,
    bumpAfterMs: value.AI1NET_BUMP_AFTER_MS,
    maxFeePerGasWei: BigInt(value.AI1NET_MAX_FEE_GWEI) * WEI_PER_GWEI,
    pollMs: value.AI1NET_POLL_MS,
    drainMs: value.AI1NET_DRAIN_MS,
    retentionMs: value.AI1NET_RETENTION_DAYS && value.AI1NET_RETENTION_DAYS * DAY_MS,
    acceptJournalTail: value.AI1NET_ACCEPT_JOURNAL_TAIL,
    logLevel: value.AI1NET_LOG_LEVEL,
    otlpEndpoint: value.OTEL_EXPORTER_OTLP_ENDPOINT,
    databaseUrl: value.DATABASE_URL,
  };
}
