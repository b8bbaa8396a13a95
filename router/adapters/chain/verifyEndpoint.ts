import { recoverTypedDataAddress, type Hex } from "viem";

import type { EndpointMessage } from "../../ports.ts";
import { registryAbi } from "./abi.ts";
import type { Client, Contracts } from "./contracts.ts";

const TYPES = {
  Endpoint: [
    { name: "listingId", type: "uint32" },
    { name: "baseUrl", type: "string" },
    { name: "upstreamModel", type: "string" },
    { name: "apiKeyHash", type: "bytes32" },
    { name: "maxOutputUnits", type: "uint24" },
    { name: "contextUnits", type: "uint24" },
    { name: "issuedAt", type: "uint40" },
  ],
} as const;

/**
 * Who signed where a listing is served: the key's address or, when the listing's owner is a contract wallet that takes
 * the signature (ERC-1271), that owner. Undefined for what is no signature.
 */
export async function verifyEndpoint(
  client: Client,
  { registry }: Contracts,
  chainId: number,
  message: EndpointMessage,
  signature: Hex,
): Promise<Hex | undefined> {
  const typed = {
    domain: { name: "AI1NET Router", version: "1", chainId, verifyingContract: registry },
    types: TYPES,
    primaryType: "Endpoint",
    message: { ...message },
  } as const;
  const at = { address: registry, abi: registryAbi } as const;
  const { providerId } = await client.readContract({
    ...at,
    functionName: "listing",
    args: [message.listingId],
  });
  const { owner } = await client.readContract({ ...at, functionName: "provider", args: [providerId] });
  if ((await client.getCode({ address: owner })) !== undefined) {
    return (await client.verifyTypedData({ ...typed, address: owner, signature })) ? owner : undefined;
  }
  return recoverTypedDataAddress({ ...typed, signature }).catch(() => undefined);
}
