/** `data/dev.json`: where a running demo economy is, for command lines, tests and people. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

import type { Deployment } from "./deploy/deploy.ts";

const address = z.string().regex(/^0x[0-9a-fA-F]{40}$/u);

const Shape = z.object({
  rpcUrl: z.url(),
  chainId: z.int(),
  routerUrl: z.url(),
  operatorId: z.int(),
  contracts: z.object({
    AI1NET: address,
    Registry: address,
    Escrow: address,
    Ledger: address,
    Disputes: address,
    Challenges: address,
    Reviews: address,
    Rewards: address,
  }),
  demo: z.object({
    apiKey: z.string(),
    payer: address,
    accountId: z.int(),
    /** Holds what is left of the demo's tokens; new identities are funded from it. */
    treasury: address,
    providers: z.array(
      z.object({
        name: z.string(),
        providerId: z.int(),
        listingId: z.int(),
        offerId: z.int(),
        owner: address,
        model: z.string(),
        baseUrl: z.string(),
      }),
    ),
  }),
});

export interface EconomyFile extends z.infer<typeof Shape> {
  readonly contracts: Deployment;
}

/** No demo economy runs on this data directory. */
export class NoEconomy extends Error {
  override readonly name = "NoEconomy";
}

export const economyFilePath = (dataDir: string): string => path.join(dataDir, "dev.json");

/** @throws {NoEconomy} */
export function readEconomyFile(dataDir: string): EconomyFile {
  const file = economyFilePath(dataDir);
  try {
    return Shape.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new NoEconomy(`${file} says of no running economy: start one with "npm start"`, { cause });
  }
}
