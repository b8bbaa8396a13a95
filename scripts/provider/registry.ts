/** Reading the Registry for one owner. */
import type { ContractTransactionResponse } from "ethers";

import type { IRegistry } from "../../types/contracts/index.ts";
import type { Connection } from "./connection.ts";

/** Ids of the providers that the wallet owns, in order. */
export async function ownedProviders({ registry, address }: Connection): Promise<number[]> {
  const events = await registry.queryFilter(registry.filters.ProviderRegistered(undefined, address));
  return events.map((event) => Number(event.args.providerId));
}

// TypeChain leaves `provider` out, a word that ethers keeps for itself.
export function providerOf(
  { registry }: Connection,
  providerId: number,
): Promise<IRegistry.ProviderStructOutput> {
  return registry.getFunction("provider")(providerId);
}

/** The id that a transaction gave, by its event's first argument. @throws {Error} when it was not mined as expected */
export async function idFrom(
  { registry }: Connection,
  sent: ContractTransactionResponse,
  event: string,
): Promise<number> {
  const receipt = await sent.wait();
  for (const log of receipt?.logs ?? []) {
    const parsed = registry.interface.parseLog(log);
    if (parsed?.name === event) return Number(parsed.args[0]);
  }
  throw new Error(`transaction ${sent.hash} has no ${event}`);
}
