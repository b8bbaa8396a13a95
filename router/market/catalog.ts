import type { Candidate, ListingHealth } from "../model/candidate.ts";
import type { App, Listing, MarketSnapshot, Model, Provider } from "../model/market.ts";
import type { Offer } from "../model/offer.ts";
import type { Endpoint } from "../model/record.ts";
import type { Clock, Market, Try, UsageSide } from "../ports.ts";
import { Health, type PastTry } from "./health.ts";

const NOTHING: MarketSnapshot = {
  blockNumber: -1n,
  models: [],
  providers: [],
  listings: [],
  offers: [],
  apps: [],
  minProviderStakeWei: 0n,
};

/** The market in memory: what the chain offers, where it is served, how it has been doing. */
export class Catalog implements Market {
  readonly #clock: Clock;
  readonly #endpoints = new Map<number, Endpoint>();
  readonly #health = new Map<number, Health>();
  #snapshot = NOTHING;
  #modelsByName = new Map<string, Model>();
  #modelsById = new Map<number, Model>();
  #listings = new Map<number, Listing>();
  #providers = new Map<number, Provider>();
  #apps = new Map<number, App>();
  #offers = new Map<number, Offer>();
  #candidates = new Map<number, readonly Candidate[]>();

  constructor(clock: Clock, endpoints: Iterable<Endpoint>) {
    this.#clock = clock;
    for (const endpoint of endpoints) this.#endpoints.set(endpoint.listingId, endpoint);
  }

  /** Takes in the market as the chain has it. */
  refresh(snapshot: MarketSnapshot): void {
    this.#snapshot = snapshot;
    this.#modelsByName = new Map(snapshot.models.map((model) => [model.name, model]));
    this.#modelsById = new Map(snapshot.models.map((model) => [model.modelId, model]));
    this.#listings = new Map(snapshot.listings.map((listing) => [listing.listingId, listing]));
    this.#providers = new Map(snapshot.providers.map((provider) => [provider.providerId, provider]));
    this.#apps = new Map(snapshot.apps.map((app) => [app.appId, app]));
    this.#offers = new Map(snapshot.offers.map((offer) => [offer.offerId, offer]));
    this.#match();
  }

  /** Takes in an endpoint that has just answered a probe. */
  setEndpoint(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.listingId, endpoint);
    this.#healthOf(endpoint.listingId).answered();
    this.#match();
  }

  /** Puts offers and endpoints together, so that a request finds them ready. */
  #match(): void {
    const candidates = new Map<number, Candidate[]>();
    for (const offer of this.#snapshot.offers) {
      const endpoint = this.#endpoints.get(offer.listingId);
      const model = this.#modelsById.get(offer.modelId);
      if (!endpoint || !model) continue;
      const providerStakeWei = this.#providers.get(offer.providerId)?.stakeWei ?? 0n;
      const health = this.#healthOf(offer.listingId);
      const candidate = { offer, model, endpoint, providerStakeWei, health };
      const others = candidates.get(offer.modelId);
      if (others) others.push(candidate);
      else candidates.set(offer.modelId, [candidate]);
    }
    this.#candidates = candidates;
  }

  #healthOf(listingId: number): Health {
    let health = this.#health.get(listingId);
    if (!health) this.#health.set(listingId, (health = new Health(() => this.#clock.nowMs())));
    return health;
  }

  model(name: string): Model | undefined {
    return this.#modelsByName.get(name);
  }

  modelById(modelId: number): Model | undefined {
    return this.#modelsById.get(modelId);
  }

  /** Every listing of a model, whether it has offers or not. */
  listingsOf(modelId: number): ReadonlySet<number> {
    const listings = this.#snapshot.listings.filter((listing) => listing.modelId === modelId);
    return new Set(listings.map(({ listingId }) => listingId));
  }

  candidates(modelId: number): readonly Candidate[] {
    return this.#candidates.get(modelId) ?? [];
  }

  app(appId: number): App | undefined {
    return this.#apps.get(appId);
  }

  /** Any offer ever made, retired ones included. */
  offer(offerId: number): Offer | undefined {
    return this.#offers.get(offerId);
  }

  minProviderStakeWei(): bigint {
    return this.#snapshot.minProviderStakeWei;
  }

  /** See {@link Health.remember}. */
  remember(listingId: number, past: PastTry): void {
    this.#healthOf(listingId).remember(past);
  }

  begin(listingId: number): Try | undefined {
    return this.#healthOf(listingId).begin();
  }

  compared(listingId: number, side: UsageSide, reportedUnits: number, countedUnits: number): void {
    this.#healthOf(listingId).compared(side, reportedUnits, countedUnits);
  }

  models(): readonly Model[] {
    return this.#snapshot.models;
  }

  listing(listingId: number): Listing | undefined {
    return this.#listings.get(listingId);
  }

  provider(providerId: number): Provider | undefined {
    return this.#providers.get(providerId);
  }

  endpoint(listingId: number): Endpoint | undefined {
    return this.#endpoints.get(listingId);
  }

  health(listingId: number): ListingHealth {
    return this.#healthOf(listingId);
  }

  /** Every offer of a provider, retired ones included. */
  offersOfProvider(providerId: number): readonly Offer[] {
    return this.#snapshot.offers.filter((offer) => offer.providerId === providerId);
  }

  endpointsOfProvider(providerId: number): readonly Endpoint[] {
    return [...this.#endpoints.values()].filter(
      ({ listingId }) => this.#listings.get(listingId)?.providerId === providerId,
    );
  }

  /** The offers of a model that can be bought at `nowSec`. */
  billableOffers(modelId: number, nowSec: number): readonly Candidate[] {
    return this.candidates(modelId).filter(
      ({ offer, providerStakeWei }) =>
        offer.createdAtSec <= nowSec &&
        nowSec < offer.retiresAtSec &&
        providerStakeWei >= this.minProviderStakeWei(),
    );
  }
}
