/** A router's request half with fakes behind: one account, one model, providers of rising price. */
import { createHash } from "node:crypto";
import { Catalog } from "../../router/market/catalog.ts";
import { ModelQuality } from "../../router/market/modelQuality.ts";
import { SessionHomes } from "../../router/market/sessionHomes.ts";
import { AccountBook, type AccountSnapshot } from "../../router/model/account.ts";
import { memoryRateLimits } from "../../router/adapters/rateLimits.ts";
import { BookFunds } from "../../router/model/bookFunds.ts";
import { toHex } from "../../router/model/bytes.ts";
import { KeyBook } from "../../router/model/keyBook.ts";
import type { KeyDay } from "../../router/model/keyDay.ts";
import type { MarketSnapshot } from "../../router/model/market.ts";
import type { Offer } from "../../router/model/offer.ts";
import type { ApiKey, Endpoint } from "../../router/model/record.ts";
import type { Metrics } from "../../router/ports.ts";
import { KeyRing } from "../../router/request/authenticate.ts";
import { UsageComparison } from "../../router/request/compareUsage.ts";
import { Repeats, type RepeatsOptions } from "../../router/request/repeats.ts";
import type { World } from "../../router/request/world.ts";
import { FakeJournal } from "./journal.ts";
import { silentLog } from "./samples.ts";
import { FakeStore } from "./store.ts";
import { FakeUpstream } from "./upstream.ts";

export const MODEL = "acme/summarizer";
export const EMBEDDER = "acme/embedder";
export const PAINTER = "acme/painter";
export const SOLVER = "acme/solver";
export const SPEAKER = "acme/speaker";
export const ACCOUNT = 11;
export const SECRET = "s".repeat(43);
export const BEARER = `Bearer sk-ai1-${"a".repeat(16)}-${SECRET}`;

export const sampleKey: ApiKey = {
  keyId: "a".repeat(16),
  accountId: ACCOUNT,
  name: "test",
  secretHash: toHex(createHash("sha256").update(SECRET).digest()),
  createdAtMs: 0,
};

export function sampleOffer(overrides: Partial<Offer> = {}): Offer {
  return {
    offerId: 100,
    listingId: 1,
    providerId: 1,
    modelId: 1,
    inputPrice: 10n,
    outputPrice: 30n,
    requestPrice: 7n,
    cachedBps: 10_000,
    createdAtSec: 0,
    retiresAtSec: 2 ** 40 - 1,
    ...overrides,
  };
}

export function sampleEndpoint(overrides: Partial<Endpoint> = {}): Endpoint {
  return {
    listingId: 1,
    baseUrl: "https://provider.example/v1",
    upstreamModel: "upstream-model",
    apiKey: undefined,
    maxOutputUnits: 100,
    contextUnits: 8_000,
    issuedAtSec: 1,
    ...overrides,
  };
}

export const OWNER = `0x${"0a".repeat(20)}` as const;

/** `offers.length` providers, each with one listing of the same number; the first offers the embedder, too. */
export function sampleMarket(offers: readonly Offer[]): MarketSnapshot {
  const ids = [...new Set(offers.map(({ listingId }) => listingId))];
  return {
    blockNumber: 1n,
    models: [
      { modelId: 1, name: MODEL, unit: "token" },
      { modelId: 2, name: EMBEDDER, unit: "token" },
      { modelId: 3, name: PAINTER, unit: "image" },
      { modelId: 4, name: SPEAKER, unit: "second" },
      { modelId: 5, name: SOLVER, unit: "token" },
    ],
    providers: ids.map((id) => ({ providerId: id, owner: OWNER, payee: OWNER, stakeWei: 1_000n })),
    listings: ids.map((id) => ({ listingId: id, providerId: id, modelId: 1 })),
    offers,
    apps: [{ appId: 5, owner: OWNER, feeBps: 500 }],
    minProviderStakeWei: 1_000n,
  };
}

export function sampleSnapshot(overrides: Partial<AccountSnapshot> = {}): AccountSnapshot {
  return {
    accountId: ACCOUNT,
    operatorId: 3,
    owner: OWNER,
    signer: OWNER,
    strict: false,
    maxAppFeePct: 10,
    balanceWei: 1_000_000n,
    creditsWei: 0n,
    nextSeq: 0,
    exitWei: 0n,
    blockNumber: 1n,
    ...overrides,
  };
}

/** Keeps every figure. */
class FakeMetrics implements Metrics {
  readonly seen: unknown[][] = [];
  request(...figures: unknown[]): void {
    this.seen.push(["request", ...figures]);
  }
  stage(...figures: unknown[]): void {
    this.seen.push(["stage", ...figures]);
  }
  attempt(...figures: unknown[]): void {
    this.seen.push(["attempt", ...figures]);
  }
  journaled(...figures: unknown[]): void {
    this.seen.push(["journaled", ...figures]);
  }
  overexposed(...figures: unknown[]): void {
    this.seen.push(["overexposed", ...figures]);
  }
  overreported(...figures: unknown[]): void {
    this.seen.push(["overreported", ...figures]);
  }
  compared(...figures: unknown[]): void {
    this.seen.push(["compared", ...figures]);
  }
}

export interface FakeWorld extends World {
  readonly quality: ModelQuality;
  readonly market: Catalog;
  readonly journal: FakeJournal;
  readonly upstream: FakeUpstream;
  readonly metrics: FakeMetrics;
  /** How long the router would have waited, each time. */
  readonly pauses: number[];
}

/** Two providers (listing 1 cheap, listing 2 dear) unless told otherwise, and 1,000,000 wei. */
export function fakeWorld(
  options: {
    offers?: readonly Offer[];
    balanceWei?: bigint;
    random?: () => number;
    key?: Partial<ApiKey>;
    keyDays?: readonly KeyDay[];
    store?: RepeatsOptions["store"];
  } = {},
): FakeWorld {
  const offers = options.offers ?? [
    sampleOffer(),
    sampleOffer({ offerId: 200, listingId: 2, providerId: 2, inputPrice: 20n, outputPrice: 60n }),
  ];
  const clock = { nowMs: () => Date.now() };
  const market = new Catalog(
    clock,
    offers.map(({ listingId }) => sampleEndpoint({ listingId })),
  );
  market.refresh(sampleMarket(offers));
  const pauses: number[] = [];
  const accounts = new AccountBook();
  const journal = new FakeJournal();
  accounts.refresh(sampleSnapshot({ balanceWei: options.balanceWei ?? 1_000_000n }));
  const metrics = new FakeMetrics();
  const random = options.random ?? (() => 0.5);
  return {
    keys: new KeyRing([{ ...sampleKey, ...options.key }]),
    accounts,
    funds: new BookFunds(accounts, new KeyBook(options.keyDays), () => clock.nowMs()),
    market,
    exposure: { exceeded: () => undefined },
    rateLimits: memoryRateLimits(),
    repeats: new Repeats({ store: options.store ?? new FakeStore(journal), clock }),
    journal,
    upstream: new FakeUpstream(),
    clock,
    metrics,
    logger: silentLog,
    quality: new ModelQuality(),
    homes: new SessionHomes(clock.nowMs),
    usageComparison: new UsageComparison({ market, metrics, logger: silentLog, random }),
    random,
    pauses,
    pause: async (ms, signal) => {
      pauses.push(ms);
      return !signal.aborted;
    },
    deadlineMs: 600_000,
  };
}
