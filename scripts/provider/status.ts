/** What a provider has at stake, offers and earns. */
import { formatTokens } from "../../router/model/money.ts";
import { PROVIDER } from "./claim.ts";
import { connect, type Connection } from "./connection.ts";
import { formatPerMillion } from "./prices.ts";
import { ownedProviders, providerOf } from "./registry.ts";

const NOT_RETIRED = 2n ** 40n - 1n;

export async function status(options: { dataDir: string; providerId: number | undefined }): Promise<void> {
  const connection = await connect(options.dataDir);
  try {
    const ids = options.providerId === undefined ? await ownedProviders(connection) : [options.providerId];
    if (ids.length === 0) console.log('no provider is yours yet: "npm run provider -- onboard --help"');
    for (const id of ids) await print(connection, id);
  } finally {
    connection.close();
  }
}

async function print(connection: Connection, providerId: number): Promise<void> {
  const { escrow, registry } = connection;
  const { stake, payee } = await providerOf(connection, providerId);
  const claimableWei = await escrow.claimable(PROVIDER, providerId);
  const pendingWei = await escrow.pending(PROVIDER, providerId);
  console.log(`provider ${providerId}, paid to ${payee}`);
  console.log(`  stake     ${formatTokens(stake.bonded)} $AI1NET${unbonding(stake)}`);
  console.log(`  earnings  ${formatTokens(claimableWei)} claimable, ${formatTokens(pendingWei)} pending`);
  const listings = await registry.queryFilter(registry.filters.ListingCreated(undefined, providerId));
  for (const { args } of listings) {
    const model = await registry.model(args.modelId);
    console.log(`  listing ${args.listingId}: ${model.name}`);
    const offers = await registry.queryFilter(registry.filters.OfferCreated(undefined, args.listingId));
    for (const created of offers) {
      const { inputPrice, outputPrice, requestPrice, retiresAt } = await registry.offer(created.args.offerId);
      const end =
        retiresAt === NOT_RETIRED ? "" : `, until ${new Date(Number(retiresAt) * 1000).toISOString()}`;
      const perRequest = requestPrice > 0n ? `, ${formatTokens(requestPrice)} per request` : "";
      const prices = `${formatPerMillion(inputPrice)} in, ${formatPerMillion(outputPrice)} out per million`;
      console.log(`    offer ${created.args.offerId}: ${prices}${perRequest}${end}`);
    }
  }
}

function unbonding(stake: { readonly unbonding: bigint; readonly readyAt: bigint }): string {
  if (stake.readyAt === 0n) return "";
  return `; ${formatTokens(stake.unbonding)} asked back, from ${new Date(Number(stake.readyAt) * 1000).toISOString()}`;
}
