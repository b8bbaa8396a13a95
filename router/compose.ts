/** What the router is built of: the only file that names the adapters. */
import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";

import { openChain, type OpenedChain } from "./adapters/chain/openChain.ts";
import { dropOldFiles, dropOldRows, type DropOptions } from "./adapters/dropOld.ts";
import { LeasedFunds } from "./adapters/funds/leasedFunds.ts";
import { PostgresLeases } from "./adapters/funds/postgresLeases.ts";
import { openFileJournal } from "./adapters/journal/fileJournal.ts";
import { openPostgresJournal } from "./adapters/journal/postgresJournal.ts";
import type { JournalIdentity } from "./adapters/journal/segments.ts";
import { challengeMetrics } from "./adapters/challengeMetrics.ts";
import { exposureMetrics } from "./adapters/exposureMetrics.ts";
import { marketMetrics } from "./adapters/marketMetrics.ts";
import { createMetrics } from "./adapters/metrics.ts";
import { memoryRateLimits, postgresRateLimits } from "./adapters/rateLimits.ts";
import { settledMoney, settlementMetrics } from "./adapters/settlementMetrics.ts";
import { receiptSigner, recoverSigner, type ReceiptSigner } from "./adapters/signer/receiptSigner.ts";
import { sqlNonces } from "./adapters/store/sqlNonces.ts";
import { postgresDatabase } from "./adapters/store/postgresDatabase.ts";
import { postgresLeadership } from "./adapters/store/postgresLeadership.ts";
import { postgresNotices, type Notices } from "./adapters/store/postgresNotices.ts";
import { openProjectedStore } from "./adapters/store/projectedStore.ts";
import type { Tracing } from "./adapters/tracing.ts";
import { refuseEndpoint } from "./adapters/upstream/endpointPolicy.ts";
import { HttpUpstream } from "./adapters/upstream/httpUpstream.ts";
import type { Config } from "./config.ts";
import { createApp } from "./http/app.ts";
import { Gate } from "./http/gate.ts";
import { Sessions } from "./http/sessions.ts";
import { Catalog } from "./market/catalog.ts";
import { FollowKeys } from "./market/followKeys.ts";
import { loadAccounts } from "./market/loadAccounts.ts";
import { FollowReviews } from "./market/followReviews.ts";
import { ModelQuality } from "./market/modelQuality.ts";
import { Opinions } from "./market/opinions.ts";
import { rememberTries } from "./market/rememberTries.ts";
import { SessionHomes } from "./market/sessionHomes.ts";
import { Watch } from "./market/watch.ts";
import { AccountBook } from "./model/account.ts";
import { FEEDBACK_MS, MOST_FEEDBACK } from "./model/feedback.ts";
import type { Funds } from "./model/funds.ts";
import { BookFunds } from "./model/bookFunds.ts";
import { KeyBook } from "./model/keyBook.ts";
import { minWei } from "./model/money.ts";
import { parseReceiptId } from "./model/receipt.ts";
import { startDayOf } from "./model/period.ts";
import type {
  Clock,
  Journal,
  Logger,
  OperatorInfo,
  PaymentNonces,
  RateLimits,
  SequenceCounters,
  Store,
} from "./ports.ts";
import { KeyRing } from "./request/authenticate.ts";
import { UsedNonces } from "./request/usedNonces.ts";
import { UsageComparison } from "./request/compareUsage.ts";
import { settlementBehind } from "./request/refusal.ts";
import { Repeats } from "./request/repeats.ts";
import { loadCounter } from "./request/countUnits.ts";
import { MAX_BATCH_GAS } from "./settlement/build.ts";
import { ChallengeAnswers } from "./settlement/challengeAnswers.ts";
import { BondExposure } from "./settlement/exposure.ts";
import { challengeableMs, Retention, type RetentionOptions } from "./settlement/retention.ts";
import { rowProver } from "./settlement/prove.ts";
import { Settlement } from "./settlement/settle.ts";

export interface Router {
  /** Where it listens. */
  readonly url: string;
  /** Refuses new requests, lets the ones in flight end, settles what was served, and closes everything. */
  stop(): Promise<void>;
}

/** The configuration does not fit the chain; the message says what to change. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** Room for long prompts in the request line's headers, and no more. */
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 20_000;
/** A body of 4 MB over a slow line. */
const BODY_TIMEOUT_MS = 120_000;
/** No new try begins later than this after a request. */
const DEADLINE_MS = 120_000;

/** What a router that was killed had leased comes back after this. */
const LEASE_MS = 8_000;

const systemClock: Clock = { nowMs: () => Date.now() };
const nowSec = (): number => Math.floor(systemClock.nowMs() / 1000);

