/** Pays out what a provider earned. */
import { formatTokens } from "../../router/model/money.ts";
import { connect, type Connection } from "./connection.ts";
import { ownedProviders } from "./registry.ts";

/** IEscrow.Earner.Provider */
export const PROVIDER = 0;

export interface ClaimOptions {
  readonly dataDir: string;
  /** Undefined: all of the owner's; on the demo's chain, all of the demo's if the owner has none. */
  readonly providerId: number | undefined;
  readonly json: boolean;
}

export interface Claimed {
  readonly providerId: number;
  readonly claimedWei: string;
  readonly pendingWei: string;
  /** When everything pending can be claimed, ISO 8601; null when nothing is. */
  readonly pendingUntil: string | null;
}

export async function claim(options: ClaimOptions): Promise<readonly Claimed[]> {
  const connection = await connect(options.dataDir);
  try {
    const results: Claimed[] = [];
    for (const providerId of await chosen(connection, options.providerId))
      results.push(await claimOne(connection, providerId));
    if (options.json) console.log(JSON.stringify(results));
    else print(results);
    return results;
  } finally {
    connection.close();
  }
}

async function chosen(connection: Connection, providerId: number | undefined): Promise<readonly number[]> {
  if (providerId !== undefined) return [providerId];
  const owned = await ownedProviders(connection);
  return owned.length > 0 ? owned : connection.economy.demo.providers.map((provider) => provider.providerId);
}

/** Claims are paid to the provider's payee, whoever sends them. */
async function claimOne({ escrow, rpc }: Connection, providerId: number): Promise<Claimed> {
  const claimableWei = await escrow.claimable(PROVIDER, providerId);
  let claimedWei = 0n;
  if (claimableWei > 0n) {
    const receipt = await (await escrow.claim(PROVIDER, providerId)).wait();
    for (const log of receipt?.logs ?? []) {
      const parsed = escrow.interface.parseLog(log);
      if (parsed?.name === "Claimed") claimedWei = parsed.args["amount"] as bigint;
    }
  }
  const pendingWei = await escrow.pending(PROVIDER, providerId);
  const window = Number(await escrow.challengeWindow());
  const nowSec = (await rpc.getBlock("latest"))?.timestamp ?? Math.floor(Date.now() / 1000);
  const untilSec = (Math.floor(nowSec / window) + 2) * window;
  return {
    providerId,
    claimedWei: claimedWei.toString(),
    pendingWei: pendingWei.toString(),
    pendingUntil: pendingWei > 0n ? new Date(untilSec * 1000).toISOString() : null,
  };
}

function print(results: readonly Claimed[]): void {
  if (results.length === 0) console.log('no provider is yours yet: "npm run provider -- onboard --help"');
  for (const { providerId, claimedWei, pendingWei, pendingUntil } of results) {
    const claimed =
      claimedWei === "0" ? "nothing to claim yet" : `claimed ${formatTokens(BigInt(claimedWei))} $AI1NET`;
    const pending =
      pendingUntil === null
        ? ""
        : `; ${formatTokens(BigInt(pendingWei))} more can be claimed by ${pendingUntil}`;
    console.log(`provider ${providerId}: ${claimed}${pending}`);
  }
}
