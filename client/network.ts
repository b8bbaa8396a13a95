import type { Hex } from "viem";

/** Where a router's money is: read from it once, or written down and checked by yourself. */
export interface Network {
  /** Without `/v1`. */
  readonly routerUrl: string;
  readonly chainId: number;
  readonly operatorId: number;
  /** Whom the operator has itself paid; what wallets authorize payments to. */
  readonly payee: Hex;
  readonly contracts: {
    readonly ledger: Hex;
    readonly registry: Hex;
    readonly escrow: Hex;
    readonly token: Hex;
    readonly disputes: Hex;
    /** Where operators are asked for authorizations. */
    readonly challenges: Hex;
  };
}

/** Asks a router for its network. @throws {Error} when it does not answer */
export async function readNetwork(routerUrl: string): Promise<Network> {
  const origin = routerUrl.replace(/\/(?:v1\/?)?$/, "");
  const response = await fetch(`${origin}/v1/network`);
  if (!response.ok) throw new Error(`${origin}/v1/network: ${response.status} ${await response.text()}`);
  const { chain_id, operator_id, payee, contracts } = (await response.json()) as {
    chain_id: number;
    operator_id: number;
    payee: Hex;
    contracts: Network["contracts"];
  };
  return { routerUrl: origin, chainId: chain_id, operatorId: operator_id, payee, contracts };
}