export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
}

/** Starts a router; resolves once it listens and serves. */
export async function compose(config: Config, log: Logger = createLogger(config.logLevel)): Promise<Router> {
  const { operatorId } = config;
  const domain = { chainId: config.chainId, verifyingContract: config.ledger };
  const signer = receiptSigner(config.receiptKey, domain);
  // The chain is opened first: it says whose journal this is.
  const late: { storage?: Storage } = {};
  const chain = await openChain({
    ...config,
    receiptKeyAddress: signer.address,
    log,
    maySettle: async () => late.storage !== undefined && late.storage.leads(),
  });
  const { payee } = await checkOperator(chain, signer, config, log);

  const accounts = new AccountBook();
  const kept = { clock: systemClock, challengeableMs: challengeableMs(chain.contracts.challengeWindowSec) };
  const storage = await openStorage(config, signer, accounts, kept, log);
  late.storage = storage;
  const { journal, store, funds } = storage;
  const keys = new KeyRing(await store.keys());
  const catalog = new Catalog(systemClock, await store.endpoints());
  const exposure = new BondExposure({
    accounts,
    clock: systemClock,
    settleWindowSec: chain.contracts.settleWindowSec,
    silentMs: () => watch.silentMs(),
  });
  const watch = new Watch({
    chain,
    operatorId,
    accounts,
    counters: journal,
    store,
    onMarket: (market) => catalog.refresh(market),
    onOperator: ({ bondWei, claimedWei }) =>
      exposure.setBond(bondWei > claimedWei ? bondWei - claimedWei : 0n),
    log,
    pollMs: config.pollMs,
  });
  await watch.load();
  await rememberTries(store, catalog, systemClock.nowMs());
  await loadAccounts({
    accounts,
    store,
    accountIds: keys.accountIds(),
    load: (accountId) => watch.loadAccount(accountId),
    app: (appId) => catalog.app(appId),
  });

  const quality = new ModelQuality();
  const opinions = new Opinions({ quality, modelOf: (listingId) => catalog.listing(listingId)?.modelId });
  for (const each of await store.feedback(systemClock.nowMs() - FEEDBACK_MS, MOST_FEEDBACK))
    opinions.heard(each);
  const reviews = new FollowReviews({ desk: chain.reviews, opinions, log, pollMs: 5 * config.pollMs });

  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  marketMetrics(registry, catalog);
  const tracing =
    config.otlpEndpoint === undefined ? undefined : await startTracing(config.otlpEndpoint, operatorId);
  const counted = createMetrics(registry, accounts);
  const metrics = tracing ? tracing.traced(counted) : counted;
  const money = settledMoney(registry);
  const settlement = new Settlement({
    operatorId,
    store,
    journal,
    chain,
    clock: systemClock,
    log,
    limits: { maxRows: config.settleMaxRows, maxBytes: config.settleMaxBytes, maxGas: MAX_BATCH_GAS },
    maxAgeMs: config.settleMaxAgeMs,
    maxValueWei: () => minWei(exposure.urgentWei(), config.settleMaxValueWei),
    confirmations: config.confirmations,
    pollMs: config.pollMs,
    graceSec: chain.contracts.graceSec,
    offer: (offerId) => catalog.offer(offerId),
    leads: () => storage.leads(),
    onMined: async (accountIds, shortfallWei) => {
      money.short(shortfallWei);
      for (const accountId of accountIds)
        if (accounts.snapshot(accountId)) await watch.loadAccount(accountId);
    },
    onFinal: (accountId, nextSeq) => money.settled(accounts.forget(accountId, nextSeq)),
  });
  settlementMetrics(registry, settlement, systemClock);
  const answers: ChallengeAnswers = new ChallengeAnswers({
    desk: chain.challenges,
    store,
    log,
    leads: () => storage.leads(),
    confirmations: config.confirmations,
    pollMs: config.pollMs,
    onEnd: challengeMetrics(registry, () => answers),
  });
  exposureMetrics(registry, { exposure, accounts, silentMs: () => watch.silentMs(), rpc: chain.rpcStatus });
  // Before anything is signed: the chain may know of batches that the journal does not.
  await settlement.open();

  const { retentionMs } = config;
  const retention =
    retentionMs === undefined
      ? undefined
      : new Retention({
          retentionMs,
          drop: (beforeMs) => storage.dropOld(beforeMs),
          clock: systemClock,
          log,
        });

  const gate = new Gate();
  const policy = { allowLoopback: config.allowLoopback };
  const upstream = new HttpUpstream(policy);
  const app = createApp({
    world: {
      keys,
      accounts,
      funds,
      rateLimits: storage.rateLimits,
      repeats: new Repeats({ store, clock: systemClock }),
      market: catalog,
      journal,
      exposure,
      upstream,
      clock: systemClock,
      metrics,
      logger: log,
      quality,
      homes: new SessionHomes(() => systemClock.nowMs()),
      usageComparison: new UsageComparison({ market: catalog, metrics, logger: log, random: Math.random }),
      random: Math.random,
      pause,
      deadlineMs: DEADLINE_MS,
    },
    catalog,
    store,
    chain: { account: (accountId) => watch.loadAccount(accountId) },
    finder: chain.finder,
    relay: chain.relay,
    exits: chain.exits,
    opinions,
    reviews: chain.reviews,
    wallets: {
      chainId: config.chainId,
      escrow: chain.contracts.escrow,
      payee,
      nonces: storage.nonces ?? new UsedNonces(systemClock, await store.usedPayments(nowSec())),
      finder: chain.finder,
      load: (accountId) => watch.loadAccount(accountId),
      recover: recoverSigner,
    },
    network: {
      chainId: config.chainId,
      operatorId,
      payee,
      contracts: chain.contracts,
      minDepositWei: config.minDepositWei,
    },
    sessions: new Sessions({
      journal,
      store,
      signIn: chain.signIn,
      clock: systemClock,
      chainId: config.chainId,
      allowsDomain: (site) => allowsSignIn(site, config),
      secret: config.adminToken,
    }),
    operatorId,
    adminToken: config.adminToken,
    corsOrigins: config.corsOrigins,
    proveRow: rowProver(operatorId, store, chain),
    verifyEndpoint: chain.verifyEndpoint,
    refuseEndpoint: (baseUrl) => refuseEndpoint(baseUrl, policy),
    refreshMarket: () => watch.refreshMarket(),
    registry,
    gate,
    trace: tracing?.trace,
    problems: () => {
      const limit = exposure.closed();
      return limit === undefined ? [] : [settlementBehind(limit).message];
    },
  });

  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, app);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = BODY_TIMEOUT_MS;
  watch.start();
  settlement.start();
  answers.start();
  reviews.start();
  retention?.start();
  storage.follow(
    new FollowKeys({
      store,
      onKey: (key) => keys.add(key),
      onEndpoint: (endpoint) => {
        if (catalog.endpoint(endpoint.listingId)?.issuedAtSec !== endpoint.issuedAtSec)
          catalog.setEndpoint(endpoint);
      },
      loadAccount: (accountId) => watch.loadAccount(accountId),
      isLoaded: (accountId) => accounts.snapshot(accountId) !== undefined,
    }),
    async (name) => {
      const id = parseReceiptId(name);
      const feedback = id && (await store.feedbackOn(id.accountId, id.seq));
      if (feedback) opinions.heard(feedback);
    },
  );
  const url = await listen(server, config);
  // Takes a third of a second of the event loop: better now than in the first request that needs it.
  void loadCounter();
  log.info({ url, operatorId, receiptKey: signer.address, settler: chain.settler }, "router: serving");

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    log.info({ inFlight: gate.inFlight() }, "router: stopping");
    server.close();
    server.closeIdleConnections();
    const isDrained = await within(config.drainMs, gate.drain());
    if (!isDrained)
      log.warn({ inFlight: gate.inFlight() }, "router: requests are cut off; they cost nothing new");
    server.closeAllConnections();
    // What the cut-off requests had received is journaled as they end.
    await within(CUT_OFF_MS, gate.drain());
    await settlement.stop();
    await answers.stop();
    await reviews.stop();
    await retention?.stop();
    if (!journal.failure() && !(await settlement.flush(config.drainMs)))
      log.warn({}, "router: not everything is settled; the next start goes on");
    await watch.stop();
    await upstream.close();
    await storage.close();
    await tracing?.close();
    log.info({}, "router: stopped");
  };
  return {
    url,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Its packages take memory, which only those who want traces have to spend. */
async function startTracing(endpoint: string, operatorId: number): Promise<Tracing> {
  const { openTracing } = await import("./adapters/tracing.ts");
  return openTracing(endpoint, operatorId);
}

const pause = async (ms: number, signal: AbortSignal): Promise<boolean> =>
  sleep(ms, undefined, { signal }).then(
    () => true,
    () => false,
  );

const CUT_OFF_MS = 5_000;

/** True if `work` was done in time. */
async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, ms, false)));
  const done = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return done;
}

