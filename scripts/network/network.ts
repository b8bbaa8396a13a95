/** How to reach a network: its chain, its contracts, its router. */
import { JsonRpcProvider, VoidSigner, ZeroAddress, type Signer } from "ethers";
import { contractsOf, type Deployment } from "../deploy/deploy.ts";

export interface Network {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly routerUrl: string;
  readonly contracts: Deployment;
}

/** What `npm start` writes to `data/dev.json` for everything that talks to the demo. */
export interface DevNetwork extends Network {
  readonly operatorId: number;
  readonly demo: {
    readonly apiKey: string;
    readonly payer: string;
    readonly accountId: number;
    readonly providers: readonly DevProvider[];
  };
}

export interface DevProvider {
  readonly name: string;
  readonly model: string;
  readonly providerId: number;
  readonly listingId: number;
  readonly offerId: number;
  readonly owner: string;
  readonly baseUrl: string;
}

/** A provider that asks often enough to feel immediate, and remembers nothing that may have changed. */
export function rpcProvider(rpcUrl: string, chainId: number): JsonRpcProvider {
  return new JsonRpcProvider(rpcUrl, chainId, {
    staticNetwork: true,
    pollingInterval: 250,
    cacheTimeout: -1,
  });
}

/** The contracts, to read from. */
export function readers(network: Network, provider: JsonRpcProvider): ReturnType<typeof contractsOf> {
  return contractsOf(network.contracts, new VoidSigner(ZeroAddress, provider));
}

/** The contracts, on behalf of `signer`. */
export function writers(network: Network, signer: Signer): ReturnType<typeof contractsOf> {
  return contractsOf(network.contracts, signer);
}
