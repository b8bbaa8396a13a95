/** Changing prices: a new offer beside the old one, which retires with notice. */
import { formatTokens, type Wei } from "../../router/model/money.ts";
import { connect, type Connection } from "./connection.ts";
import { formatPerMillion } from "./prices.ts";
import { idFrom } from "./registry.ts";

/** The Registry asks for an hour; a margin keeps a slow transaction from missing it. */
const NOTICE_SEC = 3_600 + 120;
const NOT_RETIRED = 2n ** 40n - 1n;

export class UnknownListing extends Error {
  override readonly name = "UnknownListing";
}

export interface RepriceOptions {
  readonly dataDir: string;
  readonly listingId: number;
  readonly inputPriceWei: Wei;
  readonly outputPriceWei: Wei;
  readonly requestPriceWei: Wei;
}

export async function reprice(options: RepriceOptions): Promise<void> {
  const connection = await connect(options.dataDir);
  try {
    const { registry } = connection;
    const { listingId, inputPriceWei, outputPriceWei, requestPriceWei } = options;
    const before = await liveOffers(connection, listingId);
    const sent = await registry.createOffer(
      listingId,
      inputPriceWei,
      outputPriceWei,
      requestPriceWei,
      10_000,
    );
    const offerId = await idFrom(connection, sent, "OfferCreated");
    const perRequest = requestPriceWei > 0n ? `, ${formatTokens(requestPriceWei)} per request` : "";
    console.log(
      `✔ offer ${offerId}: ${formatPerMillion(inputPriceWei)} in, ${formatPerMillion(outputPriceWei)} out per million${perRequest}`,
    );
    for (const old of before) await retireOne(connection, old);
  } finally {
    connection.close();
  }
}

export async function retire(options: { dataDir: string; offerId: number }): Promise<void> {
  const connection = await connect(options.dataDir);
  try {
    await retireOne(connection, options.offerId);
  } finally {
    connection.close();
  }
}

async function liveOffers({ registry }: Connection, listingId: number): Promise<number[]> {
  const events = await registry.queryFilter(registry.filters.OfferCreated(undefined, listingId));
  if (events.length === 0)
    throw new UnknownListing(`listing ${listingId} has no offers: "npm run provider -- status"`);
  const ids = events.map((event) => Number(event.args.offerId));
  const offers = await Promise.all(
    ids.map(async (id) => ({ id, retiresAt: (await registry.offer(id)).retiresAt })),
  );
  return offers.filter(({ retiresAt }) => retiresAt === NOT_RETIRED).map(({ id }) => id);
}

async function retireOne({ registry, rpc }: Connection, offerId: number): Promise<void> {
  const block = await rpc.getBlock("latest");
  const retiresAt = (block?.timestamp ?? Math.floor(Date.now() / 1000)) + NOTICE_SEC;
  await (await registry.retireOffer(offerId, retiresAt)).wait();
  console.log(`✔ offer ${offerId} retires at ${new Date(retiresAt * 1000).toISOString()}`);
}