async function listen(server: Server, { host, port }: Config): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return `http://${host.includes(":") ? `[${host}]` : host}:${actual}`;
}

/** Another site must not collect sign-ins for this router: its own address, those it was told of, and the developer's. */
function allowsSignIn(domain: string, { host, port, signInDomains, allowLoopback }: Config): boolean {
  if (signInDomains.includes(domain) || domain === `${host}:${port}`) return true;
  return allowLoopback && /^(?:localhost|127\.0\.0\.1)(?::\d+)?$/.test(domain);
}

/** A router that can't settle, or whose receipts bind nobody, must not serve. @throws {SetupError} */
async function checkOperator(
  chain: OpenedChain,
  signer: ReceiptSigner,
  config: Config,
  log: Logger,
): Promise<OperatorInfo> {
  const operator = await chain.operator();
  const problem = !operator.receiptKeyKnown
    ? `${signer.address} (AI1NET_RECEIPT_KEY) is no receipt key of operator ${config.operatorId}: Registry.addReceiptKey`
    : !operator.settlerAllowed
      ? `${chain.settler} (AI1NET_SETTLER_KEY) may not settle for operator ${config.operatorId}: Registry.setSettler`
      : undefined;
  if (problem !== undefined) throw new SetupError(`the router can't start: ${problem}`);
  if (operator.settlerGasWei === 0n)
    log.warn(
      { settler: chain.settler },
      "router: the settler has nothing to pay gas with; nothing will settle",
    );
  return operator;
}

