import type { App, Listing, MarketSnapshot, Model, Provider } from "../../model/market.ts";
import { UNITS, type Offer, type Unit } from "../../model/offer.ts";
import { registryAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";

/** Calls under way at once: a few HTTP requests' worth. */
const CALLS_AT_ONCE = 500;

export interface MarketReader {
  read(): Promise<MarketSnapshot>;
  /** Forgets what can't change, since the chain itself has changed. */
  reset(): void;
}

/** Reads the Registry by id, from 1 to its counts, at one block. Immutable things are read once. */
export function marketReader(client: Client, { registry }: Contracts): MarketReader {
  const known = {
    models: new Map<number, Model>(),
    listings: new Map<number, Listing>(),
    apps: new Map<number, App>(),
  };

  return {
    reset: () => {
      for (const map of Object.values(known)) map.clear();
    },
    read: async () => {
      const blockNumber = await client.getBlockNumber();
      const at = { address: registry, abi: registryAbi, blockNumber } as const;
      const [[, providerCount, modelCount, listingCount, offerCount, appCount], minProviderStakeWei] =
        await Promise.all([
          client.readContract({ ...at, functionName: "counts" }),
          client.readContract({ ...at, functionName: "minProviderStake" }),
        ]);

      const models = await each(modelCount, known.models, async (modelId): Promise<Model> => {
        const { name, unit } = await client.readContract({ ...at, functionName: "model", args: [modelId] });
        return { modelId, name, unit: UNITS[unit] as Unit };
      });
      const listings = await each(listingCount, known.listings, async (listingId): Promise<Listing> => {
        const listing = await client.readContract({ ...at, functionName: "listing", args: [listingId] });
        return { listingId, providerId: listing.providerId, modelId: listing.modelId };
      });
      const apps = await each(appCount, known.apps, async (appId): Promise<App> => {
        const { owner, feeBps } = await client.readContract({ ...at, functionName: "app", args: [appId] });
        return { appId, owner, feeBps };
      });
      const providers = await each(providerCount, new Map(), async (providerId): Promise<Provider> => {
        const { owner, payee, stake } = await client.readContract({
          ...at,
          functionName: "provider",
          args: [providerId],
        });
        return { providerId, owner, payee, stakeWei: stake.bonded };
      });
      const offers = await each(offerCount, new Map(), async (offerId): Promise<Offer> => {
        const offer = await client.readContract({ ...at, functionName: "offer", args: [offerId] });
        const listing = listings[offer.listingId - 1] as Listing;
        return {
          offerId,
          listingId: offer.listingId,
          providerId: offer.providerId,
          modelId: listing.modelId,
          inputPrice: offer.inputPrice,
          outputPrice: offer.outputPrice,
          requestPrice: offer.requestPrice,
          cachedBps: offer.cachedBps,
          createdAtSec: offer.createdAt,
          retiresAtSec: offer.retiresAt,
        };
      });
      return { blockNumber, models, providers, listings, offers, apps, minProviderStakeWei };
    },
  };
}

/** `read(1)` to `read(count)`, those that are known left out. */
async function each<T>(count: number, known: Map<number, T>, read: (id: number) => Promise<T>): Promise<T[]> {
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((id) => !known.has(id));
  for (let at = 0; at < missing.length; at += CALLS_AT_ONCE) {
    const ids = missing.slice(at, at + CALLS_AT_ONCE);
    const found = await Promise.all(ids.map(read));
    for (const [i, id] of ids.entries()) known.set(id, found[i] as T);
  }
  return Array.from({ length: count }, (_, i) => known.get(i + 1) as T);
}