interface Storage {
  /** Where several routers share them. */
  readonly nonces: PaymentNonces | undefined;
  readonly journal: Journal & SequenceCounters;
  readonly store: Store;
  readonly leads: () => Promise<boolean>;
  readonly dropOld: RetentionOptions["drop"];
  readonly funds: Funds;
  readonly rateLimits: RateLimits;
  /** Takes in what other routers do from here on. */
  follow(keys: FollowKeys, onFeedback: (receiptId: string) => Promise<void>): void;
  close(): Promise<void>;
}

async function openStorage(
  config: Config,
  signer: ReceiptSigner,
  accounts: AccountBook,
  kept: DropOptions,
  log: Logger,
): Promise<Storage> {
  const { operatorId, chainId, ledger, acceptJournalTail: acceptTail } = config;
  const identity: JournalIdentity = { operatorId, chainId, ledger };
  const common = { identity, sign: signer.sign, clock: systemClock, log, acceptTail };
  if (config.databaseUrl !== undefined) {
    const database = postgresDatabase(config.databaseUrl, log);
    const nowMs = (): number => systemClock.nowMs();
    const leases = new PostgresLeases({
      database,
      holder: randomUUID(),
      snapshot: (accountId) => accounts.snapshot(accountId),
      nowMs,
      leaseMs: LEASE_MS,
    });
    const { journal, store } = await openPostgresJournal({ ...common, database, leases });
    const leadership = postgresLeadership(database, log);
    let notices: Notices | undefined;
    const funds = new LeasedFunds({
      accounts,
      leases,
      database,
      askBack: async (name) => notices?.send(`lease ${name}`),
      nowMs,
      leaseMs: LEASE_MS,
      log,
    });
    return {
      nonces: sqlNonces(database, systemClock),
      journal,
      store,
      leads: () => leadership.isLeader(),
      dropOld: dropOldRows(database, () => leadership.isLeader(), kept),
      funds,
      rateLimits: postgresRateLimits(database),
      follow: (keys, onFeedback) => {
        funds.start();
        notices = postgresNotices({
          database,
          log,
          onNotice: async (text) => {
            const [what, name = ""] = text.split(" ", 2);
            if (what === "lease") return funds.giveBack(text.slice("lease ".length));
            return what === "feedback" ? onFeedback(name) : keys.changed();
          },
          onConnect: () => keys.changed(),
        });
      },
      close: async () => {
        await notices?.close();
        await journal.close();
        await funds.stop();
        await leadership.resign();
        await database.close();
      },
    };
  }
  const journal = await openFileJournal({ ...common, directory: path.join(config.dataDir, "journal") });
  const directory = path.join(config.dataDir, "store");
  const store = await openProjectedStore({ directory, journal, identity, log });
  const startedAtMs = systemClock.nowMs();
  const fromDay = Math.min(startDayOf("weekly", startedAtMs), startDayOf("monthly", startedAtMs));
  const keyBook = new KeyBook(await store.keyDays(fromDay));
  return {
    nonces: undefined,
    journal,
    store,
    leads: () => Promise.resolve(true),
    dropOld: dropOldFiles(journal, store, kept),
    funds: new BookFunds(accounts, keyBook, () => systemClock.nowMs()),
    rateLimits: memoryRateLimits(),
    // The lock on the journal keeps others away.
    follow: () => undefined,
    close: async () => {
      await journal.close();
      await store.close();
    },
  };
}
